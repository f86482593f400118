"""Polynomials of position over a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ._core import Chebyshev2D, SpatialKernel

__all__ = ["Frame", "as_frame", "degree_of", "n_terms", "nodes", "spatial_kernel", "terms"]

Floats = npt.NDArray[np.float64]
Frame = tuple[float, float, float, float]
"""Positions of the first and the last column, and of the first and the last row, of pixels."""


def as_frame(value: Sequence[float]) -> Frame:
    """Give a frame.

    Raises
    ------
    ValueError
        If it is no frame.
    """
    frame = tuple(float(one) for one in value)
    if len(frame) != 4 or not (frame[0] < frame[1] and frame[2] < frame[3]):
        raise ValueError(f"frame must be (x_min, x_max, y_min, y_max) in order, got {value!r}")
    return frame


def n_terms(degree: int) -> int:
    """Give the number of terms up to a total degree."""
    return (degree + 1) * (degree + 2) // 2


def degree_of(count: int) -> int:
    """Give the total degree that has so many terms.

    Raises
    ------
    ValueError
        If none has.
    """
    degree = 0
    while n_terms(degree) < count:
        degree += 1
    if n_terms(degree) != count:
        raise ValueError(f"coefficients must be 1, 3, 6, 10, ... in number, got {count}")
    return degree


def terms(x: npt.ArrayLike, y: npt.ArrayLike, frame: Frame, degree: int) -> Floats:
    """Give the terms at positions, in the order of `Chebyshev2D`.

    Parameters
    ----------
    x, y : array_like, [n]
        Pixel coordinates.
    frame : tuple [float, float, float, float]
        Over which they run from -1 to 1.
    degree : int
        Total degree.

    Returns
    -------
    numpy.ndarray of float64, [n, n_terms(degree)]
        T_{d-j}(x') T_j(y') for j = 0 .. d, d = 0 .. degree.
    """
    in_x, in_y = (
        np.polynomial.chebyshev.chebvander(
            (2.0 * np.asarray(position) - low - high) / (high - low), degree
        )
        for position, low, high in ((x, *frame[:2]), (y, *frame[2:]))
    )
    columns = [in_x[:, d - j] * in_y[:, j] for d in range(degree + 1) for j in range(d + 1)]
    return np.stack(columns, axis=-1)


def nodes(frame: Frame, count: int) -> tuple[Floats, Floats, Floats]:
    """Give positions and weights of a mean over a frame, exact to degree 2 count - 1 in x and y.

    Returns
    -------
    x, y, weights : numpy.ndarray of float64, [count**2]
        Weights add up to one.
    """
    places, shares = np.polynomial.legendre.leggauss(count)
    x, y = (
        0.5 * (low + high + places * (high - low))
        for low, high in ((frame[0], frame[1]), (frame[2], frame[3]))
    )
    in_y, in_x = np.meshgrid(y, x, indexing="ij")
    return in_x.ravel(), in_y.ravel(), 0.25 * np.outer(shares, shares).ravel()


def spatial_kernel(coefficients: Floats, frame: Frame) -> SpatialKernel:
    """Give images that are polynomials of position as a kernel; its coefficients are [n, v, u]."""
    unit = np.eye(len(coefficients))
    return SpatialKernel(coefficients, [Chebyshev2D(one, frame) for one in unit])
