"""7×12 bitmaps of the ten digits, the codes of LeNet-5's output units (LeCun et al. 1998, Fig. 3).

The paper has its stylised ASCII set only as an image. These digits are as public implementations
read it (one: github.com/AlgorithmicIntelligence/quantization_lenet, RBF_BITMAP.py), including the
bars above 0, 2, 4 and 5, and the open 4.
"""

ROWS, COLUMNS = 12, 7

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
    return _read(ZERO_TO_FOUR) + _read(FIVE_TO_NINE)


def _read(drawing: str) -> list[list[float]]:
    digits = zip(*(line.split() for line in drawing.split("\n") if line), strict=True)
    return [[1.0 if pixel == "#" else -1.0 for row in rows for pixel in row] for rows in digits]
