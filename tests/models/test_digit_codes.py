from itertools import combinations

import pytest
import torch

from bench.models.lenet5_1998 import LeNet51998, digit_codes

CODES = torch.tensor(digit_codes())

# The same bitmaps with each row of seven pixels as one number, leftmost pixel highest.
ROWS_IN_HEX = [
    "3E 00 1C 36 63 63 63 63 36 1C 00 00",
    "0C 1C 3C 0C 0C 0C 0C 0C 0C 3F 00 00",
    "3E 00 3E 63 43 06 1C 30 60 7F 00 00",
    "7F 03 06 0C 1E 03 03 03 63 3E 00 00",
    "3E 00 00 33 33 73 63 63 67 3F 03 03",
    "3E 00 7F 60 60 3C 1E 03 63 3E 00 00",
    "1E 30 60 60 7E 73 63 63 73 3E 00 00",
    "7F 03 03 06 0C 0C 18 18 18 18 00 00",
    "3E 63 63 63 3E 63 63 63 63 3E 00 00",
    "3E 67 63 63 67 3F 03 03 06 3C 00 00",
]


def test_there_are_ten_codes_of_7_by_12_signs() -> None:
    assert CODES.shape == (10, 84)
    assert set(CODES.unique().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("digit", range(10))
def test_a_code_is_the_digit_s_bitmap(digit: int) -> None:
    bits = "".join(f"{int(row, 16):07b}" for row in ROWS_IN_HEX[digit].split())
    assert CODES[digit].tolist() == [1.0 if bit == "1" else -1.0 for bit in bits]


@pytest.mark.parametrize(("one", "other"), list(combinations(range(10), 2)))
def test_two_codes_differ_in_many_places(one: int, other: int) -> None:
    assert int((CODES[one] != CODES[other]).sum()) >= 12


def test_the_rubbish_class_starts_halfway_between_the_nearest_codes() -> None:
    nearest = min(int((a - b).square().sum()) for a, b in combinations(CODES, 2))
    assert LeNet51998().rubbish == nearest / 2**2


def test_the_network_contains_the_codes_and_saves_them_with_nothing() -> None:
    model = LeNet51998()
    assert torch.equal(model.output.codes, CODES)
    assert not any("codes" in key for key in model.state_dict())
