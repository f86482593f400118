"""PSFs of ours as those of lsst.images."""

from __future__ import annotations

from typing import Any, NamedTuple

import galsim
import numpy as np
import piff
from lsst.images import YX, Bounds, Box
from lsst.images.cells import CellGrid, CellGridBounds, CellPointSpreadFunction
from lsst.images.psfs import PiffWrapper
from numpy.typing import NDArray

from ..kernel import fitted
from ..psf import CellPsf

__all__ = ["PiffPsf", "cell_psf", "piff_psf"]

# Filters vary over the frame as kernels do, which are polynomials of such orders.
_LARGEST_ORDER = 3


class PiffPsf(NamedTuple):
    """A PSF of lsst.images that a file can hold, and what it costs.

    Attributes
    ----------
    psf : PiffWrapper
        Images whose pixels are polynomials of the position.
    misfit : float
        The largest difference to the PSF that it stands for, in units of its peak, over all places
        that it was fitted to.
    """

    psf: PiffWrapper
    misfit: float


def piff_psf(psf: CellPsf, bounds: Bounds) -> PiffPsf:
    """Give the PSF of cells as one of Piff: pixels that are polynomials of the position.

    Parameters
    ----------
    psf : CellPsf
        The PSF. The polynomials have the terms that the rows and columns of its positions, and of
        the middles between those of one cell, can tell, up to the third order.
    bounds : Bounds
        Where it holds.
    """
    x, y = _places(psf)
    images = _square(psf.kernel_images(x, y))
    n_places, side, _ = images.shape
    # A polynomial of x takes one more column than its order, one of y one more row.
    n_columns, n_rows = len(np.unique(x)), len(np.unique(y))
    order = min(_LARGEST_ORDER, max(n_columns, n_rows) - 1)
    model = piff.PixelGrid(1.0, side)
    # Its values are a product of matrices; those of piff.Polynomial are found pixel by pixel.
    orders = [min(order, number - 1) for number in (n_columns, n_rows)]
    interpolation = piff.BasisPolynomial(orders, max_order=order)
    stars = [
        piff.Star.makeTarget(x=u, y=v, scale=1.0, stamp_size=side)
        for u, v in zip(x, y, strict=True)
    ]
    design = np.stack([interpolation.basis(star) for star in stars])
    scale = np.abs(design).max(axis=0)
    solution = np.linalg.lstsq(design / scale, images.reshape(n_places, -1), rcond=None)[0]
    interpolation.q = np.ascontiguousarray((solution / scale[:, np.newaxis]).T)
    whole = piff.SimplePSF(model, interpolation)
    whole.wcs, whole.pointing, whole.stars = {0: galsim.PixelScale(1.0)}, None, stars
    misfit = np.abs((design / scale) @ solution - images.reshape(n_places, -1)).max()
    return PiffPsf(PiffWrapper(whole, bounds, side), float(misfit / images.max()))


def cell_psf(psf: CellPsf, box: Box) -> CellPointSpreadFunction:
    """Give the PSF of cells as one of lsst.images, on a grid of equal cells without overlap.

    Parameters
    ----------
    psf : CellPsf
        The PSF; the grid has as many cells in x and in y.
    box : Box
        Of the image, which the grid covers from its first pixel on.
    """
    n_x, n_y = (len(np.unique(psf.boxes[:, axis])) for axis in (0, 1))
    shape = YX(y=-(-box.y.size // n_y), x=-(-box.x.size // n_x))
    grid = CellGrid(
        bbox=Box.from_shape((n_y * shape.y, n_x * shape.x), start=box.start), cell_shape=shape
    )
    bounds = CellGridBounds(grid=grid, bbox=grid.bbox)
    side = _square(psf.images).shape[1]
    images = np.empty((n_y, n_x, side, side))
    for index in bounds.cell_indices():
        cell = grid.bbox_of(index).intersection(box)
        image = psf.computeKernelImage((cell.x.center, cell.y.center)).array
        images[index.i, index.j] = fitted(image, (side, side))
    return CellPointSpreadFunction(images, bounds)


def _places(psf: CellPsf) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns and rows of the PSFs of cells, and of the middles between those of one cell.

    A polynomial through few places goes astray between them where one cell ends.
    """
    places = []
    for box in np.unique(psf.boxes, axis=0):
        x, y = (np.unique(axis) for axis in psf.positions[(psf.boxes == box).all(axis=1)].T)
        x, y = (np.concatenate([axis, (axis[1:] + axis[:-1]) / 2]) for axis in (x, y))
        places.append(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    x, y = np.concatenate(places).T
    return x, y


def _square(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images [n, y, x] of one odd side, with a sum of one each."""
    side = max(images.shape[1:]) // 2 * 2 + 1
    square = np.stack([fitted(image, (side, side)) for image in images])
    total: Any = square.sum(axis=(1, 2), keepdims=True)
    return np.asarray(square / total)
