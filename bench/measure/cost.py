"""Hardware-independent cost of a network and of its training step: FLOPs, bytes, operations."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

# Operations that overwrite their output without reading it.
OVERWRITING = (
    *("copy_", "zero_", "fill_", "_foreach_copy_", "_foreach_zero_"),
    *("bernoulli_", "normal_", "uniform_"),
)
ALLOCATING = ("empty", "new_empty")  # compute nothing
SHAPED = (  # read only the shape of their input
    *("ones_like", "zeros_like", "full_like", "rand_like", "randn_like"),
    *("new_ones", "new_zeros", "new_full"),
)


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """FLOPs, memory traffic and operations of one training step.

    `flops` counts matrix products and convolutions, a multiply-add as two. `bytes` counts what
    each operation reads and writes once, without caches. `operations` counts the dispatched torch
    operations that compute something: no views, no allocations.
    """

    flops: float
    bytes: float
    operations: int


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def flops_per_image(model: nn.Module, image: Tensor) -> float:
    """Return the FLOPs of forward and backward of one image, (1, C, H, W).

    Counts matrix products and convolutions (torch.utils.flop_counter), a multiply-add as two.
    Leaves gradients in the model: pass a copy.
    """
    with FlopCounterMode(display=False) as counter:
        model(image).sum().backward()
    return float(counter.get_total_flops())


def count_step(step: Callable[[], Any]) -> StepCount:
    """Execute a step once and count its operations.

    The step must not be compiled, which would hide its operations, and not be the first of its
    optimizer, which also initialises the optimizer's state.
    """
    # The FLOP counter is the inner mode: it sees an operation first and passes on its parts.
    with _Traffic() as traffic, FlopCounterMode(display=False) as counter:
        step()
    return StepCount(
        flops=float(counter.get_total_flops()),
        bytes=float(traffic.bytes),
        operations=traffic.operations,
    )


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that compute, and the bytes that they read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(func, OpOverload):
            names = (argument.name for argument in func._schema.arguments)
            inputs = dict(zip(names, args, strict=False)) | (kwargs or {})
            self._add(func, inputs, list(_tensors(result)))
        return result

    def _add(self, func: OpOverload, inputs: dict[str, Any], outputs: list[Tensor]) -> None:
        read, written = _read(func, inputs), _written(func, inputs) + outputs
        if (read or written) and not _computes_nothing(func, inputs, outputs):
            self.operations += 1
            for tensors in (read, written):
                # Each tensor once: an in-place operation also returns what it wrote.
                unique = {id(tensor): tensor for tensor in tensors}
                self.bytes += sum(map(_bytes, unique.values()))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):  # `_foreach_` operations take lists
        for element in value:
            yield from _tensors(element)


def _bytes(tensor: Tensor) -> int:
    """Return the bytes that a tensor occupies; an expanded dimension takes none of its own."""
    if tensor.layout is not torch.strided:
        return tensor.numel() * tensor.element_size()
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return math.prod(size for size, stride in sizes if stride or not size) * tensor.element_size()


def _read(func: OpOverload, inputs: dict[str, Any]) -> list[Tensor]:
    if _name(func) in SHAPED:
        return []
    return [
        tensor
        for argument in func._schema.arguments
        if not (_writes(argument) and (argument.kwarg_only or _name(func) in OVERWRITING))
        for tensor in _tensors(inputs.get(argument.name))
    ]


def _written(func: OpOverload, inputs: dict[str, Any]) -> list[Tensor]:
    """Return the arguments that are written in place.

    Fused optimizers declare gradients as written, but write them only with a gradient scale.
    """
    keeps_grads = _name(func).startswith("_fused_") and inputs.get("grad_scale") is None
    return [
        tensor
        for argument in func._schema.arguments
        if _writes(argument) and not (keeps_grads and argument.name == "grads")
        for tensor in _tensors(inputs.get(argument.name))
    ]


def _computes_nothing(func: OpOverload, inputs: dict[str, Any], outputs: list[Tensor]) -> bool:
    """Return whether this only allocates or makes views, declared as such or not."""
    if _name(func).startswith(ALLOCATING) or func.is_view:
        return True
    if func._schema.is_mutable or not outputs:
        return False
    storages = {_storage(tensor) for value in inputs.values() for tensor in _tensors(value)}
    return all(_storage(tensor) in storages for tensor in outputs)


def _storage(tensor: Tensor) -> int:
    """Return an identifier of a tensor's memory; a unique one for a tensor without memory."""
    if tensor.layout is torch.strided and tensor.numel():
        return tensor.untyped_storage().data_ptr()
    return -id(tensor)


def _name(func: OpOverload) -> str:
    return func._schema.name.rpartition("::")[2]


def _writes(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write
