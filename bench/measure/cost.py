"""What a network and its training step cost by count, whatever the machine."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

# What these write does not depend on what was there before.
OVERWRITING = (
    *("copy_", "zero_", "fill_", "_foreach_copy_", "_foreach_zero_"),
    *("bernoulli_", "normal_", "uniform_"),
)
# These allocate and compute nothing; of the second kind, an input gives its shape alone.
ALLOCATING = ("empty", "new_empty")
SHAPED = (
    *("ones_like", "zeros_like", "full_like", "rand_like", "randn_like"),
    *("new_ones", "new_zeros", "new_full"),
)


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """What a step computes and moves.

    `flops` are those of matrix products and convolutions; a multiply-add counts two. `bytes`
    are what each operation must read and write once, each operation by itself: what a cache
    spares is counted, and what an algorithm reads twice is not. `operations` are those that
    torch dispatches and that compute something; views and allocations do not.
    """

    flops: float
    bytes: float
    operations: int


def parameter_count(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def flops_per_image(model: nn.Module, image: Tensor) -> float:
    """Count the FLOPs of one image's forward and backward; a multiply-add counts two.

    `image` is (1, 1, 28, 28). Counted are matrix products and
    convolutions (torch.utils.flop_counter), which element-wise work hardly adds to. The
    count leaves gradients behind: hand over a copy.
    """
    with FlopCounterMode(display=False) as counter:
        model(image).sum().backward()
    return float(counter.get_total_flops())


def count_step(step: Callable[[], Any]) -> StepCount:
    """Take a step once and count what it asks torch for.

    The step is really taken: hand over one that may be, not compiled (a compiled one hides its
    operations), and not an optimizer's first, which also makes its state.
    """
    # The FLOP counter is the inner mode: it sees an operation first and passes on its parts.
    with _Traffic() as traffic, FlopCounterMode(display=False) as counter:
        step()
    return StepCount(
        flops=float(counter.get_total_flops()),
        bytes=float(traffic.bytes),
        operations=traffic.operations,
    )


def example_image() -> Tensor:
    """Make one blank image of the networks' input shape: (1, 1, 28, 28)."""
    return torch.zeros(1, 1, 28, 28)


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that compute, and the bytes that they read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(func, OpOverload):
            given = dict(zip((a.name for a in func._schema.arguments), args, strict=False))
            self._add(func, given | (kwargs or {}), list(_tensors(out)))
        return out

    def _add(self, func: OpOverload, given: dict[str, Any], out: list[Tensor]) -> None:
        read, written = _read(func, given), _written(func, given) + out
        if (read or written) and not _computes_nothing(func, given, out):
            self.operations += 1
            self.bytes += sum(map(_bytes, _different(read)))
            self.bytes += sum(map(_bytes, _different(written)))


def _tensors(value: Any) -> Iterator[Tensor]:
    """Find the tensors in an operation's argument or result; lists hold those of foreach."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for element in value:
            yield from _tensors(element)


def _different(tensors: list[Tensor]) -> Iterator[Tensor]:
    """Give each tensor once: an in-place operation also returns what it wrote."""
    return iter({id(tensor): tensor for tensor in tensors}.values())


def _bytes(tensor: Tensor) -> int:
    """Give the bytes that a tensor occupies; an expanded dimension repeats the same ones."""
    if tensor.layout is not torch.strided:
        return tensor.numel() * tensor.element_size()
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    return math.prod(side for side, stride in sides if stride or not side) * tensor.element_size()


def _read(func: OpOverload, given: dict[str, Any]) -> list[Tensor]:
    if _name(func) in SHAPED:
        return []
    return [
        tensor
        for argument in func._schema.arguments
        if not (_writes(argument) and (argument.kwarg_only or _name(func) in OVERWRITING))
        for tensor in _tensors(given.get(argument.name))
    ]


def _written(func: OpOverload, given: dict[str, Any]) -> list[Tensor]:
    """Give the arguments that are written in place.

    The fused optimizers declare gradients so, which they only unscale where a scale is given.
    """
    untouched = _name(func).startswith("_fused_") and given.get("grad_scale") is None
    return [
        tensor
        for argument in func._schema.arguments
        if _writes(argument) and not (untouched and argument.name == "grads")
        for tensor in _tensors(given.get(argument.name))
    ]


def _computes_nothing(func: OpOverload, given: dict[str, Any], out: list[Tensor]) -> bool:
    """Recognise allocations and views, also those that the schema does not call views."""
    if _name(func).startswith(ALLOCATING) or func.is_view:
        return True
    if func._schema.is_mutable or not out:
        return False
    storages = {_storage(tensor) for value in given.values() for tensor in _tensors(value)}
    return all(_storage(tensor) in storages for tensor in out)


def _storage(tensor: Tensor) -> int:
    """Identify a strided tensor's memory; what has none of its own is only like itself."""
    if tensor.layout is torch.strided and tensor.numel():
        return tensor.untyped_storage().data_ptr()
    return -id(tensor)


def _name(func: OpOverload) -> str:
    return func._schema.name.rpartition("::")[2]


def _writes(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write
