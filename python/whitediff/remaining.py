"""What is left of the colour of the noise on a whitened image."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import FloatImage, Planes
from .blank_sky import without_fill
from .covariance import NoiseCovariance, measured_covariance, psf_image
from .sources import CoreSource

__all__ = ["chosen_covariance"]

# A frame of up to so many pixels is measured as a whole, a larger one on so many tiles: about a
# million pixels, which tell the noise on the scale of a PSF to less than one per cent.
_WHOLE_PIXELS = 1_500_000
_TILES = 4
_TILE_SIDE = 272
# A correlation from which a second round is worth its time: where inputs are bilinear warps the
# first one leaves 2 per cent between neighbours and 4 of the variance, the second one half a
# per cent and one.
_STRONG = 0.1
# No pair of pixels reaches from one tile into the next.
_SEPARATION = 16


def chosen_covariance(
    choice: str | NoiseCovariance,
    planes: Planes,
    sources: Sequence[CoreSource],
    options: _core.WhitenOptions,
    *,
    rounds: int = 1,
) -> tuple[NoiseCovariance | None, bool]:
    """Give what remains of the noise's colour, and whether whitening is to take account of it.

    Parameters
    ----------
    choice : {"none", "auto", "measured"} or NoiseCovariance
        As the option ``covariance``.
    planes : Planes
        The image, and the masks whose pixels are left out.
    sources : sequence of NoiseSource of the core
        With their PSF in the options.
    options : WhitenOptions of the core
        Stays as it is.
    rounds : int, optional
        How often to measure on what the last round left; a strong colour takes two at least.

    Raises
    ------
    ValueError
        If it is to be measured in mode "score", or no usable noise is left.
    """
    if isinstance(choice, NoiseCovariance):
        return choice, True
    if choice == "none":
        return None, False
    if options.mode is not _core.Mode.difference:
        raise ValueError(
            f"covariance must be 'none' or a NoiseCovariance in mode 'score', got {choice!r}"
        )
    covariance = _measured(planes, sources, options, None)
    applied = choice == "measured" or covariance.is_significant
    if not applied:
        return covariance, False
    for _ in range(1, max(rounds, 2 if _is_strong(covariance) else 1)):
        covariance = covariance * _measured(planes, sources, options, covariance)
    return covariance, True


def _is_strong(covariance: NoiseCovariance) -> bool:
    """Whether so much goes beyond the window of lags that it has to be measured once more."""
    ordered = np.sort(np.abs(covariance.lags), axis=None)
    return bool(ordered[-2] > _STRONG * ordered[-1])


def _measured(
    planes: Planes,
    sources: Sequence[CoreSource],
    options: _core.WhitenOptions,
    remaining: NoiseCovariance | None,
) -> NoiseCovariance:
    """Measure on the image, whitened in tiles."""
    height, width = planes.image.shape
    boxes = _tiles(height, width)
    tiles = _Tiles(boxes)
    tiled = copy(options)
    tiled.progress = None
    tiled.remaining = None if remaining is None else remaining.core
    tiled.cells = []
    if len(boxes) > 1:
        tiled.cells = [_core.Cell(_core.Box(*box)) for box in boxes]
    _core.whiten(planes.image, sources, tiled, tiles.write)
    tiles.leave_out_fill(planes.image)
    for mask in planes.masks.values():
        if mask.shape == planes.image.shape:
            tiles.leave_out(mask, planes.ignore_mask)
    psf = None
    if options.psf:
        psf = psf_image(
            options.psf[0], 0.5 * (width - 1) + options.xy0[0], 0.5 * (height - 1) + options.xy0[1]
        )
    return tiles.measured(psf, options.n_threads)


def _tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Boxes (x0, y0, x1, y1) spread over a frame."""
    if height * width <= _WHOLE_PIXELS:
        return [(0, 0, width, height)]
    rows = int(np.clip(round(_TILES * (height / width) ** 0.5), 1, height // _TILE_SIDE or 1))
    columns = int(np.clip(-(-(_TILES**2) // rows), 1, width // _TILE_SIDE or 1))
    return [
        (x0, y0, min(x0 + _TILE_SIDE, width), min(y0 + _TILE_SIDE, height))
        for y0 in _starts(height, rows)
        for x0 in _starts(width, columns)
    ]


def _starts(size: int, count: int) -> list[int]:
    return [max(0, (2 * n + 1) * size // (2 * count) - _TILE_SIDE // 2) for n in range(count)]


class _Tiles:
    """Tiles of a whitened image, one below the other, apart."""

    def __init__(self, boxes: list[tuple[int, int, int, int]]) -> None:
        self._boxes = boxes
        heights = [y1 - y0 + _SEPARATION for _, y0, _, y1 in boxes]
        self._first_rows = np.cumsum([0, *heights])
        self._shape = (sum(heights), max(x1 - x0 for x0, _, x1, _ in boxes))
        self._usable = np.zeros(self._shape, bool)
        self._planes: list[FloatImage] = []

    def write(
        self, y0: int, image: FloatImage, variance: FloatImage, edge: npt.NDArray[np.bool_]
    ) -> None:
        if not self._planes:
            self._planes = [np.ones(self._shape, image.dtype) for _ in range(2)]
        for tile, rows, part in self._parts(y0, len(image)):
            for plane, pixels in zip(self._planes, (image, variance), strict=True):
                plane[tile] = pixels[rows, part]
            self._usable[tile] = ~edge[rows, part]

    def leave_out_fill(self, plane: _core.PlaneF | _core.PlaneD) -> None:
        raw = np.zeros_like(self._planes[0])
        for box, tile in self._whole():
            raw[tile] = plane.cut(*box)
        self._usable = without_fill(raw, self._usable & np.isfinite(raw))

    def leave_out(self, mask: _core.PlaneI, bits: int) -> None:
        for box, tile in self._whole():
            self._usable[tile] &= (mask.cut(*box) & bits) == 0

    def measured(self, psf: Any, n_threads: int) -> NoiseCovariance:
        image, variance = self._planes
        return measured_covariance(image, variance, self._usable, psf=psf, n_threads=n_threads)

    def _whole(self) -> Any:
        """Boxes, and where they lie in the tiles."""
        for box, first in zip(self._boxes, self._first_rows, strict=False):
            x0, y0, x1, y1 = box
            yield box, (slice(first, first + y1 - y0), slice(0, x1 - x0))

    def _parts(self, begin: int, count: int) -> Any:
        """Where rows of the frame lie in the tiles, and which part of the rows that is."""
        for (x0, y0, x1, y1), first in zip(self._boxes, self._first_rows, strict=False):
            low, high = max(y0, begin), min(y1, begin + count)
            if low >= high:
                continue
            tile = (slice(first + low - y0, first + high - y0), slice(0, x1 - x0))
            yield tile, slice(low - begin, high - begin), slice(x0, x1)
