"""NDData, CCDData and uncertainties of astropy."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import FloatImage

__all__ = ["as_ccd_data", "variance_of"]


def variance_of(uncertainty: Any, name: str) -> tuple[Any, Any]:
    """Give the variance that an uncertainty stands for, with its unit or None.

    What is no uncertainty that can be, such as a negative standard deviation or an inverse variance
    of zero, becomes NaN: it is not known.

    Raises
    ------
    ValueError
        If there is none, or it does not say what it is.
    """
    kind = getattr(uncertainty, "uncertainty_type", None)
    array = getattr(uncertainty, "array", None)
    if kind not in ("std", "var", "ivar") or array is None:
        raise ValueError(
            f"{name} must come with a StdDevUncertainty, a VarianceUncertainty or an "
            f"InverseVariance, got {'none' if array is None else type(uncertainty).__name__}"
        )
    unit = uncertainty.unit
    if kind == "var":
        return array, unit
    if kind == "std":
        return np.where(array < 0, np.nan, array**2), None if unit is None else unit**2
    with np.errstate(divide="ignore"):
        return np.where(array > 0, 1.0 / array, np.nan), None if unit is None else unit**-1


def as_ccd_data(
    image: FloatImage,
    variance: FloatImage | None,
    *,
    unit: Any = None,
    mask: npt.NDArray[np.bool_] | None = None,
    wcs: Any = None,
    meta: Any = None,
    psf: Any = None,
) -> Any:
    """Give an image as CCDData.

    Parameters
    ----------
    image, variance : numpy.ndarray, [y, x]
        Pixels and their variance, which may be None.
    unit : astropy.units.Unit, optional
        Default: dimensionless, as astropy takes what has no unit.
    mask : numpy.ndarray of bool, [y, x], optional
        True: no value. Pixels without a finite value or variance are masked in any case.
    wcs, meta, psf : optional
        As of CCDData. An NDData is given where the WCS is none of FITS, which a CCDData cannot
        hold.

    Returns
    -------
    astropy.nddata.CCDData or NDData
    """
    from astropy.nddata import CCDData, NDData, VarianceUncertainty
    from astropy.units import dimensionless_unscaled
    from astropy.wcs import WCS

    hidden = ~np.isfinite(image)
    if variance is not None:
        hidden |= ~np.isfinite(variance)
    if mask is not None:
        hidden |= mask
    kind = CCDData if wcs is None or isinstance(wcs, WCS) else NDData
    return kind(
        image,
        unit=dimensionless_unscaled if unit is None else unit,
        uncertainty=None if variance is None else VarianceUncertainty(variance),
        mask=hidden if hidden.any() else None,
        wcs=wcs,
        meta=deepcopy(meta),
        psf=psf,
    )
