"""Try out one framework; `python -m d2lcompute` runs this in a separate process.

Each result is printed at once, as one JSON object a line, so a crash loses no earlier result.
"""

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any


def _try_torch() -> tuple[dict[str, str], Callable[[Any], float]]:
    import torch

    def slope(device: Any) -> float:
        x = torch.ones(2, 3, device=device, requires_grad=True)
        (x @ x.T).sum().backward()
        return float(x.grad.sum())

    return {"PyTorch": torch.__version__}, slope


def _try_tensorflow() -> tuple[dict[str, str], Callable[[Any], float]]:
    import keras
    import tensorflow as tf

    def slope(device: Any) -> float:
        with device, tf.GradientTape() as tape:
            x = tf.Variable(tf.ones((2, 3)))
            y = tf.reduce_sum(x @ tf.transpose(x))
        return float(tf.reduce_sum(tape.gradient(y, x)))

    return {"TensorFlow": tf.__version__, "Keras": keras.__version__}, slope


def main(framework: str) -> None:
    """Print the framework's versions, its devices, and whether each can take a gradient.

    Args:
        framework: 'torch' or 'tensorflow'.
    """
    # First the framework itself, whose error must be shown if it cannot be loaded.
    versions, slope = {"torch": _try_torch, "tensorflow": _try_tensorflow}[framework]()
    print(json.dumps({"versions": versions}), flush=True)
    d2l = importlib.import_module(f"d2lcompute.{framework}")
    for device in dict.fromkeys([d2l.cpu(), *d2l.try_all_gpus()]):
        report = {"device": str(device), "name": d2l.device_name(device), "problem": None}
        try:
            # y sums the products of all pairs of rows of x, a (2, 3) matrix of ones; its gradient
            # is 4 for each of the 6 elements.
            if (result := slope(device)) != 24:
                report["problem"] = f"a gradient that should be 24 came out as {result}"
        except Exception as error:
            report["problem"] = f"{type(error).__name__}: {error}".splitlines()[0]
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
