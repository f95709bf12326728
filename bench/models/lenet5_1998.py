"""LeNet-5 as in its paper.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
Recognition", Proceedings of the IEEE 86(11), 1998, https://doi.org/10.1109/5.726791. Sections,
tables, figures and equations below refer to that paper.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.layers import Classifier
from bench.registry import ImageSize, PositiveFloat, PositiveInt

# Table I: rows are the maps of S2, columns those of C3.
FIELD = 32  # side of the input field in pixels

TABLE_I = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)

# Fig. 3: the digits of the stylised ASCII set, 7×12, which the paper has only as an image. These
# are as public implementations read it (one: github.com/AlgorithmicIntelligence/quantization_lenet,
# RBF_BITMAP.py), including the bars above 0, 2, 4 and 5, and the open 4.
ZERO_TO_FOUR = """
.#####.  ...##..  .#####.  #######  .#####.
.......  ..###..  .......  .....##  .......
..###..  .####..  .#####.  ....##.  .......
.##.##.  ...##..  ##...##  ...##..  .##..##
##...##  ...##..  #....##  ..####.  .##..##
##...##  ...##..  ....##.  .....##  ###..##
##...##  ...##..  ..###..  .....##  ##...##
##...##  ...##..  .##....  .....##  ##...##
.##.##.  ...##..  ##.....  ##...##  ##..###
..###..  .######  #######  .#####.  .######
.......  .......  .......  .......  .....##
.......  .......  .......  .......  .....##
"""

FIVE_TO_NINE = """
.#####.  ..####.  #######  .#####.  .#####.
.......  .##....  .....##  ##...##  ##..###
#######  ##.....  .....##  ##...##  ##...##
##.....  ##.....  ....##.  ##...##  ##...##
##.....  ######.  ...##..  .#####.  ##..###
.####..  ###..##  ...##..  ##...##  .######
..####.  ##...##  ..##...  ##...##  .....##
.....##  ##...##  ..##...  ##...##  .....##
##...##  ###..##  ..##...  ##...##  ....##.
.#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .......
.......  .......  .......  .......  .......
"""


def digit_codes() -> list[list[float]]:
    """Return the codes of the digits 0 to 9: 84 values each, row-major, ink 1, background -1."""
    return [
        [1.0 if pixel == "#" else -1.0 for row in bitmap for pixel in row]
        for digits in (ZERO_TO_FOUR, FIVE_TO_NINE)
        for bitmap in zip(*(line.split() for line in digits.strip().splitlines()), strict=True)
    ]


def squash(x: Tensor) -> Tensor:
    """Apply the paper's squashing function: section II.B, eq. (6); constants from appendix A."""
    return 1.7159 * torch.tanh(x * (2 / 3))


def draw_(parameter: Tensor, fan_in: int | Tensor) -> None:
    """Fill in place from the uniform distribution on ±2.4 / fan-in: appendix A.

    The paper makes no exception for biases, which are weights on a constant input.
    """
    with torch.no_grad():
        parameter.uniform_(-2.4, 2.4).div_(fan_in)


class Subsampling(nn.Module):
    """Sums 2×2 inputs, times a trainable coefficient per map, plus a bias: section II.B, S2."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(maps, 1, 1))
        self.bias = nn.Parameter(torch.empty(maps, 1, 1))
        draw_(self.coefficient, 4)
        draw_(self.bias, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, maps, H, W) to (N, maps, H // 2, W // 2)."""
        return F.avg_pool2d(x, 2, divisor_override=1) * self.coefficient + self.bias


