"""A device for torch that is not there: it computes on the processor.

Its tensors refuse what those of a GPU refuse: to be combined with tensors of the processor, and
to become NumPy arrays. So code that forgets where its tensors are fails on any machine. Importing
this changes torch for the whole process: import it in one of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import library
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from conv4rec.model import sparse

NAME = "pretend"
aten = torch.ops.aten
BETWEEN_DEVICES = (aten._to_copy.default, aten.copy_.default)
WITH_INDICES = (aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default)


class PretendTensor(torch.Tensor):
    """A tensor of the device, around one of the processor."""

    raw: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, raw: torch.Tensor):
        made = torch.Tensor._make_wrapper_subclass(
            cls, raw.shape, strides=raw.stride(), storage_offset=raw.storage_offset(),
            dtype=raw.dtype, device=torch.device(NAME, 0),
        )  # fmt: skip
        made.raw = raw
        return made

    @classmethod
    def __torch_dispatch__(cls, op, types, args=(), kwargs=None):
        return run(op, args, kwargs or {})

    def tolist(self):
        return self.raw.tolist()

    def new_tensor(self, data):
        return torch.tensor(data, dtype=self.dtype, device=self.device)

    def __matmul__(self, other):
        if self.dim() == 1:  # torch would squeeze the product in place, and its wrapper not know
            return torch.matmul(self[None], other)[0]
        return torch.matmul(self, other)


def run(op: Any, args: tuple, kwargs: dict) -> Any:
    """Run an operation on the processor, and wrap its results.

    Raises:
        RuntimeError: A tensor of the processor, not a number, is among those of the device.
    """
    given, spec = pytree.tree_flatten((args, kwargs))
    raw, known = [], {}
    for one in given:
        if isinstance(one, PretendTensor):
            raw.append(one.raw)
            known[id(one.raw)] = one
        elif isinstance(one, torch.Tensor):
            is_index = op in WITH_INDICES and not one.is_floating_point()  # may be anywhere
            if one.dim() and op not in BETWEEN_DEVICES and not is_index:
                raise RuntimeError(f"{op}: a tensor of the processor among those of the device")
            raw.append(one)
            known[id(one)] = one
        else:
            raw.append(torch.device("cpu") if isinstance(one, torch.device) else one)
    of_device = any(isinstance(one, PretendTensor) for one in given)
    if kwargs.get("device") is not None:
        of_device = torch.device(kwargs["device"]).type == NAME
    args, kwargs = pytree.tree_unflatten(raw, spec)
    if op is aten._to_copy.default:  # a copy: both devices are the processor
        found = args[0].to(kwargs.get("dtype") or args[0].dtype, copy=True)
    else:
        found = op(*args, **kwargs)
    for one, inside in zip(given, raw, strict=True):
        if isinstance(one, PretendTensor) and one.shape != inside.shape:
            raise RuntimeError(f"{op} resized its argument, which its wrapper does not notice")

    def back(value):
        if not isinstance(value, torch.Tensor):
            return value
        return known.get(id(value), PretendTensor(value) if of_device else value)

    return pytree.tree_map(back, found)


class _Generator(torch.Generator):
    def __new__(cls, device="cpu"):  # noqa: ARG004
        return super().__new__(cls, "cpu")


Pattern = sparse.SparsePattern
_tensor, _products = torch.tensor, (Pattern.times, Pattern.products, Pattern.add_times)


def _made(data, *, dtype=None, device=None):
    made = _tensor(data, dtype=dtype)
    return made if device is None else made.to(device)


def _times(self: Pattern, values: torch.Tensor, table: torch.Tensor):
    if not isinstance(values, PretendTensor):
        return _products[0](self, values, table)
    return PretendTensor(_products[0](_unwrapped(self), values.raw.detach(), table.raw.detach()))


def _inner(self: Pattern, rows: torch.Tensor, columns: torch.Tensor):
    if not isinstance(rows, PretendTensor):
        return _products[1](self, rows, columns)
    return PretendTensor(_products[1](_unwrapped(self), rows.raw.detach(), columns.raw.detach()))


def _add_times(self: Pattern, total: torch.Tensor, values: torch.Tensor, table: torch.Tensor):
    if not isinstance(values, PretendTensor):
        return _products[2](self, total, values, table)
    raw = (one.raw.detach() for one in (total, values, table))
    return _products[2](_unwrapped(self), *raw)


def _unwrapped(pattern: Pattern) -> Pattern:
    return Pattern(pattern.row_starts.raw, pattern.columns.raw, pattern.n_columns)


def install() -> None:
    """Add the device to torch."""
    _setup_privateuseone_for_python_backend(NAME)
    rest = library.Library("_", "IMPL")
    rest.fallback(lambda op, *args, **kwargs: run(op, args, kwargs), "PrivateUse1")
    install.kept = rest  # else it is unregistered
    for name in ("arange", "arange.start", "arange.start_step", "eye", "eye.m"):
        kind, _, overload = name.partition(".")  # torch fills these by resizing an empty tensor
        op = getattr(getattr(aten, kind), overload or "default")
        own = library.impl(f"aten::{name}", "PrivateUse1")
        own(lambda *args, op=op, **kwargs: run(op, args, kwargs))
    torch.tensor, torch.Generator = _made, _Generator
    # Sparse matrices of such a device cannot be made: the products of the processor.
    Pattern.times, Pattern.products, Pattern.add_times = _times, _inner, _add_times
