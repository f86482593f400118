"""Arrays of xarray, whose axes have names."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["like", "require_same_grid", "unit_of", "upright"]

_DIMENSIONS = ("y", "x")


def upright(array: Any, name: str) -> Any:
    """Give a DataArray with the dimensions y and x, in this order.

    Raises
    ------
    ValueError
        If it has others.
    """
    if sorted(map(str, array.dims)) != sorted(_DIMENSIONS):
        raise ValueError(
            f"{name} must have the dimensions y and x, got {', '.join(map(str, array.dims))}: "
            "select, squeeze or rename"
        )
    return array.transpose(*_DIMENSIONS)


def unit_of(array: Any, name: str) -> Any:
    """Give the unit that the attribute ``units`` of a DataArray names, None if there is none.

    Raises
    ------
    ValueError
        If astropy knows no such unit.
    """
    text = array.attrs.get("units")
    if text is None:
        return None
    from astropy.units import Unit

    try:
        return Unit(text)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must have an attribute units that astropy.units knows, or none, got {text!r}"
        ) from None


def require_same_grid(array: Any, of: Any, name: str) -> None:
    """Raise ValueError if two DataArrays say of their pixels that they lie in different places."""
    for axis in _DIMENSIONS:
        if axis in array.coords and axis in of.coords:
            own, others = (np.asarray(one.coords[axis]) for one in (array, of))
            if not np.array_equal(own, others):
                raise ValueError(
                    f"{name} must have the coordinates {axis} of the image, got others"
                )


def like(array: Any, values: Any, unit: Any) -> Any:
    """Give values as a DataArray with the coordinates and attributes of another."""
    result = array.copy(data=values)
    if unit is not None:
        result.attrs["units"] = unit.to_string()
    return result
