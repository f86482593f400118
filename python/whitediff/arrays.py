"""Checks and conversions of array arguments, once, where they enter the package."""

from __future__ import annotations

import operator
import sys
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core

FloatImage = npt.NDArray[np.float32] | npt.NDArray[np.float64]
MaskImage = npt.NDArray[np.int32]


def as_image(value: npt.ArrayLike, name: str) -> FloatImage:
    """Give a native float32 or float64 image with contiguous rows; masked pixels become NaN.

    Parameters
    ----------
    value : array_like, [y, x]
        Real numbers. float32 and float64 keep their type, all others become float64.
    name : str
        What messages call it.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If the array is not two-dimensional or has no pixel.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a 2-D array of at least one pixel, got shape {array.shape}"
        )
    dtype = np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64
    return without_hidden(value, _with_contiguous_rows(array.astype(dtype, copy=False)))


def without_hidden(original: Any, pixels: FloatImage) -> FloatImage:
    """Give pixels with NaN where the array that they come from is masked."""
    hidden = hidden_pixels(original)
    return pixels if hidden is None else np.where(hidden, pixels.dtype.type(np.nan), pixels)


def hidden_pixels(array: Any) -> npt.NDArray[np.bool_] | None:
    """Give the mask of a masked array, None for any other."""
    # Whoever has a masked array has imported numpy.ma already, which takes longer than whitening a
    # small image.
    ma = sys.modules.get("numpy.ma")
    if ma is None or (mask := ma.getmask(array)) is ma.nomask:
        return None
    return np.asarray(mask)


def as_variance(value: float, name: str) -> float:
    """Give a number that can be a variance.

    Raises
    ------
    ValueError
        If it is negative or not finite.
    """
    number = float(value)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and >= 0, got {number}")
    return number


def as_variance_plane(value: npt.ArrayLike, image: FloatImage, name: str) -> float | FloatImage:
    """Give a number, or a plane with the shape and dtype of the image.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If the number is negative or not finite, or the plane's shape is not that of the image.
    """
    if isinstance(value, Real) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return as_variance(float(value), name)
    plane: Any = as_image(value, name)
    _require_shape(plane, image, name)
    return plane.astype(image.dtype, copy=False)  # type: ignore[no-any-return]


def as_masks(
    masks: dict[str, npt.ArrayLike | None], ignore_mask: int, image: FloatImage
) -> tuple[dict[str, MaskImage | None], int]:
    """Give masks as int32 planes that share one ``ignore_mask``.

    A boolean mask says which pixels to leave out, whatever ``ignore_mask`` is.

    Parameters
    ----------
    masks : dict [str, array_like [y, x] or None]
        Integer or boolean masks by the names that messages use.
    ignore_mask : int
        The bits to leave out.

    Raises
    ------
    TypeError
        If a mask is neither integer nor boolean.
    ValueError
        If a mask's shape is not that of the image.
    """
    ignore_mask = as_integer(ignore_mask, "ignore_mask")
    arrays = {name: None if mask is None else np.asarray(mask) for name, mask in masks.items()}
    for name, array in arrays.items():
        if array is None:
            continue
        if array.dtype.kind not in "biu":
            raise TypeError(f"{name} must hold integers or booleans, got dtype {array.dtype}")
        _require_shape(array, image, name)
    if all(array is None or array.dtype == np.int32 for array in arrays.values()):
        low = ignore_mask & 0xFFFFFFFF
        signed = low - (1 << 32) if low >= 1 << 31 else low
        return {
            name: None if array is None else _with_contiguous_rows(array)
            for name, array in arrays.items()
        }, signed
    return {
        name: None if array is None else ignored_pixels(array, ignore_mask).astype(np.int32)
        for name, array in arrays.items()
    }, 1


def ignored_pixels(mask: npt.NDArray[Any], ignore_mask: int) -> npt.NDArray[np.bool_]:
    """Tell which pixels an integer or boolean mask leaves out."""
    if mask.dtype == np.bool_:
        return mask
    bits = np.array(ignore_mask & ((1 << (8 * mask.itemsize)) - 1), dtype=np.uint64)
    ignored: npt.NDArray[np.bool_] = (mask.astype(np.uint64) & bits) != 0
    return ignored


def as_position(value: Any, name: str) -> tuple[float, float]:
    """Give a pair (x, y) of finite numbers."""
    try:
        x, y = (float(coordinate) for coordinate in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair of numbers (x, y), got {value!r}") from None
    if not (np.isfinite(x) and np.isfinite(y)):
        raise ValueError(f"{name} must be finite, got ({x}, {y})")
    return x, y


def as_integer(value: Any, name: str) -> int:
    """Give a whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def as_number(value: Any, name: str) -> float:
    """Give a real number."""
    if not isinstance(value, Real | np.number) or isinstance(value, complex):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)


def one_of(value: str, choices: tuple[str, ...], name: str) -> str:
    """Give the value back if it is one of the choices."""
    if value not in choices:
        expected = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {expected}, got {value!r}")
    return value


def copied(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy a native float32, float64 or int32 plane, on all cores."""
    return _core.copy_of(_with_contiguous_rows(array))


def _require_shape(array: npt.NDArray[Any], image: FloatImage, name: str) -> None:
    if array.shape != image.shape:
        raise ValueError(
            f"{name} must have shape {image.shape}, that of the image, got {array.shape}"
        )


def _with_contiguous_rows(array: Any) -> Any:
    if array.strides[1] != array.itemsize or array.strides[0] % array.itemsize:
        return np.ascontiguousarray(array)
    return array
