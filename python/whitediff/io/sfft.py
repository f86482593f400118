"""Solutions of SFFT (Hu, Wang, Chen & Yang 2022, ApJ 936, 157): polynomials and B-splines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..kernel import Chebyshev2D, Kernel, SpatialKernel
from .fits_file import native
from .kernel_limits import check_size, order_of, whole_number
from .matching_kernel import MatchingKernel
from .polynomials import chebyshev_matrix, pack
from .sfft_basis import Basis, PositionFunction, SolutionKernel, polynomials, splines

__all__ = ["is_sfft", "read_sfft"]

_KEYWORDS = ("N0", "N1", "DK", "DB", "L0", "L1", "FIJ", "FAB", "FPQ")
# Of pixels along an axis, or of values in a solution.
_MAX_NUMBER = 10**9
_MAX_KNOTS = 1000
_TYPES = ("Polynomial", "B-Spline")
_CONVOLVED: dict[str | None, Literal["template", "science"] | None] = {
    "REF": "template",
    "SCI": "science",
    None: None,
}


def is_sfft(header: fits.Header) -> bool:
    """Whether a primary header is that of an SFFT solution."""
    return "FIJAB" in header and "FPQ" in header


def read_sfft(hdus: fits.HDUList) -> MatchingKernel:
    """Read the kernel of an SFFT solution (its argument FITS_Solution).

    SFFT lets the kernel polynomials multiply the input image before it is convolved; the kernel
    returned here is the equivalent one at the position of the output pixel. Positions are array
    pixels of the images, counted from 0.

    Parameters
    ----------
    hdus : HDUList
        Open solution file.

    Returns
    -------
    MatchingKernel
        With scale 1 and the background; `convolved` is None where the solution does not say it
        (keyword CONVD, which is otherwise in the header of the difference image).

    Raises
    ------
    ValueError
        If the solution is inconsistent.
    """
    header = hdus[0].header
    missing = [name for name in _KEYWORDS if name not in header]
    if missing:
        raise ValueError(f"the SFFT solution needs the keywords {missing}, which are missing")
    n0, n1, n_terms, n_pixels = (
        whole_number(header[name], name, 1, _MAX_NUMBER) for name in ("N0", "N1", "FIJ", "FAB")
    )
    n_background = whole_number(header["FPQ"], "FPQ", 0, _MAX_NUMBER)
    degree, background_degree = (order_of(header[name], name) for name in ("DK", "DB"))
    l0, l1 = header["L0"], header["L1"]
    check_size(n_terms, l1, l0, "SFFT solution")
    solution = native(hdus[0].data, np.float64).ravel() if hdus[0].data is not None else np.empty(0)
    size = (n0, n1)
    basis = _basis(header, "K", size, degree)
    if (
        n_terms != len(basis.terms)
        or n_pixels != l0 * l1
        or l0 % 2 == l1 % 2 == 0
        or len(solution) != n_terms * n_pixels + n_background
    ):
        raise ValueError(
            f"the SFFT solution must hold {n_terms} x {n_pixels} + {n_background} values of a "
            f"kernel of {l0} x {l1} pixels and degree {degree}, got {len(solution)} values"
        )
    if not np.isfinite(solution).all():
        raise ValueError("the SFFT solution must hold finite values")
    # Axes: term, kernel x, kernel y.
    images = solution[: n_terms * n_pixels].reshape(n_terms, l0, l1) / (n0 * n1)
    scaling = _scaling(header, images[:, l0 // 2, l1 // 2], size)
    kernel: Kernel
    if scaling is None and not basis.is_spline:
        kernel = _polynomial_kernel(images, basis.terms, degree, size)
    else:
        central = images[:, l0 // 2, l1 // 2]
        kernel = SolutionKernel(images, basis, scaling or PositionFunction(central, basis))
    background = None
    if n_background:
        terms = _basis(header, "B", size, background_degree)
        background = _background(solution[-n_background:], terms, size, background_degree)
    convolved = header.get("CONVD")
    if convolved not in _CONVOLVED:
        raise ValueError(f"CONVD must be REF or SCI, got {convolved!r}")
    return MatchingKernel(kernel, _CONVOLVED[convolved], 1.0, background, origin="array")


def _basis(header: fits.Header, of: str, size: tuple[int, int], degree: int) -> Basis:
    """Functions of position of the kernel ("K"), its scaling ("S") or the background ("B")."""
    kind = header.get(f"{of}SPTYPE", _TYPES[0])
    if kind not in _TYPES:
        raise ValueError(f"{of}SPTYPE must be one of {', '.join(_TYPES)}, got {kind!r}")
    if kind == _TYPES[0]:
        return polynomials(size, degree)
    knots = [_knots(header, f"{of}IK{axis}", n) for axis, n in zip("XY", size, strict=True)]
    return splines(size, degree, (knots[0], knots[1]))


def _knots(header: fits.Header, name: str, length: int) -> list[float]:
    """Inner knots along an axis: numbers of pixels that do not fall."""
    number = whole_number(header[f"N{name}"], f"N{name}", 0, _MAX_KNOTS)
    knots = [header[f"{name}{n}"] for n in range(number)]
    numbers = all(isinstance(knot, int | float) for knot in knots)
    if not (numbers and knots == sorted(knots) and all(0.5 < k < length + 0.5 for k in knots)):
        raise ValueError(f"{name} must be rising numbers of pixels up to {length}, got {knots}")
    return [float(knot) for knot in knots]


def _scaling(
    header: fits.Header, central: NDArray[np.float64], size: tuple[int, int]
) -> PositionFunction | None:
    """The kernel's sum where it has functions of its own; None where it has the kernel's.

    A sum that is constant is written as the latter.
    """
    degree = order_of(header.get("SSPDEG", 0), "SSPDEG")
    if header.get("SEPSCA", "True") != "True" or degree == 0:
        return None
    basis = _basis(header, "S", size, degree)
    number = len(basis.terms)
    if number > len(central):
        raise ValueError(
            f"the scaling of an SFFT solution must have at most {len(central)} coefficients, as "
            f"the kernel has, got {number}"
        )
    return PositionFunction(central[:number].copy(), basis)


def _background(
    values: NDArray[np.float64], basis: Basis, size: tuple[int, int], degree: int
) -> Callable[[Any, Any], Any]:
    if len(basis.terms) != len(values):
        raise ValueError(
            f"the background of the SFFT solution must have {len(basis.terms)} coefficients, got "
            f"{len(values)}"
        )
    if basis.is_spline:
        return PositionFunction(values, basis)
    to_chebyshev = chebyshev_matrix(degree, 0.5, 0.5)
    table = to_chebyshev @ _table(values, basis.terms, degree) @ to_chebyshev.T
    return Chebyshev2D(pack(table), (-1.0, size[0] - 1.0, -1.0, size[1] - 1.0))


def _polynomial_kernel(
    images: NDArray[np.float64],
    powers: Sequence[tuple[int, int]],
    degree: int,
    size: tuple[int, int],
) -> SpatialKernel:
    """The kernel as polynomials of the position of the output pixel."""
    (n0, n1), (_, l0, l1) = size, images.shape
    # The central coefficient stands for the sum of the kernel.
    images[:, l0 // 2, l1 // 2] = 2 * images[:, l0 // 2, l1 // 2] - images.sum(axis=(1, 2))
    bbox = (-1.0, n0 - 1.0, -1.0, n1 - 1.0)
    to_x, to_y = (
        [chebyshev_matrix(degree, 0.5 - (a - side // 2) / n, 0.5) for a in range(side)]
        for side, n in ((l0, n0), (l1, n1))
    )
    tables = np.zeros((degree + 1, degree + 1, l0, l1))
    for term, power in enumerate(powers):
        tables[power] = images[term]
    in_x = np.einsum("api,ijab->pjab", to_x, tables)
    basis = np.einsum("bqj,pjab->pqba", to_y, in_x)
    functions = [
        Chebyshev2D(pack(_table(np.array([1.0]), [term], degree)), bbox) for term in powers
    ]
    return SpatialKernel(np.array([basis[term] for term in powers]), functions)


def _table(
    values: NDArray[np.float64], powers: Sequence[tuple[int, int]], degree: int
) -> NDArray[np.float64]:
    """Coefficients [degree in x, degree in y]."""
    table = np.zeros((degree + 1, degree + 1))
    for value, power in zip(values, powers, strict=True):
        table[power] = value
    return table
