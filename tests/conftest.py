"""What all tests need before they import a framework."""

from importlib.util import find_spec

# PyTorch's build for GPUs loads Triton when it first makes an optimizer. After TensorFlow (2.20 and
# 2.21) that ends the process: https://github.com/tensorflow/tensorflow/issues/124205
if find_spec("triton"):
    import triton  # noqa: F401

pytest_plugins = ["left_out", "expected_skips", "shared_workers"]
