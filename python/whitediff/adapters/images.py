"""Images of other packages as arrays, with what is to be given back with the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from ..arrays import (
    FloatImage,
    Planes,
    as_image,
    as_output,
    as_variance_plane,
    plain,
    planes_in_memory,
    planes_on_disk,
)
from .classes import is_a

__all__ = [
    "Pixels",
    "as_companion",
    "as_mask",
    "as_measurable",
    "as_pixels",
    "as_planes",
    "as_variance",
]


class Pixels(NamedTuple):
    """The pixels of an image, and what it is besides an array.

    Attributes
    ----------
    values : array_like, [y, x]
        As the object has them.
    unit : astropy.units.Unit or None
        That of the values.
    hidden : array_like of bool or None
        True where the object says that a pixel has no value.
    owner : object
        The object, if it is an NDData, a Quantity or a DataArray (upright).
    """

    values: Any
    unit: Any = None
    hidden: Any = None
    owner: Any = None

    @property
    def array(self) -> Any:
        """The values; NaN where they are hidden."""
        return _with_gaps(self.values, self.hidden)

    @property
    def is_nddata(self) -> bool:
        """Whether a result is to be given back as one."""
        return is_a(self.owner, "astropy.nddata", "NDData")

    @property
    def psf(self) -> Any:
        """The PSF that an NDData has, or None."""
        return getattr(self.owner, "psf", None) if self.is_nddata else None

    def kept(self) -> Pixels:
        """Give all but the values: what a result needs to be given back."""
        owner = self.owner
        if self.is_nddata:
            from astropy.nddata import NDData

            owner = NDData(0.0, wcs=owner.wcs, meta=owner.meta, psf=owner.psf)
        elif is_a(owner, "astropy.units", "Quantity"):
            owner = 0.0 << self.unit
        elif owner is not None:
            owner = owner.copy(data=np.broadcast_to(0.0, owner.shape))
        return self._replace(values=None, owner=owner)

    def dressed(self, values: FloatImage, power: int = 1) -> Any:
        """Give values, in a power of the unit of the image, in the kind of array that it is."""
        unit: Any = None if self.unit is None else self.unit**power
        if is_a(self.owner, "xarray", "DataArray"):
            from .xarray import like

            return like(self.owner, values, unit)
        return values << unit if is_a(self.owner, "astropy.units", "Quantity") else values


def as_pixels(image: Any, name: str) -> Pixels:
    """Give the pixels of an image of any package.

    Parameters
    ----------
    image : array_like, [y, x], or object
        Numbers, masked arrays, dask arrays (as they are); NDData and CCDData, Quantity and Masked
        of astropy; DataArray of xarray with the dimensions y and x.
    name : str
        What messages call it.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If a DataArray has other dimensions, or a unit that is not known; if a unit is logarithmic.
    """
    if type(image) in _PLAIN:
        return Pixels(image)
    if is_a(image, "astropy.nddata", "NDData"):
        return Pixels(plain(image.data, name), _linear(image.unit, name), image.mask, image)
    if is_a(image, "astropy.utils.masked", "Masked"):
        return as_pixels(image.unmasked, name)._replace(hidden=image.mask)
    if is_a(image, "astropy.units", "Quantity"):
        return Pixels(image.value, _linear(image.unit, name), None, image)
    if is_a(image, "xarray", "DataArray"):
        from .xarray import unit_of, upright

        array = upright(image, name)
        return Pixels(plain(array.data, name), _linear(unit_of(array, name), name), None, array)
    if not isinstance(image, Real | list | tuple) and not any(
        hasattr(image, interface) for interface in ("__array__", "dtype")
    ):
        raise TypeError(f"{name} must hold real numbers, as {_TAKEN}, got {type(image).__name__}")
    return Pixels(plain(image, name))


# What says all that it means: there is no need to ask what it is.
_PLAIN = (np.ndarray, float, int)

_TAKEN = (
    "arrays, masked arrays and dask arrays, NDData, CCDData and Quantity of astropy and DataArrays "
    "of xarray do"
)


def as_variance(variance: Any, name: str, of: Pixels) -> Any:
    """Give a variance, in the squared unit of an image, as a number or an array.

    Parameters
    ----------
    variance : float, array_like [y, x], or object
        What `as_pixels` takes; of an NDData, its uncertainty; or an uncertainty.
    name : str
        What messages call it.
    of : Pixels
        The image.

    Returns
    -------
    float or array
        NaN where it is hidden.

    Raises
    ------
    TypeError, ValueError
        As `as_pixels`; if an uncertainty is none of the known kinds; if units or coordinates do not
        go with those of the image.
    """
    if type(variance) in _PLAIN:
        return variance
    is_nddata = is_a(variance, "astropy.nddata", "NDData")
    if is_nddata or is_a(variance, "astropy.nddata", "NDUncertainty"):
        from .nddata import variance_of

        values, unit = variance_of(variance.uncertainty if is_nddata else variance, name)
        own = Pixels(values, unit, variance.mask if is_nddata else None)
    else:
        own = as_pixels(variance, name)
        _require_same_grid(own.owner, of, name)
    if own.unit is not None:
        from .units import in_square_of

        own = own._replace(values=in_square_of(own.values, own.unit, of.unit, name))
    return own.array


def as_companion(image: Any, name: str, of: Pixels) -> Any:
    """Give the pixels of an image that goes with another, in the unit of that.

    Raises
    ------
    TypeError, ValueError
        As `as_pixels`; if units or coordinates do not go with those of the other.
    """
    own = as_pixels(image, name)
    _require_same_grid(own.owner, of, name)
    if own.unit is not None:
        from .units import in_unit_of

        own = own._replace(values=in_unit_of(own.values, own.unit, of.unit, name))
    return own.array


def as_mask(mask: Any, name: str, of: Pixels) -> Any:
    """Give a mask as an array, None for None; a DataArray upright."""
    if mask is None or type(mask) is np.ndarray:
        return mask
    if is_a(mask, "xarray", "DataArray"):
        from .xarray import upright

        mask = upright(mask, name)
        _require_same_grid(mask, of, name)
        mask = mask.data
    return plain(mask, name)


def as_planes(
    image: Any,
    name: str,
    variances: Mapping[str, Any],
    masks: Mapping[str, Any],
    ignore_mask: int,
    no_value_mask: int,
    *,
    on_disk: bool = False,
    out: Any = None,
) -> tuple[Pixels, Planes]:
    """Give an image of any package, and what belongs to it, as the compiled core takes it.

    Parameters
    ----------
    image : array_like, [y, x], or object
        What `as_pixels` takes.
    name : str
        What messages call it.
    variances, masks : mapping [str, object]
        What `as_variance` and `as_mask` take, by the names that messages use.
    ignore_mask, no_value_mask : int
        As for `whitediff.arrays.as_masks`.
    on_disk : bool, optional
        Whether rows are to be read when they are needed; those of dask arrays are in any case.
    out : tuple [numpy.ndarray, numpy.ndarray], optional
        Where the result goes: what `whitediff.arrays.as_output` takes.

    Returns
    -------
    Pixels, Planes

    Raises
    ------
    TypeError, ValueError
        As these.
    """
    pixels = as_pixels(image, name)
    arrays = {"": pixels.array}
    arrays |= {name: as_variance(value, name, pixels) for name, value in variances.items()}
    bits = {name: as_mask(mask, name, pixels) for name, mask in masks.items()}
    if any(_is_lazy(array) for array in (*arrays.values(), *bits.values())):
        arrays = {name: _with_rows(array) for name, array in arrays.items()}
        bits = {name: None if mask is None else _with_rows(mask) for name, mask in bits.items()}
        on_disk = True
    read = planes_on_disk if on_disk else planes_in_memory
    given = (*arrays.values(), *bits.values())
    planes = read(arrays.pop(""), name, arrays, bits, ignore_mask, no_value_mask)
    if out is not None:
        dtype = np.float32 if isinstance(planes.image, _core.PlaneF) else np.float64
        planes = replace(planes, out=as_output(out, planes.image.shape, dtype, given))
    return pixels, planes


def as_measurable(
    image: Any, variance: Any, mask: Any
) -> tuple[FloatImage, float | FloatImage | None, Any]:
    """Give an image of any package, its variance and its mask as arrays to measure noise on.

    Parameters
    ----------
    image, variance, mask : object
        What `as_pixels`, `as_variance` and `as_mask` take, or None; the variance of an NDData is
        its own where none is given.

    Raises
    ------
    TypeError, ValueError
        As these, `whitediff.arrays.as_image` and `whitediff.arrays.as_variance_plane`.
    """
    pixels = as_pixels(image, "image")
    array = as_image(pixels.array, "image")
    if variance is None and pixels.is_nddata and pixels.owner.uncertainty is not None:
        variance = pixels.owner
    plane = None
    if variance is not None:
        own = as_variance(variance, "variance", pixels)
        plane = as_variance_plane(own, array, "variance")
    return array, plane, as_mask(mask, "mask", pixels)


def _linear(unit: Any, name: str) -> Any:
    """Give a unit, or None, back if fluxes add up in it."""
    if unit is not None:
        from .units import require_linear

        require_linear(unit, name)
    return unit


class _Blocks:
    """A dask array whose rows are computed when they are asked for."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        computed: npt.NDArray[Any] = self._array[rows].compute()
        return computed


def _is_lazy(array: Any) -> bool:
    return type(array) is not np.ndarray and is_a(array, "dask.array", "Array")


def _with_rows(array: Any) -> Any:
    return _Blocks(array) if _is_lazy(array) else np.asanyarray(array)


def _require_same_grid(owner: Any, of: Pixels, name: str) -> None:
    if all(is_a(one, "xarray", "DataArray") for one in (owner, of.owner)):
        from .xarray import require_same_grid

        require_same_grid(owner, of.owner, name)


def _with_gaps(values: Any, hidden: Any) -> Any:
    """Give values with NaN where they are hidden, be they in memory or not."""
    if hidden is None or not np.ndim(hidden) and not hidden:
        return values
    if np.shape(hidden) != np.shape(values):
        raise ValueError(
            f"a mask must have the shape of its image, {np.shape(values)}, got {np.shape(hidden)}"
        )
    array = values if hasattr(values, "dtype") else np.asarray(values)
    single = array.dtype.newbyteorder("=") == np.float32
    return np.where(hidden, np.float32(np.nan) if single else np.nan, array)
