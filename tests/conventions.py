"""Small files laid out as those of observatories, with the truth that they hold."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

SHAPE = (23, 17)
RNG = np.random.default_rng(20)
IMAGE = RNG.normal(100, 10, SHAPE).astype(np.float32)
# Powers of two, so that squares and inverses are exact.
SIGMA = 2.0 ** RNG.integers(-2, 4, SHAPE).astype(np.float32)
VARIANCE = SIGMA**2
WEIGHT = 1 / VARIANCE
# Pixels without a weight have no variance.
HOLED = WEIGHT.copy()
HOLED[5, 3:6] = 0


def hdu(data, name="", version=1, **keywords):
    """An image extension."""
    extension = fits.ImageHDU(data, fits.Header(keywords), name=name, ver=version)
    return extension


def write(path, *hdus, **primary):
    """A file with an empty primary HDU that has these keywords."""
    fits.HDUList([fits.PrimaryHDU(header=fits.Header(primary)), *hdus]).writeto(path)
    return path


def write_primary(path, data, *hdus, **keywords):
    """A file whose primary HDU is an image."""
    fits.HDUList([fits.PrimaryHDU(data, fits.Header(keywords)), *hdus]).writeto(path)
    return path


def flags(*bits, dtype=np.int32):
    """A mask in which pixel [n, 0] has the n-th of these bits, and no other pixel has any."""
    mask = np.zeros(SHAPE, np.int64)
    for n, bit in enumerate(bits):
        mask[n, 0] = 1 << bit
    return mask.astype(dtype)
