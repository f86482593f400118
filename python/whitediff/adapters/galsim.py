"""Profiles of GalSim, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernel import Kernel, KernelImages, Positions, fixed_kernel

__all__ = ["PsfexKernel", "drawn"]

# Sides that GalSim would choose for a profile with wide wings are in the thousands.
_MAX_SIDE = 255


def drawn(profile: Any, scale: float, method: str) -> Kernel:
    """Give the kernel of a profile; see `whitediff.adapters.from_galsim`."""
    from galsim import GSObject

    if not isinstance(profile, GSObject):
        raise TypeError(f"profile must be a galsim.GSObject, got {type(profile).__name__}")
    return fixed_kernel(_image(profile, _side(profile.getGoodImageSize(scale)), scale, method))


class PsfexKernel(Kernel):
    """The PSF of a file of PSFEx.

    Parameters
    ----------
    table : astropy.io.fits.BinTableHDU
        The table PSF_DATA.

    Notes
    -----
    Pixels of PSFEx count from 1, and include the response of the pixel.
    """

    def __init__(self, table: Any) -> None:
        from galsim.des import DES_PSFEx

        self._psf = DES_PSFEx(table)
        side = _side(max(self._psf.basis.shape[1:]) * self._psf.sample_scale, larger=False)
        super().__init__(shape=(side, side))

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        """Give the images [n, v, u] at positions, which count from 0."""
        from galsim import PositionD

        profiles = (
            self._psf.getPSF(PositionD(float(u) + 1.0, float(v) + 1.0))
            for u, v in zip(x, y, strict=True)
        )
        # Whoever takes the images finds out whether they are finite.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.stack([_image(one, self.shape[0], 1.0, "no_pixel") for one in profiles])


def _image(profile: Any, side: int, scale: float, method: str) -> KernelImages:
    image: KernelImages = profile.drawImage(
        nx=side, ny=side, scale=scale, method=method, dtype=np.float64
    ).array
    return image


def _side(size: float, *, larger: bool = True) -> int:
    """Give the next odd number, so that there is a pixel in the middle."""
    whole = int(size)
    return min(whole + (1 if larger else -1) if whole % 2 == 0 else whole, _MAX_SIDE)
