"""How large the kernels are that files may hold, so that a damaged header ends in a message."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_coefficients", "check_size", "order_of", "side_of", "whole_number"]

# Subtractions use orders up to 4; powers of the position beyond this are not told apart by the
# pixels of a frame.
_MAX_ORDER = 20
_MAX_COEFFICIENTS = (_MAX_ORDER + 1) * (_MAX_ORDER + 2) // 2
# A kernel that reaches farther than 500 pixels does not match two PSFs.
_MAX_SIDE = 1001
# Of all basis images together, or of those at all nodes: half a gigabyte.
_MAX_VALUES = 1 << 26


def whole_number(value: Any, name: str, least: int, most: int) -> int:
    """Give a number of a header that must be whole and within limits.

    Raises
    ------
    ValueError
        If it is not.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (is_whole and least <= value <= most):
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
    return int(value)


def order_of(value: Any, name: str) -> int:
    """Give the order of a polynomial.

    Raises
    ------
    ValueError
        If it is not a whole number that can be.
    """
    return whole_number(value, name, 0, _MAX_ORDER)


def side_of(value: Any, name: str) -> int:
    """Give the height or width of a kernel image.

    Raises
    ------
    ValueError
        If it is not a whole number that can be.
    """
    return whole_number(value, name, 1, _MAX_SIDE)


def check_coefficients(number: Any, name: str) -> None:
    """Find out whether a polynomial of the position may have so many coefficients.

    Raises
    ------
    ValueError
        If it may not.
    """
    whole_number(number, f"number of {name}", 1, _MAX_COEFFICIENTS)


def check_size(n_images: int, height: Any, width: Any, name: str) -> None:
    """Find out whether so many kernel images of a shape are within reason.

    Raises
    ------
    ValueError
        If they are not.
    """
    n_values = n_images * side_of(height, f"height of {name}") * side_of(width, f"width of {name}")
    if n_values > _MAX_VALUES:
        raise ValueError(
            f"{name} must hold at most {_MAX_VALUES} values, got {n_images} images of "
            f"{width} x {height} pixels"
        )
