"""GPUs that do not exist, for questions about PyTorch's devices."""

from __future__ import annotations

import weakref
from typing import Any

from d2lexercises.frameworks import Tensor


def pretend_devices() -> Any:
    """A context in which PyTorch's tensors may be on GPUs that do not exist.

    They lie in the memory of the host and have their numbers. It keeps a list of what was done: an
    entry is a word, "sent" or "made", the shape of the tensor, and the device that it is on now.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    cpu = torch.device("cpu")

    def device(named: Any) -> Any:
        if isinstance(named, int):
            return torch.device("cuda", named)
        named = torch.device(named)
        return torch.device("cuda", named.index or 0) if named.type == "cuda" else named

    def tensors(*parts: Any) -> list[Tensor]:
        found = [part for part in parts if isinstance(part, torch.Tensor)]
        for one in parts:
            if isinstance(one, list | tuple):
                found += tensors(*one)
        return found

    def memory(tensor: Tensor) -> Any:
        try:
            return tensor.untyped_storage()
        except (NotImplementedError, RuntimeError, ValueError):  # sparse, or without memory
            return None

    class Pretend(TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            # By id: the tensor, and its device. No tensor is kept alive; where an id is used again,
            # the tensor that had it is gone.
            self.elsewhere: dict[int, tuple[Any, Any]] = {}
            self.notes: list[tuple[str, list[int], Any]] = []

        def place(self, tensor: Tensor) -> Any:
            known = self.elsewhere.get(id(tensor))
            if known is not None and known[0]() is tensor:
                return known[1]
            # A parameter is made of a tensor, also in a copy, without a call that is seen here.
            # PyTorch keeps what is noted on its memory as long as it keeps the memory.
            owner, at = getattr(memory(tensor), "pretended", (self, cpu))
            return at if owner is self else cpu

        def put(self, tensor: Tensor, at: Any) -> Tensor:
            self.elsewhere[id(tensor)] = (weakref.ref(tensor), at)
            if at != cpu and (owned := memory(tensor)) is not None:
                owned.pretended = self, at
            return tensor

        def note(self, what: str, tensor: Tensor, at: Any) -> None:
            self.notes.append((what, [int(size) for size in tensor.shape], at))

        def moved(self, tensor: Tensor, to: Any, dtype: Any = None, copy: bool = False) -> Tensor:
            same = to == self.place(tensor)
            if same and not copy and dtype in (None, tensor.dtype):
                return tensor
            if not same:
                self.note("sent", tensor, to)
            return self.put(tensor.to(dtype or tensor.dtype, copy=True), to)

        def to(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            parts = [*args, *(kwargs.get(key) for key in ("device", "dtype", "other"))]
            to, dtype = self.place(tensor), None
            for part in parts:
                if isinstance(part, str | torch.device) or type(part) is int:
                    to = device(part)
                elif isinstance(part, torch.Tensor):
                    to, dtype = self.place(part), part.dtype
                elif isinstance(part, torch.dtype):
                    dtype = part
            return self.moved(tensor, to, dtype, bool(kwargs.get("copy")))

        def attribute(self, func: Any, name: str, tensor: Tensor, *value: Any) -> Any:
            if value:  # it is set
                func(tensor, *value)
                if name == "data":
                    self.put(tensor, self.place(value[0]))
                return None
            if name == "device":
                return self.place(tensor)
            if name in ("is_cuda", "is_cpu"):
                return name.endswith(self.place(tensor).type)
            found = func(tensor)
            return self.put(found, self.place(tensor)) if isinstance(found, torch.Tensor) else found

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs, name = dict(kwargs or {}), str(getattr(func, "__name__", func))
            if name in ("__get__", "__set__"):
                return self.attribute(func, func.__self__.__name__, args[0], *args[1:2])
            if name == "to":
                return self.to(*args, **kwargs)
            if name in ("cpu", "cuda"):
                wanted = [*args[1:], *filter(None, [kwargs.get("device")])]
                return self.moved(args[0], cpu if name == "cpu" else device([*wanted, 0][0]))
            given = tensors(*args, *kwargs.values())
            asked = kwargs.get("device")
            if asked is not None:
                kwargs["device"] = cpu
            # A number on the CPU goes along with anything.
            places = {id(one): self.place(one) for one in given}
            bound = {at for one in given if (at := places[id(one)]) != cpu or one.ndim}
            if name == "_has_compatible_shallow_copy_type":  # Module.to asks
                if "meta" in (self.place(one).type for one in args[:2]):
                    return False
                bound = {self.place(args[0])}
            if name in ("copy_", "__setitem__"):  # writes a tensor into another, wherever it is
                bound = {self.place(args[0])}
                for one in tensors(*args[1:], *kwargs.values()):
                    if (at := self.place(one)) not in bound and (at != cpu or one.ndim):
                        self.note("sent", one, self.place(args[0]))
            if len(bound) > 1 and asked is None:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two "
                    f"devices, {' and '.join(sorted(map(str, bound)))}!"
                )
            if name in ("numpy", "__array__") and bound - {cpu}:
                raise TypeError(
                    f"can't convert {bound.pop()} device type tensor to numpy. Use Tensor.cpu() "
                    "to copy the tensor to host memory first."
                )
            to = next(iter(bound), cpu) if asked is None else device(asked)
            if name == "get_device":
                return -1 if to.index is None else to.index
            result = func(*args, **kwargs)
            if asked is not None and bound - {to} and not name.endswith("_like"):
                self.note("sent", args[0], to)
            for one in tensors(result):
                if id(one) not in places:
                    self.note("made", one, to)
                self.put(one, to)
            return result

    return Pretend()
