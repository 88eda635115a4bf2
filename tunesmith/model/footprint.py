"""How much memory tensors take while something runs: what lives now, the most that lived at once, and whether it lasted."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is one of the ways in which memory runs out: Python's, a GPU's, a CPU's."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in ("allocate memory", "ALLOC_FAILED"))


class Footprint(TorchDispatchMode):
    """Counts the bytes of the tensors it is given, and of every tensor that is made while it lasts.

    A storage counts once however many tensors look at it, from when an operation gives it until nobody holds it. What an
    operation takes and frees within itself, and what the allocator wastes, is not seen.

    Attributes:
        live_bytes: what is held now.
        peak_bytes: the most that was held at once; may be set back to ``live_bytes`` for the peak from then on.
    """

    def __init__(self, tensors: Iterable[torch.Tensor] = ()):
        super().__init__()
        self.live_bytes = self.peak_bytes = 0
        self._sizes: dict[int, int] = {}
        for tensor in tensors:
            self._count(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                self._count(value)
        return result

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self.live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.live_bytes -= self._sizes.pop(key, 0)
