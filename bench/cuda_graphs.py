"""CUDA graphs: a network's forward and backward, each launched as a unit."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Call = Callable[[Tensor], Tensor]


class Graphed:
    """Calls a network, in training through CUDA graphs of its forward and backward.

    Graphs are captured at the first training batch and used for every batch of its shape; other
    shapes (an epoch's last batch) and evaluation run eagerly. Weights stay in place, so that the
    optimizer is not affected. Capturing runs the network a few times; buffers (batch norm) are
    restored afterwards. Source: torch.cuda.make_graphed_callables.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._eager: Call = model.forward
        self._graphed: Call | None = None
        self._shape: torch.Size | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Map images to the network's output."""
        if not (self._model.training and torch.is_grad_enabled()):
            return self._eager(images)
        if self._graphed is None:
            self._graphed = self._capture(images)
        return (self._graphed if images.shape == self._shape else self._eager)(images)

    def _capture(self, images: Tensor) -> Call:
        before = [buffer.clone() for buffer in self._model.buffers()]
        torch.cuda.make_graphed_callables(self._model, (images.clone(),))
        # Restore the network's own forward, which other shapes need.
        graphed: Call = self._model.forward
        self._model.forward = self._eager
        self._shape = images.shape
        with torch.no_grad():
            for buffer, value in zip(self._model.buffers(), before, strict=True):
                buffer.copy_(value)
        return graphed
