"""Checks and conversions of array arguments, once, where they enter the package."""

from __future__ import annotations

import operator
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    array = np.asarray(plain(value, name))
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a 2-D array of at least one pixel, got shape {array.shape}"
        )
    dtype = np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64
    pixels: Any = array.astype(dtype, copy=False)
    return _with_contiguous_rows(without_hidden(value, pixels))  # type: ignore[no-any-return]


def as_stack(value: npt.ArrayLike, name: str) -> FloatImage:
    """Give a native float32 or float64 stack of images; masked pixels become NaN.

    Parameters
    ----------
    value : array_like, [n, y, x]
        As for `as_image`.
    name : str
        What messages call it.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If the array is not three-dimensional or has no pixel.
    """
    stack = np.asanyarray(plain(value, name))
    if stack.ndim != 3 or stack.size == 0:
        raise ValueError(
            f"{name} must be a 3-D array of at least one pixel, got shape {stack.shape}"
        )
    return as_image(stack.reshape(-1, stack.shape[2]), name).reshape(stack.shape)


def plain(value: Any, name: str) -> Any:
    """Give a value back if an array says all that it means.

    Raises
    ------
    TypeError
        If it has a unit, an uncertainty or names of dimensions.
    """
    if type(value) is not np.ndarray and (
        any(getattr(value, meaning, None) is not None for meaning in _MEANINGS)
        or isinstance(getattr(value, "dims", None), tuple | Mapping)
    ):
        raise TypeError(
            f"{name} must be an array of numbers alone, got {type(value).__name__}, whose unit, "
            "uncertainty or dimensions would be lost"
        )
    return value


_MEANINGS = ("unit", "units", "uncertainty", "unmasked")


def told(value: Any) -> str:
    """What stands where a pair is expected."""
    of = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return type(value).__name__ + of


def as_output(
    value: Any, shape: tuple[int, int], dtype: npt.DTypeLike, inputs: Iterable[Any]
) -> tuple[FloatImage, FloatImage]:
    """Give the pair of arrays, image and variance, that a result is to be written to.

    Parameters
    ----------
    value : tuple [numpy.ndarray, numpy.ndarray]
        What the caller says.
    shape, dtype : tuple [int, int], data-type
        Those of the result.
    inputs : iterable of object
        Those of them that are arrays may not overlap with the result.

    Raises
    ------
    TypeError
        If they are not two arrays, or not of the dtype of the result.
    ValueError
        If shapes differ, an array is not contiguous or cannot be written to, or memory overlaps.
    """
    if not (isinstance(value, tuple | list) and len(value) == 2):
        raise TypeError(f"out must be a pair of arrays (image, variance), got {told(value)}")
    for name, array in zip(("image", "variance"), value, strict=True):
        if type(array) not in (np.ndarray, np.memmap):
            raise TypeError(f"{name} of out must be an array, got {type(array).__name__}")
        if array.dtype != dtype:
            raise TypeError(f"{name} of out must have dtype {np.dtype(dtype)}, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{name} of out must have shape {shape}, got {array.shape}")
        if not array.flags.carray:
            raise ValueError(f"{name} of out must be contiguous and writeable, got other memory")
    image, variance = value
    arrays = [array for array in inputs if isinstance(array, np.ndarray)]
    if np.may_share_memory(image, variance) or any(
        np.may_share_memory(array, output) for array in arrays for output in value
    ):
        raise ValueError("out must not overlap, nor with an input, got memory that does")
    return image, variance


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


def as_variance_plane(value: npt.ArrayLike, image: FloatImage, name: str) -> float | FloatImage:
    """Give a number, or a plane with the shape and dtype of the image.

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If the number is negative or not finite, or the plane's shape is not that of the image.
    """
    if _is_number(value):
        number = float(value)  # type: ignore[arg-type]
        if not (np.isfinite(number) and number >= 0):
            raise ValueError(f"{name} must be finite and >= 0, got {number}")
        return number
    plane: Any = as_image(value, name)
    _require_shape(plane, image.shape, name)
    return _with_contiguous_rows(plane.astype(image.dtype, copy=False))  # type: ignore[no-any-return]


