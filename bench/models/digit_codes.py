"""The 7×12 bitmaps of the ten digits that LeNet-5's output units hold (LeCun et al. 1998, Fig. 3).

The paper prints its stylised ASCII set as a picture only. The digits below follow the reading
of that picture which public re-implementations share (one of them:
github.com/AlgorithmicIntelligence/quantization_lenet, RBF_BITMAP.py). The bars above 0, 2, 4
and 5, and the open 4, belong to it.
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
    """Return the codes of the digits 0 to 9: 84 numbers each, row by row, ink 1 and paper -1."""
    return _read(ZERO_TO_FOUR) + _read(FIVE_TO_NINE)


def _read(drawing: str) -> list[list[float]]:
    digits = zip(*(line.split() for line in drawing.split("\n") if line), strict=True)
    return [[1.0 if pixel == "#" else -1.0 for row in rows for pixel in row] for rows in digits]
