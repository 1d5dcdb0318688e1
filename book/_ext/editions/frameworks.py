"""What distinguishes the frameworks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Framework:
    """One framework that a chapter can be written for."""

    key: str  # the cell tag, and the folder of its notebooks
    title: str  # as readers write it
    packages: tuple[str, ...]  # what decides its outputs: pinned, and named in the stamp
    extra: str  # the extra of ``d2lcompute`` that brings it


FRAMEWORKS: dict[str, Framework] = {
    framework.key: framework
    for framework in (
        Framework("pytorch", "PyTorch", ("torch", "numpy", "matplotlib"), "torch"),
        Framework(
            "tensorflow", "TensorFlow", ("tensorflow", "keras", "numpy", "matplotlib"), "tensorflow"
        ),
    )
}
