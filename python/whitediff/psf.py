"""Point spread functions as images: one for a whole exposure, or one for each of its cells.

The interface is that of lsst.afw.detection.Psf. Positions are in the pixel coordinates of the
exposure, origin included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import Box2I, Extent2I, Point2D, Point2I
from .image import Image
from .kernel import Kernel
from .whitening import Whitening

__all__ = [
    "CellPsf",
    "EvaluatedPsf",
    "KernelPsf",
    "Quadrupole",
    "psf_on_grid",
    "refined",
    "sampled_psf",
]

_LANCZOS_ORDER = 5
_MAX_MOMENT_STEPS = 200
_FLUX_TOLERANCE = 1e-3
_CELLS_TRIED = 9
# Rows and columns of the grid on which a PSF is sampled.
_GRID = 4

ImagesAt = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]], NDArray[np.float64]
]


@dataclass(frozen=True)
class Quadrupole:
    """Second moments of an image, in pixels squared."""

    ixx: float
    iyy: float
    ixy: float

    def getIxx(self) -> float:
        return self.ixx

    def getIyy(self) -> float:
        return self.iyy

    def getIxy(self) -> float:
        return self.ixy

    def getDeterminantRadius(self) -> float:
        """Fourth root of the determinant, in pixels: sigma, for a round Gaussian."""
        return float((self.ixx * self.iyy - self.ixy**2) ** 0.25)

    def getTraceRadius(self) -> float:
        """Root of half the trace, in pixels: sigma, for a round Gaussian."""
        return math.sqrt((self.ixx + self.iyy) / 2)


class _Psf:
    """What a PSF can tell once its image at a position is known."""

    def getAveragePosition(self) -> Point2D:
        raise NotImplementedError

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        raise NotImplementedError

    def _position(self, position: Any) -> tuple[float, float]:
        x, y = self.getAveragePosition() if position is None else position
        return float(x), float(y)

    def computeKernelImage(self, position: Any = None) -> Image:
        """PSF at a position, centred on the pixel (0, 0).

        Parameters
        ----------
        position : Point2D, optional
            Where the PSF is wanted; the average position if not given.

        Returns
        -------
        Image
            float64 image [y, x].
        """
        return _centered(self._image_at(*self._position(position)).copy(), 0, 0)

    def kernel_images(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """PSFs at many positions, each as `computeKernelImage` gives it.

        Parameters
        ----------
        x, y : numpy.ndarray, [n]
            Where they are wanted.

        Returns
        -------
        numpy.ndarray, [n, v, u]
        """
        return np.stack([self._image_at(*at) for at in zip(x.tolist(), y.tolist(), strict=True)])

    def computeImage(self, position: Any = None) -> Image:
        """PSF of a star at a position, shifted by the fraction of a pixel that this takes.

        The shift is a Lanczos interpolation of order 5 with weights that sum to one.

        Parameters
        ----------
        position : Point2D, optional
            Where the star is; the average position if not given.

        Returns
        -------
        Image
            float64 image [y, x]; its origin places it in the exposure.
        """
        x, y = self._position(position)
        column, row = math.floor(x + 0.5), math.floor(y + 0.5)
        image = self._image_at(x, y)
        shift_y = _lanczos_shift(image.shape[0], y - row)
        shift_x = _lanczos_shift(image.shape[1], x - column)
        return _centered(shift_y @ image @ shift_x.T, column, row)

    def computeShape(self, position: Any = None) -> Quadrupole:
        """Second moments of the PSF under a Gaussian weight of its own size and shape.

        The weight adapts to the image as described by Bernstein & Jarvis (2002, AJ 123, 583,
        section 3): for a Gaussian PSF the result is its covariance.

        Parameters
        ----------
        position : Point2D, optional
            Where the PSF is wanted; the average position if not given.

        Returns
        -------
        Quadrupole
            Moments in pixels squared.

        Raises
        ------
        ValueError
            If the image has no such moments, because it is not finite or not peaked.
        """
        return _adaptive_moments(self._image_at(*self._position(position)))


class KernelPsf(_Psf):
    """PSF that is the same everywhere.

    Parameters
    ----------
    image : array_like
        PSF image [y, x], with its centre at pixel ``((h - 1) // 2, (w - 1) // 2)``. It is kept
        as float64, as it is: not normalised.
    position : Point2D
        Average position of the stars that it comes from, in pixels.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, or empty.
    """

    def __init__(self, image: ArrayLike, position: Any = (0.0, 0.0)) -> None:
        self._image = np.array(image, dtype=np.float64)
        if self._image.ndim != 2 or self._image.size == 0:
            raise ValueError(f"image must be 2-D and not empty, got {self._image.shape}")
        self._image.flags.writeable = False
        self._average_position = Point2D(*position)

    @property
    def image(self) -> NDArray[np.float64]:
        """PSF image [y, x], read-only."""
        return self._image

    def getAveragePosition(self) -> Point2D:
        return self._average_position

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        return self._image


class EvaluatedPsf(_Psf):
    """PSF that a kernel gives at every position.

    Parameters
    ----------
    kernel : Kernel
        The PSF as a kernel, of any centre. Its images are kept as they are: not normalised.
    position : Point2D
        Average position of the stars that it comes from, in pixels.
    """

    def __init__(self, kernel: Kernel, position: Any = (0.0, 0.0)) -> None:
        self._kernel = kernel
        self._average_position = Point2D(*position)

    def getAveragePosition(self) -> Point2D:
        return self._average_position

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        image = self._kernel.evaluate(np.array([x]), np.array([y]))[0]
        center = np.array(self._kernel.center)
        # Zeros move the centre of the kernel to where PSFs have theirs.
        sides = np.stack([center, np.array(image.shape) - 1 - center], axis=1)
        return np.pad(image, sides.max(axis=1, keepdims=True) - sides)


class CellPsf(_Psf):
    """PSF known in each of many cells.

    At a position it is the mean of the PSFs of the cells that contain it, as the image there is
    a mixture of them; outside of all cells it is the PSF of the cell with the nearest centre. A
    cell may come several times, with PSFs at positions that form a grid: its PSF then follows a
    parabola through the three nearest of them in x and in y, from edge to edge of its box.

    Parameters
    ----------
    images : array_like
        PSF images [cell, y, x], each with its centre at pixel ``((h - 1) // 2, (w - 1) // 2)``.
        They are kept as float64, as they are: not normalised.
    boxes : array_like
        Cells [cell, 4] as ``(x0, y0, x1, y1)``, half-open, in pixels; equal ones are one cell.
    positions : array_like, optional
        Positions [cell, 2] as (x, y), in pixels, that the PSFs are for; the centres of the boxes
        if not given.

    Raises
    ------
    ValueError
        If the shapes do not match, there is no cell, or the positions of a cell form no grid.
    """

    def __init__(
        self, images: ArrayLike, boxes: ArrayLike, positions: ArrayLike | None = None
    ) -> None:
        self._images = np.array(images, dtype=np.float64)
        self._boxes = np.array(boxes, dtype=np.int64)
        if self._images.ndim != 3 or self._images.size == 0:
            raise ValueError(
                f"images must be 3-D [cell, y, x] and not empty, got {self._images.shape}"
            )
        n_cells = len(self._images)
        if self._boxes.shape != (n_cells, 4):
            raise ValueError(f"boxes must have shape {(n_cells, 4)}, got {self._boxes.shape}")
        if positions is None:
            self._positions = (self._boxes[:, :2] + self._boxes[:, 2:] - 1) / 2
        else:
            self._positions = np.array(positions, dtype=np.float64)
        if self._positions.shape != (n_cells, 2):
            raise ValueError(
                f"positions must have shape {(n_cells, 2)}, got {self._positions.shape}"
            )
        for array in (self._images, self._boxes, self._positions):
            array.flags.writeable = False
        self._cells = _cells_of(self._boxes, self._positions)

    @property
    def images(self) -> NDArray[np.float64]:
        """PSF images [cell, y, x], read-only."""
        return self._images

    @property
    def boxes(self) -> NDArray[np.int64]:
        """Cells [cell, 4] as half-open (x0, y0, x1, y1), in pixels, read-only."""
        return self._boxes

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions [cell, 2] of the PSFs as (x, y), in pixels, read-only."""
        return self._positions

    @property
    def parts(self) -> NDArray[np.int64]:
        """The part of its cell that lies next to each position, [cell, 4] as `boxes`."""
        parts = self.boxes.copy()
        for cell in _cells_of(self.boxes, self.positions):
            for axis, nodes in ((0, cell.x), (1, cell.y)):
                between = np.floor((nodes[:-1] + nodes[1:]) / 2).astype(np.int64) + 1
                edges = np.hstack([cell.box[axis], between, cell.box[axis + 2]])
                index = cell.index.T if axis == 0 else cell.index
                for line, begin, end in zip(index, edges[:-1], edges[1:], strict=True):
                    parts[line, axis], parts[line, axis + 2] = begin, end
        return parts

    def getComponentCount(self) -> int:
        return len(self._images)

    def getPsf(self, index: int) -> KernelPsf:
        """PSF of one cell."""
        return KernelPsf(self._images[index], self._positions[index])

    def getBBox(self, index: int) -> Box2I:
        """Box of one cell."""
        x0, y0, x1, y1 = self._boxes[index]
        return Box2I(Point2I(x0, y0), Extent2I(x1 - x0, y1 - y0))

    def getAveragePosition(self) -> Point2D:
        return Point2D(*self._positions.mean(axis=0))

    def kernel_images(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        if not (np.isfinite(x) & np.isfinite(y)).all():
            raise ValueError(f"positions must be finite, got x = {x}, y = {y}")
        columns, rows = np.floor(x + 0.5), np.floor(y + 0.5)
        images = np.zeros((len(x), *self._images.shape[1:]))
        n_cells = np.zeros(len(x), int)
        for cell in self._cells:
            inside = np.flatnonzero(cell.contains(columns, rows))
            if inside.size:
                images[inside] += cell.between(self._images, x[inside], y[inside])
                n_cells[inside] += 1
        for n in np.flatnonzero(n_cells == 0):
            nearest = np.argmin(np.hypot(*(self._positions - (x[n], y[n])).T))
            (cell,) = (cell for cell in self._cells if nearest in cell.index)
            images[n] = cell.between(self._images, x[[n]], y[[n]])[0]
        return np.asarray(images / np.maximum(n_cells, 1)[:, np.newaxis, np.newaxis])

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        return np.asarray(self.kernel_images(np.array([x]), np.array([y]))[0])


@dataclass(frozen=True)
class _Nodes:
    """Where the PSFs of one cell are known: columns and rows, and which is [row, column]."""

    box: tuple[int, int, int, int]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    index: NDArray[np.intp]

    def contains(
        self, columns: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        x0, y0, x1, y1 = self.box
        return np.asarray((x0 <= columns) & (columns < x1) & (y0 <= rows) & (rows < y1))

    def between(
        self, images: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """PSFs at positions, [n, v, u], of those of all cells."""
        x0, y0, x1, y1 = self.box
        weights_x = _parabola(self.x, np.clip(x, x0, x1 - 1))
        weights_y = _parabola(self.y, np.clip(y, y0, y1 - 1))
        weights = (weights_y[:, :, np.newaxis] * weights_x[:, np.newaxis, :]).reshape(len(x), -1)
        nodes = self.index.ravel()
        # Positions between the same nodes are done at once.
        at_nodes: dict[bytes, list[int]] = {}
        for n, used in enumerate(weights != 0):
            at_nodes.setdefault(used.tobytes(), []).append(n)
        between = np.empty((len(x), *images.shape[1:]))
        for here in at_nodes.values():
            near = np.flatnonzero(weights[here[0]])
            shares = weights[here][:, near]
            # A sum, not a product of matrices, whose threads would spin for so little.
            between[here] = np.einsum("nm,mvu->nvu", shares, images[nodes[near]])
        return between


def _cells_of(boxes: NDArray[np.int64], positions: NDArray[np.float64]) -> list[_Nodes]:
    of_box: dict[tuple[int, ...], list[int]] = {}
    for n, box in enumerate(boxes.tolist()):
        of_box.setdefault(tuple(box), []).append(n)
    cells = []
    for (x0, y0, x1, y1), members in of_box.items():
        columns, column = np.unique(positions[members, 0], return_inverse=True)
        rows, row = np.unique(positions[members, 1], return_inverse=True)
        index = np.full((len(rows), len(columns)), -1)
        index[row, column] = members
        if index.size != len(members) or (index < 0).any():
            raise ValueError(
                f"positions must form a grid in each cell, got {positions[members].tolist()}"
            )
        cells.append(_Nodes((x0, y0, x1, y1), columns, rows, index))
    return cells


def _parabola(nodes: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give Lagrange's weights [n, nodes] for the (up to) three nodes next to each position."""
    size = min(3, len(nodes))
    nearest = np.abs(nodes - at[:, np.newaxis]).argmin(axis=1)
    chosen = np.clip(nearest - 1, 0, len(nodes) - size)[:, np.newaxis] + np.arange(size)
    near = nodes[chosen]
    weights = np.zeros((len(at), len(nodes)))
    for i in range(size):
        others = [j for j in range(size) if j != i]
        shares = (at[:, np.newaxis] - near[:, others]) / (near[:, [i]] - near[:, others])
        weights[np.arange(len(at)), chosen[:, i]] = shares.prod(axis=1)
    return weights


def sampled_psf(whitening: Whitening, xy0: tuple[int, int]) -> CellPsf:
    """Sample the PSF of a whitened image, so that it can be kept without what it is made of.

    Parameters
    ----------
    whitening : Whitening
        How the image was made; with a PSF.
    xy0 : tuple of int
        Pixel coordinates (x, y) of pixel [0, 0] of the image.

    Returns
    -------
    CellPsf
        As of `refined`; one PSF in all if all cells have one filter and that is enough.

    Notes
    -----
    docs/mathematics.md, Eqs. 6 and 21; the PSFs of a cell are those of its own filter, scaled to a
    sum of one.
    """
    cells = whitening.cells
    boxes = cells.boxes.astype(np.int64) + (*xy0, *xy0)

    def images_at(
        x: NDArray[np.float64], y: NDArray[np.float64], cells: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        images = whitening.bank.psfs_at(x, y, cells)
        return np.asarray(images / images.sum(axis=(1, 2), keepdims=True))

    return refined(boxes, images_at, one_in_all=len(cells.centers) < len(boxes))


def refined(boxes: NDArray[np.int64], images_at: ImagesAt, *, one_in_all: bool = False) -> CellPsf:
    """Give cells one PSF each, or 2 x 2 or 3 x 3 where fluxes to a thousandth need them.

    Parameters
    ----------
    boxes : numpy.ndarray of int64, [n, 4]
        The cells.
    images_at : callable
        Called as ``images_at(x, y, cells)`` with positions and the indices of their cells; gives
        the PSFs there, [n, h, w].
    one_in_all : bool
        Whether one PSF may do for all cells.

    Returns
    -------
    CellPsf
        With as few PSFs as are enough in the corners and the middle of (up to) nine of the cells;
        3 x 3 a cell are taken to be.
    """
    tried = np.unique(np.linspace(0, len(boxes) - 1, _CELLS_TRIED).astype(int))
    x0, y0, x1, y1 = boxes[tried].astype(np.float64).T - [[0], [0], [1], [1]]
    x = np.stack([x0, x1, x0, x1, (x0 + x1) / 2])
    y = np.stack([y0, y0, y1, y1, (y0 + y1) / 2])
    truth = images_at(x.ravel(), y.ravel(), np.tile(tried, len(x)))
    truth = truth.reshape(*x.shape, *truth.shape[1:])
    if one_in_all:
        whole = np.hstack([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[np.newaxis]
        psf = _sampled(whole, np.zeros(1, int), images_at, 1)
        if _is_enough(psf.images, truth):
            return psf
    side = 1
    if not _is_enough(truth[-1], truth):
        trial = _sampled(boxes, tried, images_at, 2)
        cells = enumerate(trial._cells)
        between = [cell.between(trial.images, x[:, n], y[:, n]) for n, cell in cells]
        side = 2 if _is_enough(np.stack(between, axis=1), truth) else 3
    return _sampled(boxes, np.arange(len(boxes)), images_at, side)


def _is_enough(images: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    """Whether PSFs measure the right fluxes."""
    fluxes = (images * truth).sum(axis=(-2, -1)) / (images**2).sum(axis=(-2, -1))
    return bool((np.abs(fluxes - 1) <= _FLUX_TOLERANCE).all())


def _sampled(
    boxes: NDArray[np.int64], cells: NDArray[np.intp], images_at: ImagesAt, side: int
) -> CellPsf:
    """PSFs of some cells, at places that form a grid of so many on a side."""
    each, number = np.repeat(boxes[cells], side**2, axis=0), np.repeat(cells, side**2)
    middles = np.arange(1, 2 * side, 2) / (2 * side)
    shares = np.array([(i, j) for j in middles for i in middles])
    nodes = each[:, :2] + (each[:, 2:] - each[:, :2]) * np.tile(shares, (len(cells), 1)) - 0.5
    return CellPsf(images_at(nodes[:, 0], nodes[:, 1], number), each, nodes)


def psf_on_grid(psf: Kernel, shape: tuple[int, int]) -> CellPsf:
    """Sample a PSF that varies over a frame at 4 x 4 places.

    Parameters
    ----------
    psf : Kernel
        The PSF.
    shape : tuple [int, int]
        Height and width of the frame.
    """
    height, width = shape
    middles = np.arange(1, 2 * _GRID, 2) / (2 * _GRID)
    y, x = (axis.ravel() for axis in np.meshgrid(middles * height, middles * width, indexing="ij"))
    positions = np.stack([x, y], axis=1) - 0.5
    return CellPsf(psf.evaluate(*positions.T), [(0, 0, width, height)] * len(x), positions)


def _centered(image: NDArray[np.float64], column: int, row: int) -> Image:
    """Image whose centre pixel is (column, row)."""
    height, width = image.shape
    return Image(image, xy0=(column - (width - 1) // 2, row - (height - 1) // 2))


def _lanczos_shift(size: int, offset: float) -> NDArray[np.float64]:
    """Matrix [size, size] that moves samples by `offset` pixels (at most half a pixel)."""
    if offset == 0.0:
        return np.eye(size)
    taps = np.arange(-_LANCZOS_ORDER, _LANCZOS_ORDER + 1)
    distance = taps - offset
    weights = np.sinc(distance) * np.sinc(distance / _LANCZOS_ORDER)
    weights[np.abs(distance) >= _LANCZOS_ORDER] = 0.0
    weights /= weights.sum()
    matrix = np.zeros((size, size))
    for tap, weight in zip(taps.tolist(), weights, strict=True):
        matrix += weight * np.eye(size, k=-tap)
    return matrix


def _adaptive_moments(image: NDArray[np.float64]) -> Quadrupole:
    height, width = image.shape
    y, x = np.indices(image.shape, dtype=np.float64)
    center = np.array([(width - 1) // 2, (height - 1) // 2], dtype=np.float64)
    weight_covariance = np.eye(2) * 2.0
    for _ in range(_MAX_MOMENT_STEPS):
        offset = np.stack([x - center[0], y - center[1]])
        inverse = np.linalg.inv(weight_covariance)
        exponent = np.einsum("iyx,ij,jyx->yx", offset, inverse, offset)
        weighted = np.exp(-exponent / 2) * image
        flux = weighted.sum()
        if not flux > 0:
            break
        shift = (offset * weighted).sum(axis=(1, 2)) / flux
        centered = offset - shift[:, None, None]
        moments = np.einsum("iyx,jyx,yx->ij", centered, centered, weighted) / flux
        # A Gaussian seen through its own weight has half its covariance.
        covariance = 2 * moments
        if not np.linalg.det(covariance) > 0:
            break
        if np.allclose(covariance, weight_covariance, rtol=1e-8, atol=1e-8):
            return Quadrupole(*(float(covariance[i, j]) for i, j in ((0, 0), (1, 1), (0, 1))))
        weight_covariance = covariance
        center = center + shift
    raise ValueError(
        f"PSF must be finite with a peak for adaptive moments, got a sum of {image.sum()}"
    )
