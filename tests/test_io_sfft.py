"""Solutions of SFFT."""

import numpy as np
import pytest
from astropy.io import fits
from numpy.lib.stride_tricks import sliding_window_view
from scipy.interpolate import BSpline

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


KNOTS = {"X": [14.5, 31.25], "Y": [20.0]}
SCALING_KNOTS = {"X": [33.0], "Y": []}


def spline_keywords(of, knots):
    keywords = {f"{of}SPTYPE": "B-Spline"}
    for axis, numbers in knots.items():
        keywords[f"N{of}IK{axis}"] = len(numbers)
        keywords |= {f"{of}IK{axis}{n}": number for n, number in enumerate(numbers)}
    return keywords


def position_functions(knots, degree):
    """Products [term, x, y] of powers, or with knots of B-splines, at all pixels."""
    axes = []
    for axis, size in (("X", N0), ("Y", N1)):
        at = np.arange(1.0, size + 1)
        if knots is None:
            axes.append([(at / size) ** power for power in range(degree + 1)])
            continue
        ends = [0.5] * (degree + 1), [size + 0.5] * (degree + 1)
        whole = np.array([*ends[0], *knots[axis], *ends[1]])
        number = len(whole) - degree - 1
        axes.append([BSpline(whole, one, degree)(at) for one in np.eye(number)])
    return np.array(
        [
            np.outer(in_x, in_y)
            for i, in_x in enumerate(axes[0])
            for j, in_y in enumerate(axes[1])
            if knots is not None or i + j <= degree
        ]
    )


def subtracted(image, solution, kernel, scaling, background):
    """What is subtracted, [x, y], from what was not convolved, by the definition of the solution.

    Each function of position multiplies the input, which is then shifted, periodically; the
    central offset has functions of its own, or those of the others.
    """
    coefficients = solution[: len(kernel) * L0 * L1].reshape(len(kernel), L0, L1) / (N0 * N1)
    result = np.einsum("t,txy->xy", solution[len(kernel) * L0 * L1 :], background)
    for n in range(len(kernel)):
        for a, b in np.ndindex(L0, L1):
            shift = a - L0 // 2, b - L1 // 2
            if shift == (0, 0):
                if n < len(scaling):
                    result += coefficients[n, a, b] * scaling[n] * image
            else:
                weighted = coefficients[n, a, b] * kernel[n] * image
                result += np.roll(weighted, shift, (0, 1)) - weighted
    return result


@pytest.mark.parametrize(("degree", "background_knots"), [(1, None), (3, KNOTS)])
@pytest.mark.parametrize("kernel_knots", [None, KNOTS], ids=["powers", "splines"])
@pytest.mark.parametrize("scaling", ["entangled", "constant", "powers", "splines"])
def test_splines_make_the_difference(path, rng, degree, kernel_knots, scaling, background_knots):
    kernel = position_functions(kernel_knots, degree)
    background = position_functions(background_knots, 2)
    solution = rng.normal(size=len(kernel) * L0 * L1 + len(background))
    solution[: len(kernel) * L0 * L1] *= N0 * N1
    central = solution[: len(kernel) * L0 * L1].reshape(-1, L0, L1)[:, L0 // 2, L1 // 2]
    keywords = {
        "DK": degree, "DB": 2, "FIJ": len(kernel), "FPQ": len(background), "CONVD": "SCI",
        "FIJAB": len(kernel) * L0 * L1, "KSPTYPE": "Polynomial", "BSPTYPE": "Polynomial",
        "SEPSCA": str(scaling != "entangled"),
    }  # fmt: skip
    if kernel_knots is not None:
        keywords |= spline_keywords("K", kernel_knots)
    if background_knots is not None:
        keywords |= spline_keywords("B", background_knots)
    of_center = kernel
    if scaling == "constant":
        keywords |= {"SSPTYPE": "Polynomial", "SSPDEG": 0}
        # B-splines add up to one, so that a constant is written as many times as there are.
        central[1:] = 0.0 if kernel_knots is None else central[0]
    elif scaling != "entangled":
        knots = SCALING_KNOTS if scaling == "splines" else None
        of_center = position_functions(knots, 1)
        keywords |= {"SSPTYPE": "Polynomial", "SSPDEG": 1}
        if knots is not None:
            keywords |= spline_keywords("S", knots)
        if len(of_center) > len(kernel):
            write_solution(path, solution, **keywords)
            with pytest.raises(ValueError, match="must have at most 3 coefficients"):
                read_kernel(path)
            return
        central[len(of_center) :] = 0.0
    write_solution(path, solution, **keywords)
    matching = read_kernel(path)
    assert (matching.convolved, matching.scale) == ("science", 1.0)
    science, template = rng.normal(size=(2, N1, N0))
    matched = subtracted(science.T, solution, kernel, of_center, background).T
    # All but the border, which SFFT takes from the other end of the image.
    y, x = np.mgrid[3 : N1 - 3, 2 : N0 - 2]
    images = matching.kernel.evaluate(x.ravel(), y.ravel())
    windows = sliding_window_view(science, (L1, L0)).reshape(images.shape)
    ours = (images[:, ::-1, ::-1] * windows).sum(axis=(1, 2)).reshape(x.shape)
    ours += matching.background(x, y)
    # Thousands of products of numbers of order one.
    np.testing.assert_allclose(ours - template[y, x], matched[y, x] - template[y, x], atol=1e-10)


def test_splines_end_with_the_image(path, rng):
    kernel = position_functions(KNOTS, 2)
    solution = rng.normal(size=len(kernel) * L0 * L1)
    write_solution(
        path, solution, FIJ=len(kernel), FPQ=0, FIJAB=len(solution), **spline_keywords("K", KNOTS)
    )
    kernel = read_kernel(path).kernel
    beyond = kernel.evaluate(np.array([N0 + 40.0, N0 + 1e5]), np.array([N1 + 40.0, N1 + 1e5]))
    np.testing.assert_array_equal(beyond[0], beyond[1])
    # Sums of some hundred numbers of order one over the pixels of the image.
    assert 0 < abs(beyond).max() < 1


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"KSPTYPE": "Wavelet"}, "KSPTYPE must be one of Polynomial, B-Spline, got 'Wavelet'"),
        ({"BSPTYPE": "Wavelet"}, "BSPTYPE must be one of Polynomial, B-Spline, got 'Wavelet'"),
        ({"KSPTYPE": "B-Spline"}, "is incomplete: it has no .*NKIKX"),
        (spline_keywords("K", {"X": [30, 20], "Y": []}), "KIKX must be rising numbers of pixels"),
        (spline_keywords("K", {"X": [], "Y": [48]}), "KIKY must be rising .* up to 47, got"),
        (spline_keywords("K", {"X": ["a"], "Y": []}), "KIKX must be rising numbers of pixels"),
        ({"KSPTYPE": "B-Spline", "NKIKX": 10**6}, "NKIKX must be a whole number from 0 to 1000"),
        (spline_keywords("K", KNOTS), "the SFFT solution must hold"),
        ({"SSPDEG": 10**6}, "SSPDEG must be a whole number from 0 to 20"),
        (
            spline_keywords("B", KNOTS),
            "the background of the SFFT solution must have 12 coefficients, got 3",
        ),
    ],
)
def test_other_forms_of_the_kernel(path, solution, keywords, message):
    write_solution(path, solution, **keywords)
    with pytest.raises(ValueError, match=rf"solution\.fits:? {message}"):
        read_kernel(path)


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
