"""Hooks: what changes a training while it runs, beyond its optimizer, schedule and averaging.

A hook has any of three methods, each of which gets the training, with its `model`, `optimizer`,
`scheduler`, and the numbers of `steps` and `epochs` done. `before_training(training)` is called
once, `after_step(training)` after each update, as a part of the timed optimizer phase, and
`after_epoch(training)` after each epoch. A hook may change the network, the optimizer, and

- `batch_size`, which counts from the next epoch;
- `image_size`, to whose shorter side training images are resized from the next step; None leaves
  them as they are, in `data_shape`. Test images always are.

A timing set times the step as it is before the first epoch.
"""

from typing import Protocol

from torch import nn

from bench.registry import Fraction, PositiveInt

METHODS = ("before_training", "after_step", "after_epoch")


SIZE_STEP = 4  # pixels


class Sides(Protocol):
    """The size of a data set's images in pixels."""

    @property
    def height(self) -> int:
        """The number of rows."""

    @property
    def width(self) -> int:
        """The number of columns."""


class Running(Protocol):
    """What the hooks here need of a training."""

    model: nn.Module
    epochs: int
    batch_size: int
    image_size: int | None

    @property
    def data_shape(self) -> Sides:
        """The images as they are in the data set."""


class Freeze:
    """Stops training the parameters whose names start with `layers`, after `epochs` epochs.

    Their gradients are then not computed either. Brock et al. (2017), FreezeOut, arXiv:1706.04983,
    freeze layer after layer; this freezes once. Raises ValueError if no parameter has such a name,
    or all do.
    """

    def __init__(self, layers: str, epochs: PositiveInt = 1) -> None:
        self._layers = layers
        self._epochs = epochs

    def before_training(self, training: Running) -> None:
        """Check the names, before the first step."""
        names = [name for name, _ in training.model.named_parameters()]
        frozen = [name for name in names if name.startswith(self._layers)]
        if not frozen or len(frozen) == len(names):
            which = "all parameters start" if frozen else "no parameter starts"
            raise ValueError(f"{which} with {self._layers!r}; their names: {', '.join(names)}")

    def after_epoch(self, training: Running) -> None:
        """Freeze the layers once their epochs are over."""
        if training.epochs == self._epochs:
            for name, parameter in training.model.named_parameters():
                if name.startswith(self._layers):
                    parameter.requires_grad = False
                    parameter.grad = None


class ProgressiveResizing:
    """Trains on small images first, of the share `start` of their side, and on larger ones later.

    The size grows by the same amount after each of `epochs` epochs, in steps of 4 pixels; then
    images have their own size. Source: Howard (2018), Training Imagenet in 3 hours for USD 25,
    https://www.fast.ai/posts/2018-04-30-dawnbench-fastai.html.
    """

    def __init__(self, *, start: Fraction = 0.5, epochs: PositiveInt = 1) -> None:
        self._start = start
        self._epochs = epochs

    def before_training(self, training: Running) -> None:
        """Start with the smallest size."""
        self._resize(training)

    def after_epoch(self, training: Running) -> None:
        """Set the size of the next epoch."""
        self._resize(training)

    def _resize(self, training: Running) -> None:
        full = min(training.data_shape.height, training.data_shape.width)
        share = self._start + (1 - self._start) * training.epochs / self._epochs
        side = max(SIZE_STEP, SIZE_STEP * round(full * share / SIZE_STEP))
        training.image_size = None if side >= full else side


class BatchGrowth:
    """Multiplies the batch size by `factor` after every `epochs` epochs, up to `most`.

    Smith et al. (2018), Don't decay the learning rate, increase the batch size, arXiv:1711.00489.
    """

    def __init__(
        self, *, factor: PositiveInt = 2, epochs: PositiveInt = 1, most: PositiveInt = 4096
    ) -> None:
        self._factor = factor
        self._epochs = epochs
        self._most = most

    def after_epoch(self, training: Running) -> None:
        """Set the batch size of the next epoch."""
        if training.epochs % self._epochs == 0:
            larger = min(training.batch_size * self._factor, self._most)
            training.batch_size = max(training.batch_size, larger)
