"""Small random distortions of images: an affine map and an elastic field.

After Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied
to Visual Document Analysis" (ICDAR 2003): a random displacement of every pixel, smoothed and
scaled. Only +, -, ×, ÷ and comparisons on float64, one at a time and in a fixed order, so that
every machine and every NumPy gives the same bytes: no sine (its last bit differs between
processors), no matrix product and no float sum (they add in an order of their own).
"""

import numpy as np

SIDE = 28

# Greatest values, in radians/2, fractions, fractions, and pixels.
HALF_TURN = 0.09  # tangent of half the rotation: about ±10°
SCALE = 0.10
SHEAR = 0.15
SHIFT = 1.0
ELASTIC = 2.0

# The field is drawn at 7 × 7 points, 8 pixels apart, and refined three times to a uniform cubic
# B-spline; as a smoothing that is a bell of 4.6 pixels' standard deviation (Simard's: 4).
CONTROL = 7
REFINEMENTS = 3

# Grey values up to DARK become black and from BRIGHT on white: MNIST's strokes are as steep.
DARK, BRIGHT = 0.35, 0.8

AFFINE_DRAWS = 6
DRAWS = AFFINE_DRAWS + 2 * CONTROL * CONTROL


def distort(canvases: np.ndarray, which: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Make one image from each chosen canvas: (S, C, C), (N,), (N, DRAWS) -> (N, 28, 28) uint8.

    `draws` are uniform in [-1, 1); a canvas holds grey values of 0 to 1 around its centre.
    """
    x, y = _affine(draws[:, :AFFINE_DRAWS])
    field = _elastic(draws[:, AFFINE_DRAWS:].reshape(-1, 2, CONTROL, CONTROL))
    grey = _sample(canvases, which, x + field[:, 0], y + field[:, 1])
    grey = (grey - DARK) / (BRIGHT - DARK)
    grey = np.minimum(np.maximum(grey, 0.0), 1.0)
    return (grey * 255.0 + 0.5).astype(np.uint8)


def _affine(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place each pixel of an image in its source, from the centre: (N, 6) -> two (N, 28, 28)."""
    half, wide, high, shear, right, down = draws.T[:, :, None, None]
    tangent = half * HALF_TURN
    square = tangent * tangent
    cosine = (1.0 - square) / (1.0 + square)
    sine = 2.0 * tangent / (1.0 + square)
    place = np.arange(SIDE) - (SIDE - 1) / 2
    x = (place[None, None, :] + shear * SHEAR * place[None, :, None]) * (1.0 + wide * SCALE)
    y = place[None, :, None] * (1.0 + high * SCALE)
    return cosine * x - sine * y + right * SHIFT, sine * x + cosine * y + down * SHIFT


def _elastic(field: np.ndarray) -> np.ndarray:
    """Smooth random displacements: (N, 2, 7, 7) -> (N, 2, 28, 28), in pixels."""
    for _ in range(REFINEMENTS):
        field = _refine(_refine(field).swapaxes(2, 3)).swapaxes(2, 3)
    margin = (field.shape[2] - SIDE) // 2
    return field[:, :, margin : margin + SIDE, margin : margin + SIDE] * ELASTIC


def _refine(field: np.ndarray) -> np.ndarray:
    """Put a point between each two along the third axis, as the binomial 1 4 6 4 1 does."""
    points = field.shape[2]
    fine = np.empty((*field.shape[:2], 2 * points - 3, field.shape[3]))
    fine[:, :, 0::2] = (field[:, :, :-1] + field[:, :, 1:]) * 0.5
    fine[:, :, 1::2] = (field[:, :, :-2] + field[:, :, 1:-1] * 6.0 + field[:, :, 2:]) * 0.125
    return fine


def _sample(canvases: np.ndarray, which: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read grey values between the pixels of the canvases, bilinearly."""
    side = canvases.shape[1]
    # Far outside lies the canvas's own black edge.
    last = side - 1.5
    x = np.minimum(np.maximum(x + (side - 1) / 2, 0.0), last)
    y = np.minimum(np.maximum(y + (side - 1) / 2, 0.0), last)
    column, row = x.astype(np.int64), y.astype(np.int64)
    x, y = x - column, y - row
    corner = (which[:, None, None] * side + row) * side + column
    flat = canvases.reshape(-1)
    left, right = flat.take(corner), flat.take(corner + 1)
    upper = left + (right - left) * x
    left, right = flat.take(corner + side), flat.take(corner + side + 1)
    lower = left + (right - left) * x
    grey: np.ndarray = upper + (lower - upper) * y
    return grey