def as_masks(
    masks: Mapping[str, npt.ArrayLike | None],
    ignore_mask: int,
    image: FloatImage,
    no_value_mask: int = 0,
) -> tuple[dict[str, MaskImage | None], int, int]:
    """Give masks as int32 planes that share one ``ignore_mask`` and one ``no_value_mask``.

    A boolean mask says which pixels to leave out, whatever ``ignore_mask`` is.

    Parameters
    ----------
    masks : mapping [str, array_like [y, x] or None]
        Integer or boolean masks by the names that messages use.
    ignore_mask, no_value_mask : int
        The bits to leave out, and those of pixels without a value.

    Raises
    ------
    TypeError
        If a mask is neither integer nor boolean.
    ValueError
        If a mask's shape is not that of the image.
    """
    ignore_mask = as_integer(ignore_mask, "ignore_mask")
    no_value_mask = as_integer(no_value_mask, "no_value_mask")
    arrays = {name: None if mask is None else np.asarray(mask) for name, mask in masks.items()}
    for name, array in arrays.items():
        if array is not None:
            _require_mask(array, image.shape, name)
    integers = [name for name, array in arrays.items() if array is not None and array.dtype != bool]
    if integers and not (ignore_mask or no_value_mask):
        warnings.warn(
            f"{', '.join(integers)}: no pixel is left out, since ignore_mask is 0", stacklevel=4
        )
    if all(array is None or array.dtype == np.int32 for array in arrays.values()):
        return (
            {name: None if m is None else _with_contiguous_rows(m) for name, m in arrays.items()},
            _as_int32(ignore_mask),
            _as_int32(no_value_mask),
        )
    return (
        {
            name: None
            if m is None
            else _with_contiguous_rows(narrow_mask(m, ignore_mask, no_value_mask))
            for name, m in arrays.items()
        },
        IGNORED,
        NO_VALUE,
    )


# The bits of masks that are converted.
IGNORED, NO_VALUE = 1, 2


def narrow_mask(mask: npt.NDArray[Any], ignore_mask: int, no_value_mask: int) -> MaskImage:
    """Give an integer or boolean mask with the bits IGNORED and NO_VALUE."""
    rows = _in_any_order(mask.reshape(-1, mask.shape[-1]))
    marks = _core.marks_of(rows, _as_uint64(ignore_mask), _as_uint64(no_value_mask))
    return marks.reshape(mask.shape)


def _as_uint64(bits: int) -> int:
    return bits & 0xFFFFFFFFFFFFFFFF


def _as_int32(bits: int) -> int:
    low = bits & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low