class TableConv2d(nn.Module):
    """A convolution that connects output maps only with some input maps.

    `table` has a row per input map and a column per output map, X for a connection. Only the
    kernels of connections are parameters. They are copied into a dense weight that is zero
    elsewhere, since one dense convolution is faster than sixteen small ones.
    """

    slots: Tensor

    def __init__(self, table: Sequence[str], kernel: int) -> None:
        super().__init__()
        self.inputs, self.outputs = len(table), len(table[0])
        sources = [[i for i, row in enumerate(table) if row[o] == "X"] for o in range(self.outputs)]
        slots = [o * self.inputs + i for o, maps in enumerate(sources) for i in maps]
        self.register_buffer("slots", torch.tensor(slots), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(slots), kernel, kernel))
        self.bias = nn.Parameter(torch.empty(self.outputs))
        fan_in = torch.tensor([len(maps) * kernel**2 for maps in sources])
        draw_(self.weight, fan_in[self.slots // self.inputs].view(-1, 1, 1))
        draw_(self.bias, fan_in)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H - kernel + 1, W - kernel + 1)."""
        kernel = self.weight.shape[1:]
        dense = self.weight.new_zeros(self.outputs * self.inputs, *kernel)
        dense = dense.index_copy(0, self.slots, self.weight)
        return F.conv2d(x, dense.view(self.outputs, self.inputs, *kernel), self.bias)


class RadialBasis(nn.Module):
    """Squared distance of the input to each fixed code: section II.B, eq. (7)."""

    codes: Tensor

    def __init__(self, codes: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.register_buffer("codes", torch.tensor(codes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, length of a code) to (N, number of codes)."""
        # Differences, not |x|² - 2xc + |c|²: that form cancels where a distance is small.
        return (x.unsqueeze(1) - self.codes).square().sum(2)


def border(image_size: ImageSize) -> tuple[int, int, int, int]:
    """Return the pixels to the left, right, top and bottom that complete an image to the field.

    Raises ValueError for an image that is larger than the field.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    right, bottom = FIELD - width, FIELD - height
    if min(right, bottom) < 0:
        raise ValueError(f"takes images of at most {FIELD}×{FIELD}, got {height}×{width}")
    return right // 2, right - right // 2, bottom // 2, bottom - bottom // 2


class LeNet51998(Classifier):
    """The LeNet-5 of 1998, trained by the paper's MAP criterion.

    The paper adds an eleventh class, "rubbish", to the softmax, so that the ten probabilities sum
    to less than one. `rubbish` is its penalty j, a squared distance, for which the paper gives no
    value; 12 is the squared distance of the two nearest codes to their midpoint. `loss` is
    exactly eq. (9) of section II.C; it starts near 84 - j, not near log 10.
    """

    def __init__(
        self,
        *,
        rubbish: PositiveFloat = 12.0,
        in_channels: PositiveInt = 1,
        image_size: ImageSize = 28,
    ) -> None:
        super().__init__()
        self.rubbish = rubbish
        # The paper's 32×32 field has a background border. The edge pixels of a 28×28 image are
        # background, so replicating them fits any normalisation.
        self.field = nn.ReplicationPad2d(border(image_size))  # (N, 1, 28, 28) -> (N, 1, 32, 32)
        # Section II.B, layer by layer.
        self.c1 = nn.Conv2d(in_channels, 6, 5)  # (N, 1, 32, 32) -> (N, 6, 28, 28)
        self.s2 = Subsampling(6)  # (N, 6, 28, 28) -> (N, 6, 14, 14)
        self.c3 = TableConv2d(TABLE_I, 5)  # (N, 6, 14, 14) -> (N, 16, 10, 10)
        self.s4 = Subsampling(16)  # (N, 16, 10, 10) -> (N, 16, 5, 5)
        self.c5 = nn.Conv2d(16, 120, 5)  # (N, 16, 5, 5) -> (N, 120, 1, 1)
        self.f6 = nn.Linear(120, 84)  # (N, 120) -> (N, 84)
        self.output = RadialBasis(digit_codes())  # (N, 84) -> (N, 10)
        for layer in (self.c1, self.c5, self.f6):
            for parameter in layer.parameters():
                draw_(parameter, fan_in=layer.weight[0].numel())

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, in_channels, H, W) to log-probabilities (N, 10)."""
        x = squash(self.c1(self.field(images)))
        x = squash(self.s2(x))
        x = squash(self.c3(x))
        x = squash(self.s4(x))
        x = squash(self.c5(x))
        x = x.flatten(1)  # (N, 120, 1, 1) -> (N, 120)
        penalties = self.output(squash(self.f6(x)))
        # Section II.C, eq. (9): -y_k - log(e^-j + Σ_i e^-y_i), as a softmax over eleven classes
        # whose last one, rubbish, is dropped.
        with_rubbish = F.pad(penalties, (0, 1), value=self.rubbish)
        return F.log_softmax(-with_rubbish, dim=1)[:, :-1]
