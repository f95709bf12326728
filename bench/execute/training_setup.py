"""From a cell to everything that training needs: threads, data, network, optimizer, clock."""

import copy
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.data.images import ImageSet
from bench.data.loaders import Feed, Loader
from bench.errors import UnavailableError
from bench.execute.components import (
    build_augmentation,
    build_averaging,
    build_hooks,
    build_loss,
    build_model,
    build_optimizer,
    build_schedule,
    build_training_step,
)
from bench.execute.executor import RunContext
from bench.measure import openmp_spin
from bench.measure.allocator import set_allocator
from bench.measure.clock import Clock, clock_for
from bench.measure.cost import flops_per_image
from bench.optim.schedules import Span
from bench.registry import load
from bench.study.spec import Cell
from bench.train import Arithmetic, Training

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
ALREADY_LOADED = frozenset(sys.modules)  # before any module of the user's own


@dataclass(frozen=True)
class TrainingSetup:
    """Everything that training and timing a cell need."""

    cell: Cell
    device: torch.device
    loader: Loader
    training: Training
    clock: Clock


def set_up_training(
    cell: Cell,
    seed: int,
    run_context: RunContext,
    *,
    epochs: int,
    tuning: tuple[float, float] | None = None,
) -> TrainingSetup:
    """Set threads, seed, data, network and optimizer up; `epochs` is the schedule's span.

    With `tuning`, a fraction of the training images replaces the test set, and a share of the
    others is trained on. The network is
    initialised on the CPU, so that a seed means the same on every device.
    """
    set_allocator(cell.allocator)
    device = _device(cell)
    torch.set_num_threads(int(cell.threads))
    _set_arithmetic(cell)
    label = cell.dataset.label
    folder = run_context.data_dirs.get(label, run_context.data_dir)
    images = cell.dataset.source().read(folder)
    shared = run_context.shared_images.get((label, cell.normalisation))
    if tuning:
        images, shared = held_out(images, *tuning), None
    loader = _loader(cell, images, seed, device, shared)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would touch every device
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    model = build_model(cell, images.shape).to(device).to(memory_format=FORMATS[cell.memory_format])
    training = _training(cell, model, loader, epochs)
    loader.batch_size = training.batch_size  # which a hook may have changed
    return TrainingSetup(cell, device, loader, training, clock_for(device))


def held_out(images: ImageSet, fraction: float, share: float = 1.0) -> ImageSet:
    """Return a set whose test images are the last fraction of the training images.

    Its training images are the first `share` of the others. Where either part would lack a class,
    as in a set that is sorted by class, the images are taken in a fixed random order.
    """
    count = max(1, round(fraction * len(images.train_images)))
    trained = max(1, round(share * (len(images.train_images) - count)))
    pixels, labels = images.train_images, images.train_labels
    if min(len(np.unique(part)) for part in (labels[:trained], labels[-count:])) < images.classes:
        order = np.random.default_rng(0).permutation(len(labels))
        pixels, labels = pixels[order], labels[order]
    return replace(
        images,
        train_images=pixels[:trained],
        train_labels=labels[:trained],
        test_images=pixels[-count:],
        test_labels=labels[-count:],
    )


def _loader(
    cell: Cell, images: ImageSet, seed: int, device: torch.device, shared: Path | None
) -> Loader:
    augment = build_augmentation(cell)
    feed = Feed(images, cell.batch_size, seed, device, cell.normalisation, augment, shared)
    loader: Loader = load(cell.loader.target)(feed, **cell.loader.parameters)
    return loader


def _training(cell: Cell, model: nn.Module, loader: Loader, epochs: int) -> Training:
    span = Span(epochs, loader.steps_per_epoch)
    optimizer = build_optimizer(cell, model)
    return Training(
        model,
        optimizer,
        build_schedule(cell, optimizer, span),
        Arithmetic(cell.precision, FORMATS[cell.memory_format], cell.compile, cell.cuda_graphs),
        loss=build_loss(cell, next(model.parameters()).device),
        steps_by_epoch=cell.schedule.is_by_epoch,
        label_smoothing=cell.label_smoothing,
        clip_norm=cell.clip_norm,
        training_step=build_training_step(cell),
        averaging=build_averaging(cell, model, span),
        hooks=build_hooks(cell),
        data_shape=loader.shape,
        batch_size=cell.batch_size,
    )


def _device(cell: Cell) -> torch.device:
    """Return the cell's device, checked with torch; the plan saw only the driver."""
    device = torch.device(cell.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UnavailableError("torch finds no usable CUDA device")
        torch.cuda.set_device(device)
    return device


def _set_arithmetic(cell: Cell) -> None:
    """Set denormals, tf32 and determinism as the cell requests.

    By default torch lets cuDNN use tf32, and the fastest kernels whatever their order of sums.
    Raises UnavailableError where the processor cannot flush denormal numbers to zero.
    """
    if not torch.set_flush_denormal(cell.flush_denormal) and cell.flush_denormal:
        raise UnavailableError("this processor can't flush denormal numbers to zero")
    allowed = cell.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
    if cell.deterministic:
        # Required by cuBLAS: https://docs.nvidia.com/cuda/cublas/#results-reproducibility
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(cell.deterministic)


def process_environment(device: torch.device) -> dict[str, Any]:
    """Return what this process runs with, which the machine's fingerprint cannot know."""
    environment: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "spin_count": os.environ.get(openmp_spin.VARIABLE, openmp_spin.DEFAULT),
        "torch": str(torch.__version__),  # its own class would import torch when unpickled
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        environment |= {
            "gpu": torch.cuda.get_device_name(device),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return environment


def count_flops_per_image(setup: TrainingSetup) -> float | None:
    """Count on a copy on the CPU; None for a network that cannot be counted."""
    try:
        model = copy.deepcopy(setup.training.model).to("cpu", torch.float32)
        return flops_per_image(model, torch.zeros(1, *setup.loader.shape.image))
    except Exception:  # a user's network may do what the counter does not support
        return None
