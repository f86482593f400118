"""An exposure takes a PSF, if it can hold one."""

from __future__ import annotations

import logging
from typing import Any

from ..adapters.afw import psf_for

__all__ = ["hold_psf"]

_log = logging.getLogger(__name__)


def hold_psf(exposure: Any, psf: Any) -> None:
    """Set the PSF of an exposure, in the form in which it can hold it.

    Parameters
    ----------
    exposure : Exposure
        The exposure, which is modified. It has no PSF where it cannot hold this one, or where the
        PSF cannot be made; the log says so.
    psf : Psf or None
        See `whitediff.adapters.afw.psf_for`.
    """
    try:
        exposure.setPsf(psf_for(exposure, psf))
    except Exception as error:
        # An image without a PSF is better than none.
        _log.warning(
            "A %s cannot hold a %s, so it has no PSF: %s",
            type(exposure).__name__,
            type(psf).__name__,
            error,
        )
        exposure.setPsf(None)
