"""Solutions of SFFT."""

import numpy as np
import pytest
from astropy.io import fits

from whitediff.io import read_kernel

N0, N1, L0, L1, DEGREE, BACKGROUND_DEGREE = 60, 47, 5, 7, 2, 1
POWERS = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
BACKGROUND_POWERS = [(0, 0), (0, 1), (1, 0)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "solution.fits"


@pytest.fixture
def solution():
    rng = np.random.default_rng(6)
    kernel = rng.normal(size=len(POWERS) * L0 * L1) * N0 * N1
    return np.concatenate([kernel, rng.normal(size=len(BACKGROUND_POWERS))])


def write_solution(path, solution, **extra):
    hdu = fits.PrimaryHDU(solution[None])
    hdu.header.update(
        N0=N0, N1=N1, DK=DEGREE, DB=BACKGROUND_DEGREE, L0=L0, L1=L1, FIJ=len(POWERS), FAB=L0 * L1,
        FPQ=len(BACKGROUND_POWERS), FIJAB=len(POWERS) * L0 * L1,
    )  # fmt: skip
    hdu.header.update(extra)
    hdu.writeto(path)


def subtract(solution, image):
    """The matched image [x, y] of an input image [x, y], by the definition of the solution.

    Each power of the position multiplies the input, which is then convolved, periodically, with
    kernels that are made of differences between a shifted and the central delta function.
    """
    x = (np.arange(N0)[:, None] + 1) / N0
    y = (np.arange(N1)[None, :] + 1) / N1
    matched = np.zeros((N0, N1))
    coefficients = iter(solution / (N0 * N1))
    for i, j in POWERS:
        weighted = image * x**i * y**j
        for a in range(-(L0 // 2), L0 // 2 + 1):
            for b in range(-(L1 // 2), L1 // 2 + 1):
                shifted = np.roll(weighted, (a, b), (0, 1))
                if (a, b) == (0, 0):
                    matched += next(coefficients) * shifted
                else:
                    matched += next(coefficients) * (shifted - weighted)
    background = solution[-len(BACKGROUND_POWERS) :]
    for value, (i, j) in zip(background, BACKGROUND_POWERS, strict=True):
        matched += value * x**i * y**j
    return matched


def test_kernel_makes_the_matched_image(path, solution):
    write_solution(path, solution)
    matching = read_kernel(path)
    assert matching.kernel.shape == (L1, L0) and tuple(matching.kernel.center) == (3, 2)
    image = np.random.default_rng(7).normal(size=(N1, N0))
    expected = subtract(solution, image.T).T
    for x, y in ((3, 4), (30, 20), (56, 42), (2, 43)):
        (kernel,) = matching.kernel.evaluate(np.array([float(x)]), np.array([float(y)]))
        window = image[y - 3 : y + 4, x - 2 : x + 3]
        value = np.sum(kernel[::-1, ::-1] * window) + matching.background(x, y)
        # Some two hundred products of numbers of order one.
        assert float(value) == pytest.approx(expected[y, x], abs=1e-11)


@pytest.mark.parametrize(
    ("convd", "expected"), [(None, None), ("REF", "template"), ("SCI", "science")]
)
def test_direction_is_told_if_it_is_known(path, solution, convd, expected):
    write_solution(path, solution, **({} if convd is None else {"CONVD": convd}))
    matching = read_kernel(path)
    assert matching.convolved == expected
    assert matching.scale == 1.0


@pytest.mark.parametrize("keywords", [{"KSPTYPE": "B-Spline"}, {"SSPDEG": 2}])
def test_other_forms_of_the_kernel(path, solution, keywords):
    write_solution(path, solution, **keywords)
    with pytest.raises(ValueError, match=r"solution\.fits: expected an SFFT solution with a poly"):
        read_kernel(path)


def test_a_background_of_another_form_is_left_out(path, solution):
    write_solution(path, solution, KSPTYPE="Polynomial", BSPTYPE="B-Spline")
    assert read_kernel(path).background is None


@pytest.mark.parametrize("keywords", [{"DK": 3}, {"FAB": 25}, {"L0": 7, "L1": 5, "FPQ": 4}])
def test_numbers_that_do_not_agree(path, solution, keywords):
    write_solution(path, solution, **keywords)
    with pytest.raises(ValueError, match="the SFFT solution must hold"):
        read_kernel(path)


def test_a_missing_keyword(path, solution):
    write_solution(path, solution)
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["DK"]
    with pytest.raises(ValueError, match=r"needs the keywords \['DK'\]"):
        read_kernel(path)


def test_a_solution_that_is_not_finite(path, solution):
    solution[5] = np.inf
    write_solution(path, solution)
    with pytest.raises(ValueError, match="finite"):
        read_kernel(path)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"DK": 10**6}, "DK must be a whole number from 0 to 20, got 1000000"),
        ({"DB": 10**6}, "DB must be a whole number from 0 to 20, got 1000000"),
        ({"DK": -1}, "DK must be a whole number from 0 to 20, got -1"),
        ({"L0": 10**6}, "width of SFFT solution must be a whole number from 1 to 1001"),
        ({"L1": 0}, "height of SFFT solution must be a whole number from 1 to 1001"),
        ({"L0": 1001, "L1": 1001, "FIJ": 100}, "SFFT solution must hold at most 67108864 values"),
        ({"FPQ": 1.5}, "FPQ must be a whole number"),
        ({"N0": 0}, "N0 must be a whole number from 1 to"),
    ],
)
def test_numbers_beyond_reason(path, solution, keywords, message):
    write_solution(path, solution, **keywords)
    with pytest.raises(ValueError, match=rf"solution\.fits: {message}"):
        read_kernel(path)
