"""PSFs of ours as models of photutils."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernel import KernelImages, Positions

__all__ = ["gridded_psf_model"]

# Between samples so near to one another the splines of photutils are right to a thousandth.
_OVERSAMPLING = 4


def gridded_psf_model(images: KernelImages, x: Positions, y: Positions) -> Any:
    """Give PSFs at the nodes of a grid as a GriddedPSFModel.

    Parameters
    ----------
    images : numpy.ndarray, [y, x, h, w]
        The PSFs, each with its centre at pixel ``((h - 1) // 2, (w - 1) // 2)``.
    x, y : numpy.ndarray
        Positions of the columns and rows of the grid.

    Returns
    -------
    photutils.psf.GriddedPSFModel
        Finer by a factor of 4, by sinc interpolation: exact where the PSF is sampled as it must be.

    Raises
    ------
    ImportError
        If photutils is not installed.
    """
    from astropy.nddata import NDData
    from photutils.psf import GriddedPSFModel

    in_y, in_x = (_finer(size) for size in images.shape[2:])
    fine = np.einsum("av,jivu,bu->jiab", in_y, images, in_x, optimize=True)
    nodes = [(float(column), float(row)) for row in y for column in x]
    data = NDData(
        fine.reshape(-1, *fine.shape[2:]),
        meta={"grid_xypos": nodes, "oversampling": _OVERSAMPLING},
    )
    return GriddedPSFModel(data)


def _finer(size: int) -> KernelImages:
    """Weights of samples, [fine, coarse], the centre in the middle of the fine ones."""
    center = (size - 1) // 2
    radius = (size - 1 - center) * _OVERSAMPLING
    places = center + np.arange(-radius, radius + 1) / _OVERSAMPLING
    weights: KernelImages = np.sinc(places[:, np.newaxis] - np.arange(size))
    return weights