def as_position(value: Any, name: str) -> tuple[float, float]:
    """Give a pair (x, y) of numbers."""
    try:
        x, y = (float(coordinate) for coordinate in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair of numbers (x, y), got {value!r}") from None
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


def as_callable(value: Any, name: str) -> Any:
    """Give the value back if it can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, got {value!r}")
    return value


def one_of(value: str, choices: tuple[str, ...], name: str) -> str:
    """Give the value back if it is one of the choices."""
    if value not in choices:
        expected = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {expected}, got {value!r}")
    return value


def copied(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Copy a native float32, float64 or int32 plane, on all cores."""
    return _core.copy_of(_with_contiguous_rows(array))


@dataclass(frozen=True)
class Planes:
    """An image and what belongs to it, as the compiled core takes it.

    Attributes
    ----------
    image : PlaneF or PlaneD
        In single or double precision.
    variances : mapping [str, float, PlaneF or PlaneD]
        Numbers, or planes of the precision of the image, by the names that messages use. The core
        refuses numbers and shapes that cannot be.
    masks : mapping [str, PlaneI]
        Likewise; empty where there is none.
    ignore_mask, no_value_mask : int
        Bits of the masks: which pixels statistics leave out, and which have no value.
    on_disk : bool
        Whether rows are read when they are needed.
    out : tuple [numpy.ndarray, numpy.ndarray] or None
        What image and variance are written to; None: to new arrays.
    """

    image: _core.PlaneF | _core.PlaneD
    variances: Mapping[str, float | _core.PlaneF | _core.PlaneD]
    masks: Mapping[str, _core.PlaneI]
    ignore_mask: int
    no_value_mask: int
    on_disk: bool = False
    out: tuple[FloatImage, FloatImage] | None = None

    @property
    def pixels(self) -> Known:
        """The image, as two slices cut it: NaN where its mask says that a pixel has no value."""
        return Known(CutPlane(self.image), Marked(CutPlane(self.masks["mask"]), self.no_value_mask))

    def ignored(self, *names: str) -> dict[str, Marked]:
        """Give what the masks with these prefixes leave out; nothing where there is none."""
        masks = {name: self.masks[f"{name}_mask"] for name in names}
        return {
            name: Marked(CutPlane(mask), self.ignore_mask)
            for name, mask in masks.items()
            if mask.shape == self.image.shape
        }


Cut = tuple[slice, slice]


class CutPlane:
    """A plane of the core, as two slices cut it."""

    def __init__(self, plane: _core.PlaneF | _core.PlaneD | _core.PlaneI) -> None:
        self.shape = plane.shape
        self._plane = plane

    def __getitem__(self, part: Cut) -> npt.NDArray[Any]:
        rows, columns = part
        return self._plane.cut(columns.start, rows.start, columns.stop, rows.stop)


class Marked:
    """Which pixels of a mask have one of some bits, as two slices cut them."""

    def __init__(self, mask: Any, bits: int) -> None:
        self.shape = tuple(mask.shape)
        self._mask, self._bits = mask, bits

    def __getitem__(self, part: Cut) -> npt.NDArray[np.bool_]:
        marked: npt.NDArray[np.bool_] = (self._mask[part] & self._bits) != 0
        return marked


class Known:
    """An image, as two slices cut it; NaN where pixels are marked, if there are marks."""

    def __init__(self, image: Any, marked: Marked) -> None:
        self.shape = tuple(image.shape)
        self._image, self._marked = image, marked

    def __getitem__(self, part: Cut) -> FloatImage:
        pixels: FloatImage = self._image[part]
        if self._marked.shape == self.shape:
            pixels = np.where(self._marked[part], pixels.dtype.type(np.nan), pixels)
        return pixels


def planes_in_memory(
    image: npt.ArrayLike,
    name: str,
    variances: Mapping[str, npt.ArrayLike],
    masks: Mapping[str, npt.ArrayLike | None],
    ignore_mask: int,
    no_value_mask: int,
) -> Planes:
    """Give arrays as planes, seen in place where they can be.

    Parameters
    ----------
    image : array_like, [y, x]
        What `as_image` takes.
    name : str
        What messages call it.
    variances, masks : mapping [str, array_like]
        By the names that messages use; variances may be numbers, masks None.
    ignore_mask, no_value_mask : int
        As for `as_masks`.

    Raises
    ------
    TypeError, ValueError
        As `as_image` and `as_masks`.
    """
    pixels = as_image(image, name)
    plane: Any = _core.PlaneF if pixels.dtype == np.float32 else _core.PlaneD
    arrays, ignored, no_value = as_masks(masks, ignore_mask, pixels, no_value_mask)

    def variance(value: npt.ArrayLike, name: str) -> float | _core.PlaneF | _core.PlaneD:
        if _is_number(value):
            return float(value)  # type: ignore[arg-type]
        values = as_image(value, name).astype(pixels.dtype, copy=False)
        return plane(_with_contiguous_rows(values))  # type: ignore[no-any-return]

    return Planes(
        plane(pixels),
        {name: variance(value, name) for name, value in variances.items()},
        {name: _core.PlaneI() if m is None else _core.PlaneI(m) for name, m in arrays.items()},
        ignored,
        no_value,
    )


def planes_on_disk(
    image: Any,
    name: str,
    variances: Mapping[str, Any],
    masks: Mapping[str, Any],
    ignore_mask: int,
    no_value_mask: int,
) -> Planes:
    """Give what has ``shape``, ``dtype`` and rows as planes that are read when they are needed.

    Parameters
    ----------
    image : array-like on disk, [y, x]
        float32 is read as such, all other real numbers as float64; masked pixels become NaN.
    name : str
        What messages call it.
    variances, masks : mapping [str, array-like on disk]
        By the names that messages use; variances may be numbers, masks None.
    ignore_mask, no_value_mask : int
        As for `as_masks`.

    Raises
    ------
    TypeError, ValueError
        As `planes_in_memory`.
    """
    shape = _shape_of(image, name)
    single = np.dtype(image.dtype).newbyteorder("=") == np.float32
    core_plane = _core.PlaneF if single else _core.PlaneD
    dtype = np.float32 if single else np.float64
    ignore_mask = as_integer(ignore_mask, "ignore_mask")
    no_value_mask = as_integer(no_value_mask, "no_value_mask")

    def plane(pixels: Any, name: str) -> _core.PlaneF | _core.PlaneD:
        shape = _shape_of(pixels, name)
        if np.dtype(pixels.dtype).kind not in "fiu":
            raise TypeError(f"{name} must hold real numbers, got dtype {pixels.dtype}")
        stored = _stored(pixels)

        def read(begin: int, end: int, step: int) -> npt.NDArray[Any]:
            rows = stored[begin:end:step]
            if type(rows) in (np.ndarray, np.memmap) and rows.dtype.newbyteorder("=") == dtype:
                return _in_any_order(rows)  # type: ignore[no-any-return]
            native: Any = np.ascontiguousarray(rows, dtype=dtype)
            return without_hidden(rows, native)

        return core_plane(shape, read)

    def mask_plane(mask: Any, name: str) -> _core.PlaneI:
        if mask is None:
            return _core.PlaneI()
        _shape_of(mask, name)
        _require_mask(mask, shape, name)
        stored = _stored(mask)

        def read(begin: int, end: int, step: int) -> npt.NDArray[Any]:
            return _in_any_order(np.asarray(stored[begin:end:step]))  # type: ignore[no-any-return]

        return _core.PlaneI(shape, read, _as_uint64(ignore_mask), _as_uint64(no_value_mask))

    return Planes(
        plane(image, name),
        {
            name: float(value) if _is_number(value) else plane(value, name)
            for name, value in variances.items()
        },
        {name: mask_plane(mask, name) for name, mask in masks.items()},
        IGNORED,
        NO_VALUE,
        on_disk=True,
    )


def _stored(rows: Any) -> Any:
    """Give rows as they are stored, if there is a difference: the core swaps bytes itself."""
    return getattr(rows, "stored", rows)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _shape_of(pixels: Any, name: str) -> tuple[int, int]:
    if not (hasattr(pixels, "shape") and hasattr(pixels, "dtype")):
        raise TypeError(f"{name} must have shape, dtype and rows, got {type(pixels).__name__}")
    if len(pixels.shape) != 2 or 0 in pixels.shape:
        raise ValueError(
            f"{name} must be a 2-D array of at least one pixel, got shape {pixels.shape}"
        )
    return int(pixels.shape[0]), int(pixels.shape[1])


def _require_mask(mask: Any, shape: tuple[int, ...], name: str) -> None:
    if np.dtype(mask.dtype).kind not in "biu":
        raise TypeError(f"{name} must hold integers or booleans, got dtype {mask.dtype}")
    _require_shape(mask, shape, name)


def _require_shape(array: Any, shape: tuple[int, ...], name: str) -> None:
    if tuple(array.shape) != shape:
        raise ValueError(
            f"{name} must have shape {shape}, that of the image, got {tuple(array.shape)}"
        )


def _with_contiguous_rows(array: Any) -> Any:
    """Give an array in the byte order of the machine, aligned, whose rows are contiguous."""
    return _in_any_order(array.astype(array.dtype.newbyteorder("="), copy=False))


def _in_any_order(array: Any) -> Any:
    """Give an array in the byte order that it has, aligned, whose rows are contiguous.

    Rows may be apart, come in reverse order, or be one row again and again.
    """
    is_fit = array.flags.aligned and array.strides[0] % array.itemsize == 0
    return array if is_fit and array.strides[1] == array.itemsize else np.ascontiguousarray(array)
