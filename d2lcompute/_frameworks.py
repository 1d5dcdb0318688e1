"""What distinguishes the frameworks: to add a framework, add it to this table.

The book's tools, the exercises and the grader read the table. Helpers for a framework are a module
of this package; exercises need an adapter in `checks.frameworks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

COMMON = ("numpy", "matplotlib")  # distributions that decide the outputs of every framework


@dataclass(frozen=True)
class Framework:
    """One framework that a chapter can be written for.

    Attributes:
        key: the tag of its cells and the folder of its notebooks: lower-case letters.
        title: its name in text.
        products: the distributions that decide its outputs, with their names for readers. The
            first is imported under its own name.
        roots: top-level modules; code that imports one of them is written for this framework.
        helpers: the module of `d2lcompute` with its helpers; empty if there are no helpers.
        extras: extras of `d2lcompute` that install it.
        gpu_extras: extras that it needs in addition on a GPU.
    """

    key: str
    title: str
    products: Mapping[str, str] = field(hash=False)
    roots: tuple[str, ...]
    helpers: str = ""
    extras: tuple[str, ...] = ()
    gpu_extras: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """The distributions that decide its outputs."""
        return tuple(dict.fromkeys([*self.products, *COMMON]))

    def extras_on(self, device: str) -> tuple[str, ...]:
        """The extras for an environment on "cpu" or "gpu"."""
        return self.extras + (self.gpu_extras if device == "gpu" else ())


FRAMEWORKS: dict[str, Framework] = {
    framework.key: framework
    for framework in (
        Framework(
            key="pytorch",
            title="PyTorch",
            products={"torch": "PyTorch"},
            roots=("torch",),
            helpers="torch",
            extras=("torch",),
        ),
        Framework(
            key="tensorflow",
            title="TensorFlow",
            products={"tensorflow": "TensorFlow", "keras": "Keras"},
            roots=("tensorflow", "keras"),
            helpers="tensorflow",
            extras=("tensorflow",),
            gpu_extras=("cuda",),
        ),
    )
}
