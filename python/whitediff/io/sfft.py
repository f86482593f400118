"""Solutions of SFFT (Hu, Wang, Chen & Yang 2022, ApJ 936, 157) with polynomial kernels."""

from __future__ import annotations

from typing import Literal

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..kernel import Chebyshev2D, SpatialKernel
from .fits_file import native
from .kernel_limits import check_size, order_of, whole_number
from .matching_kernel import MatchingKernel
from .polynomials import chebyshev_matrix, pack

__all__ = ["is_sfft", "read_sfft"]

_KEYWORDS = ("N0", "N1", "DK", "DB", "L0", "L1", "FIJ", "FAB", "FPQ")
# Of pixels along an axis, or of values in a solution.
_MAX_NUMBER = 10**9
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
        If the solution is not polynomial, or is inconsistent.
    """
    header = hdus[0].header
    if header.get("KSPTYPE", "Polynomial") != "Polynomial" or header.get("SSPDEG", 0) != 0:
        raise ValueError("expected an SFFT solution with a polynomial kernel and constant scaling")
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
    if (
        n_terms != (degree + 1) * (degree + 2) // 2
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
    powers = _powers(degree)
    # Axes: term, kernel x, kernel y.
    images = solution[: n_terms * n_pixels].reshape(n_terms, l0, l1) / (n0 * n1)
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
    kernel = SpatialKernel(np.array([basis[term] for term in powers]), functions)

    background = None
    if header.get("BSPTYPE", "Polynomial") == "Polynomial" and n_background:
        table = _table(solution[-n_background:], _powers(background_degree), background_degree)
        to_chebyshev = chebyshev_matrix(background_degree, 0.5, 0.5)
        background = Chebyshev2D(pack(to_chebyshev @ table @ to_chebyshev.T), bbox)
    convolved = header.get("CONVD")
    if convolved not in _CONVOLVED:
        raise ValueError(f"CONVD must be REF or SCI, got {convolved!r}")
    return MatchingKernel(kernel, _CONVOLVED[convolved], 1.0, background, origin="array")


def _powers(degree: int) -> list[tuple[int, int]]:
    """Exponents of x and y, in the order of the solution."""
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _table(
    values: NDArray[np.float64], powers: list[tuple[int, int]], degree: int
) -> NDArray[np.float64]:
    """Coefficients [degree in x, degree in y]."""
    table = np.zeros((degree + 1, degree + 1))
    for value, power in zip(values, powers, strict=True):
        table[power] = value
    return table
