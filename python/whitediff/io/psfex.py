"""PSF files of PSFEx: a table PSF_DATA whose images are coefficients of a polynomial of x and y."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from astropy.io import fits

from ..kernel import Kernel

__all__ = ["is_psfex", "read_psfex"]

_TABLE = "PSF_DATA"


def is_psfex(hdus: fits.HDUList) -> bool:
    """Whether a file is one of PSFEx."""
    return _TABLE in hdus and "PSF_SAMP" in hdus[_TABLE].header


def read_psfex(hdus: fits.HDUList) -> Kernel:
    """Read the PSF, with GalSim.

    Raises
    ------
    ValueError
        If GalSim is not installed.
    OSError
        If the polynomial is none of x and y alone.
    """
    if find_spec("galsim") is None:
        raise ValueError("PSFEx files are read with GalSim: pip install galsim")
    from ..adapters.galsim import PsfexKernel

    kernel = PsfexKernel(hdus[_TABLE])
    # What of it cannot be drawn is found here, where the file has a name.
    kernel.evaluate(np.zeros(1), np.zeros(1))
    return kernel
