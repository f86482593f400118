"""From the coefficient tables of kernel files to the order that the kernel functions take."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

__all__ = ["chebyshev_matrix", "pack"]


def pack(table: ArrayLike) -> NDArray[np.float64]:
    """Coefficients in the order 1; x, y; x^2, xy, y^2; ... up to the highest degree in use.

    Parameters
    ----------
    table : array_like
        Coefficients [degree in x, degree in y].

    Returns
    -------
    ndarray
        Coefficients, 1-D, float64.
    """
    table = np.asarray(table, dtype=np.float64)
    in_use = np.argwhere(table)
    degree = int(in_use.sum(axis=1).max()) if len(in_use) else 0
    padded = np.zeros((degree + 1, degree + 1))
    rows, columns = (min(size, degree + 1) for size in table.shape)
    padded[:rows, :columns] = table[:rows, :columns]
    return np.array([padded[n - q, q] for n in range(degree + 1) for q in range(n + 1)])


def chebyshev_matrix(degree: int, offset: float, slope: float) -> NDArray[np.float64]:
    """Matrix that turns power coefficients into Chebyshev coefficients.

    Column i holds the coefficients of ``(offset + slope * t)**i`` in ``T_n(t)``.
    """
    matrix = np.zeros((degree + 1, degree + 1))
    for power in range(degree + 1):
        coefficients = chebyshev.chebpow([offset, slope], power, maxpower=degree)
        matrix[: len(coefficients), power] = coefficients
    return matrix
