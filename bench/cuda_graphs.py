"""CUDA graphs: a network's forward and backward launched as one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Call = Callable[[Tensor], Tensor]


class Graphed:
    """Call a network, in training through CUDA graphs of its forward and backward.

    The graphs are captured at the first batch that is trained on and serve every batch of its
    shape; another shape (an epoch's last, smaller batch) and evaluation go the usual way. The
    weights stay where they are, so that the optimizer needs to know nothing of it. Capturing
    runs the network a few times: what that does to its buffers (batch norm) is undone.
    Source: torch.cuda.make_graphed_callables.
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
            self._graphed = self._captured(images)
        return (self._graphed if images.shape == self._shape else self._eager)(images)

    def _captured(self, images: Tensor) -> Call:
        before = [buffer.clone() for buffer in self._model.buffers()]
        torch.cuda.make_graphed_callables(self._model, (images.clone(),))
        # It replaces the network's own forward, which other shapes still need.
        graphed: Call = self._model.forward
        self._model.forward = self._eager
        self._shape = images.shape
        with torch.no_grad():
            for buffer, value in zip(self._model.buffers(), before, strict=True):
                buffer.copy_(value)
        return graphed
