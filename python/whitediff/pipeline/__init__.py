"""Whitening in the pipelines of Rubin, on images of lsst.images.

Needs Python 3.12 and the extra ``rubin``: lsst-images, lsst-pipe-base, lsst-daf-butler and Piff.
"""

from .decorrelate import decorrelate
from .kernels import lsst_kernel, write_lsst_kernel
from .whiten_difference import (
    WhitenDifferenceConfig,
    WhitenDifferenceConnections,
    WhitenDifferenceError,
    WhitenDifferenceTask,
)

__all__ = [
    "WhitenDifferenceConfig",
    "WhitenDifferenceConnections",
    "WhitenDifferenceError",
    "WhitenDifferenceTask",
    "decorrelate",
    "lsst_kernel",
    "write_lsst_kernel",
]
