"""What a network costs by count, whatever the machine: parameters and FLOPs."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


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


def example_image() -> Tensor:
    """Make one blank image of the networks' input shape: (1, 1, 28, 28)."""
    return torch.zeros(1, 1, 28, 28)
