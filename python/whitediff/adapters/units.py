"""Units of images and of their variances."""

from __future__ import annotations

from typing import Any

__all__ = ["in_square_of", "in_unit_of", "require_linear"]


def require_linear(unit: Any, name: str) -> None:
    """Raise ValueError if a unit is logarithmic, so that fluxes do not add up in it."""
    if hasattr(unit, "physical_unit") or str(unit) in ("mag", "dex", "dB"):
        raise ValueError(f"{name} must be linear in the flux, got the unit {unit}")


def in_unit_of(values: Any, unit: Any, of: Any, name: str) -> Any:
    """Give the pixels of an image in the unit of another; ValueError if they have no such one."""
    target = unit**0 if of is None else of
    try:
        factor = unit.to(target)
    except (TypeError, ValueError):
        wanted, got = (one.to_string() or "no unit" for one in (target, unit))
        raise ValueError(f"{name} must be in the unit of the image, {wanted}, got {got}") from None
    return values if factor == 1.0 else values * factor


def in_square_of(values: Any, unit: Any, of: Any, name: str) -> Any:
    """Give variances in the squared unit of an image.

    Parameters
    ----------
    values : float or array
        The variances.
    unit : astropy.units.Unit
        Their unit.
    of : astropy.units.Unit or None
        That of the image.
    name : str
        What messages call them.

    Raises
    ------
    ValueError
        If one unit cannot be converted to the other, or the image has none.
    """
    target = unit**0 if of is None else of**2
    try:
        factor = unit.to(target)
    except (TypeError, ValueError):
        wanted, got = (one.to_string() or "no unit" for one in (target, unit))
        hint = ""
        if of is not None and unit.is_equivalent(of):
            hint = ": square a standard deviation, or give it as a StdDevUncertainty"
        raise ValueError(
            f"{name} must be in the square of the unit of the image, {wanted}, got {got}{hint}"
        ) from None
    return values if factor == 1.0 else values * factor
