"""How large the noise of an image is from place to place, where nothing but the image is known."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import FloatImage, Planes
from .blank_sky import without_sources
from .fill import fill_values

__all__ = ["VarianceMap", "measured_variance"]

Floats = npt.NDArray[np.float64]

# The frame is divided into meshes of about so many pixels on a side, in the middle of which as many
# pixels are measured as tell a variance to one or two per cent; nine together, to half of one.
_MESH, _PATCH = 256, 128


class VarianceMap:
    """A variance that changes smoothly over a frame.

    Parameters
    ----------
    nodes : numpy.ndarray of float64, [rows, columns]
        Values in the middles of as many equal meshes; between them it is linear in x and in y, and
        constant beyond the outermost.
    shape : tuple [int, int]
        Height and width of the frame.
    """

    def __init__(self, nodes: Floats, shape: tuple[int, int]) -> None:
        self.nodes = nodes
        self.shape = shape

    def rows(self, begin: int, end: int, step: int = 1) -> Floats:
        """Give rows begin, begin + step, ... before end of the frame."""
        in_y, in_x = (
            _weights(np.arange(*span), size, count)
            for span, size, count in zip(
                ((begin, end, step), (self.shape[1],)), self.shape, self.nodes.shape, strict=True
            )
        )
        values: Floats = in_y @ self.nodes @ in_x.T
        return values


def _weights(positions: npt.NDArray[np.intp], size: int, count: int) -> Floats:
    """Parts of the nodes, [positions, count], in values at pixels of an axis."""
    place = np.clip((positions + 0.5) * count / size - 0.5, 0, count - 1)
    weights: Floats = np.maximum(0.0, 1.0 - abs(place[:, np.newaxis] - np.arange(count)))
    return weights


def measured_variance(planes: Planes) -> VarianceMap:
    """Measure the variance of the pixels of an image, sources and masked pixels left out.

    Parameters
    ----------
    planes : Planes
        The image, and its mask.

    Raises
    ------
    ValueError
        If no mesh has noise.
    """
    height, width = planes.image.shape
    rows, columns = (max(1, round(size / _MESH)) for size in (height, width))
    nodes = np.full((rows, columns), np.nan)
    patches = [
        _patch(
            planes, (2 * row + 1) * height // (2 * rows), (2 * column + 1) * width // (2 * columns)
        )
        for row in range(rows)
        for column in range(columns)
    ]
    # A patch may have nothing but what fills pixels without data.
    pixels, usable = (np.concatenate([part[n].ravel() for part in patches]) for n in (0, 1))
    fills = fill_values(pixels[np.newaxis], usable[np.newaxis])
    for n, (image, taken) in enumerate(patches):
        for fill in fills:
            taken &= ~fill.pixels(image)
        # A patch may be masked as a whole, or be full of a galaxy.
        with suppress(ValueError):
            sky, _, _ = without_sources(image, taken)
            nodes.flat[n] = _core.autocovariance(image, sky, 1, 0).lags[1, 1]
    if np.isnan(nodes).all():
        raise ValueError("image must have noise in finite, unmasked pixels, got none")
    return VarianceMap(_smooth(nodes), (height, width))


def _patch(planes: Planes, y: int, x: int) -> tuple[FloatImage, npt.NDArray[np.bool_]]:
    """Pixels around a position, and which of them are finite and unmasked."""
    height, width = planes.image.shape
    y0, x0 = max(0, y - _PATCH // 2), max(0, x - _PATCH // 2)
    box = x0, y0, min(x0 + _PATCH, width), min(y0 + _PATCH, height)
    pixels = planes.image.cut(*box)
    usable = np.isfinite(pixels)
    mask = planes.masks["mask"]
    if mask.shape == planes.image.shape:
        usable &= (mask.cut(*box) & (planes.ignore_mask | planes.no_value_mask)) == 0
    return pixels, usable


def _smooth(nodes: Floats) -> Floats:
    """Medians of three by three nodes; those without a value have that of their neighbours."""
    while True:
        around = np.pad(nodes, 1, constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3))
        known = np.isfinite(windows).any(axis=(2, 3))
        smooth = np.full_like(nodes, np.nan)
        smooth[known] = np.nanmedian(windows[known], axis=(1, 2))
        if known.all():
            return smooth
        nodes = smooth
