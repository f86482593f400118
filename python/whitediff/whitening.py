"""What whitening gives: the image, and how it was made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters.images import Pixels
from .arrays import FloatImage
from .cells import Cells
from .covariance import NoiseCovariance
from .verdict import MeasuredNoise, Verdict, verdict

if TYPE_CHECKING:
    from .agreement import Subtracted

__all__ = ["VERSION_KEYWORD", "PointSources", "Whitened", "Whitening"]

VERSION_KEYWORD = "WDVERSN"
"""What the header of every whitened image has: the version of whitediff."""

# Nodes of a grid of PSFs along an axis.
_LEAST_NODES, _MOST_NODES = 5, 41
# From so many pixels off a seam on, a PSF has nine tenths of what changes there.
_SEEN = 2


class PointSources(NamedTuple):
    """What a score image says of a point source at every pixel.

    Pixels without a value have none here or, if they are finite, that which they came with; where
    ``filter_edge`` is True a part of the light may be missing.

    Attributes
    ----------
    significance : numpy.ndarray, [y, x]
        Score over its standard deviation, with the sign of the source.
    flux : numpy.ndarray, [y, x]
        In units of the image.
    flux_error : numpy.ndarray, [y, x]
        Standard deviation of the flux.

    Notes
    -----
    docs/mathematics.md, Eqs. 23 and 24.
    """

    significance: FloatImage
    flux: FloatImage
    flux_error: FloatImage

    @classmethod
    def of(
        cls, score: FloatImage, variance: FloatImage, response: npt.NDArray[np.float64]
    ) -> PointSources:
        """Give it of rows of a score image, its variance and its `Whitening.peak_response`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma = np.sqrt(variance)
            planes: Any = (score / sigma, score / response, sigma / response)
        return cls(*(plane.astype(score.dtype, copy=False) for plane in planes))


class Whitening:
    """How the noise of an image was made white.

    Attributes
    ----------
    border : int
        Pixels that a cell reads beyond its box.
    truncation : float
        Error left by cutting filters off at the border, in units of the noise.
    n_threads : int
        Threads used.
    clipped_modes : int
        Fourier modes with less power than the floor, over all filters.
    masked_means : bool
        Whether a source had no known variance but under the mask: its means are those.
    covariance : NoiseCovariance or None
        What remains of the noise's colour, as measured or given.
    covariance_applied : bool
        Whether the filters take account of it.
    xy0 : tuple [float, float]
        Position (x, y) of pixel [0, 0] in the coordinates of kernel and PSF.
    bank : object
        Makes filters and PSFs, with its methods ``filters()`` and ``psfs()``; to be kept by those
        who want a PSF later, but neither image nor variance.

    """

    def __init__(
        self,
        bank: _core.Whitening,
        covariance: NoiseCovariance | None = None,
        covariance_applied: bool = False,
        xy0: tuple[float, float] = (0.0, 0.0),
        measure: Callable[[Any], MeasuredNoise] = lambda _: MeasuredNoise(),
        subtracted: Subtracted | None = None,
    ) -> None:
        self._measure = measure
        self._subtracted = subtracted
        self.bank = bank
        self.xy0 = xy0
        self.covariance = covariance
        self.covariance_applied = covariance_applied
        self.border = bank.border
        self.truncation = bank.truncation
        self.n_threads = bank.n_threads
        self.clipped_modes = bank.clipped_modes
        self.masked_means = bank.masked_means

    # Of a stamp, what is seldom asked for would take as long as a tenth of the whitening.
    @cached_property
    def cells(self) -> Cells:
        """The cells, and the noise that was found in each."""
        bank = self.bank
        return Cells(
            boxes=bank.boxes,
            expanded=bank.expanded,
            centers=bank.centers,
            variances=bank.variances,
        )

    @cached_property
    def gaps(self) -> dict[str, int]:
        """Pixels of the image that have no value, by the reason; they came out as they went in.

        Those "marked" by the mask; of the others, those "not_finite" and those "too_large" to be
        one.
        """
        unknown = self.bank.unknown
        return {why: int(getattr(unknown, why)) for why in ("marked", "not_finite", "too_large")}

    @cached_property
    def unknown_variances(self) -> tuple[int, ...]:
        """Of every source, pixels whose variance is not known: mean variances stood in for them."""
        return tuple(self.bank.unknown.variances)

    @cached_property
    def seconds(self) -> dict[str, float]:
        """What the stages took: "plan", "statistics", "filter"."""
        seconds = self.bank.seconds
        return {stage: float(getattr(seconds, stage)) for stage in ("plan", "statistics", "filter")}

    @cached_property
    def filters(self) -> npt.NDArray[np.float64]:
        """The filters in image space, [m, 2 r + 1, 2 r + 1], one for each of ``cells.centers``."""
        return self.bank.filters()

    @cached_property
    def psf(self) -> npt.NDArray[np.float64] | None:
        """The PSFs of the whitened image, [m, h, w], sum 1, one for each of ``cells.centers``.

        None if the PSF of the input image was not given.
        """
        return self.bank.psfs() if self.bank.has_psf else None

    @cached_property
    def verdict(self) -> Verdict:
        """What is to be thought of the result, and what is likely to be wrong if anything is.

        It is found out when it is first asked for: the noise is measured on some 16 parts of the
        white image, if that was not done before, and with the ``images`` of
        `whitediff.decorrelate` nine parts of the difference are compared with what they make. What
        that takes is kept, and has to be as it was: the masks; with ``images``, in mode "score"
        and where planes are read in bands all inputs.
        """
        return self.judged(self._subtracted)

    def judged(self, subtracted: Subtracted | None) -> Verdict:
        """Give the verdict on a result that was made of this; as `verdict` does.

        Parameters
        ----------
        subtracted : Subtracted or None
            What the image was made of, if that is known.
        """
        means = np.nanmean(self.cells.variances, axis=0)
        return verdict(self._measure(self), means.tolist(), subtracted)

    def peak_response(self, y0: int, y1: int) -> npt.NDArray[np.float64]:
        """Give the peak of a source of flux one, for a source at every pixel of rows of the frame.

        Parameters
        ----------
        y0, y1 : int
            The rows, half open.

        Returns
        -------
        numpy.ndarray of float64, [y1 - y0, x]
            NaN where no cell gives a pixel.

        Raises
        ------
        ValueError
            If the PSF of the input image was not given, or the frame has no such rows.

        Notes
        -----
        docs/mathematics.md, Eq. 22.
        """
        return self._response.rows(y0, y1)

    @cached_property
    def _response(self) -> _core.PeakResponse:
        return _core.PeakResponse(self.bank)

    def psf_at(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Give the PSF of the whitened image at any position.

        Parameters
        ----------
        x, y : float or array_like, [n]
            Pixel coordinates (``xy0`` included). Beyond the frame the nearest cell counts.

        Returns
        -------
        numpy.ndarray of float64, [h, w] or [n, h, w]
            What becomes of a source of flux one, centred as the PSF of the input image is. The sum
            is one but for what lies beyond the image and, where cells overlap, for a thousandth.

        Raises
        ------
        ValueError
            If the PSF of the input image was not given, or x and y differ in shape.

        Notes
        -----
        docs/mathematics.md, Eq. 21. ``psf`` is that of the centres of cells, from where it differs
        by per cents at their edges, where kernel or PSF vary.
        """
        at_x, at_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if at_x.shape != at_y.shape or at_x.ndim > 1:
            raise ValueError(
                f"x and y must be numbers or of one length, got shapes {at_x.shape} and "
                f"{at_y.shape}"
            )
        images = self.bank.psfs_at(at_x.ravel(), at_y.ravel())
        return images if at_x.ndim else images[0]

    def to_gridded_psf_model(self) -> Any:
        """Give the PSF of the whitened image as a model of photutils, for PSF photometry on it.

        Returns
        -------
        photutils.psf.GriddedPSFModel
            In pixels of the array; of a flux of one it tells what becomes of a source of flux one.
            Its nodes are where cells begin and end to be seen by the middle of a PSF, between which
            filters cross-fade, and five along each axis; evenly spaced where that would be more
            than 41.

        Raises
        ------
        ImportError
            If photutils is not installed.
        ValueError
            If the PSF of the input image was not given.

        Notes
        -----
        docs/mathematics.md, Eq. 21.
        """
        from .adapters.photutils import gridded_psf_model

        boxes = self.cells.boxes
        x, y = (_nodes(boxes[:, axis], boxes[:, axis + 2] - 1) for axis in (0, 1))
        at_y, at_x = np.meshgrid(y, x, indexing="ij")
        images = self._psf_on_array(at_x.ravel(), at_y.ravel())
        return gridded_psf_model(images.reshape(len(y), len(x), *images.shape[1:]), x, y)

    def _psf_on_array(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Give `psf_at` of pixels of the array."""
        return self.psf_at(np.add(x, self.xy0[0]), np.add(y, self.xy0[1]))

    def _facts(self) -> dict[str, object]:
        """What a notebook shows."""
        gaps = [f"{number} {why.replace('_', ' ')}" for why, number in self.gaps.items() if number]
        covariance = "none measured" if self.covariance is None else self.covariance
        return {
            "mode": self.bank.mode.name,
            "cells": f"{len(self.cells)}, {len(self.cells.centers)} filters",
            "mean variances": ", ".join(f"{v:.5g}" for v in self.cells.variances.mean(axis=0)),
            "border": f"{self.border} pixels",
            "pixels without a value": ", ".join(gaps) or "none",
            "PSF": "known" if self.bank.has_psf else "not known",
            "remaining covariance": covariance,
            "applied": "yes" if self.covariance_applied else "no",
        }

    def _repr_html_(self) -> str:
        from .html import shown

        return shown("Whitening", self._facts())

    def __repr__(self) -> str:
        return f"Whitening({self.cells!r}, border={self.border}, n_threads={self.n_threads})"


class Whitened(Whitening):
    """A whitened image, and how it was made: it has all that `Whitening` has.

    Attributes
    ----------
    image : numpy.ndarray, [y, x]
        Units and dtype of the input image; a Quantity or a DataArray where that was one.
    variance : numpy.ndarray, [y, x]
        Variance of its pixels, in squared units of the image; same dtype and kind.
    filter_edge : numpy.ndarray of bool, [y, x]
        True where more than a thousandth of the filter, of its sum of squares, fell on gaps or
        beyond the frame, the gaps themselves among them: the variance is off by 1 per cent or more.
    """

    def __init__(
        self,
        bank: _core.Whitening,
        planes: tuple[FloatImage, FloatImage, npt.NDArray[np.bool_]],
        given: Pixels,
        marked: Callable[[], npt.NDArray[np.bool_] | None],
        covariance: NoiseCovariance | None = None,
        covariance_applied: bool = False,
        xy0: tuple[float, float] = (0.0, 0.0),
        measure: Callable[[Any], MeasuredNoise] = lambda _: MeasuredNoise(),
        subtracted: Subtracted | None = None,
    ) -> None:
        super().__init__(bank, covariance, covariance_applied, xy0, measure, subtracted)
        self._given, self._marked = given, marked
        self._image, self._variance, self.filter_edge = planes
        self.image: Any = given.dressed(self._image)
        self.variance: Any = given.dressed(self._variance, power=2)

    @property
    def planes(self) -> tuple[FloatImage, FloatImage, npt.NDArray[np.bool_]]:
        """Image, variance and filter edge as plain arrays, whatever the input was."""
        return self._image, self._variance, self.filter_edge

    @cached_property
    def point_sources(self) -> PointSources:
        """What the image says of a point source at every pixel, in mode "score".

        Raises
        ------
        ValueError
            If the mode is another one.
        """
        if self.bank.mode is not _core.Mode.score:
            raise ValueError(f"mode must be score for point sources, got {self.bank.mode.name}")
        height, _ = self._image.shape
        return PointSources.of(self._image, self._variance, self.peak_response(0, height))

    def to_ccddata(self) -> Any:
        """Give image, variance and what the input image had besides pixels as CCDData of astropy.

        Returns
        -------
        astropy.nddata.CCDData
            With the unit of the input image (dimensionless if it had none), variances as
            ``uncertainty``, and a mask of pixels that the input image masks, that its mask says
            have no value, or that have no finite value or variance. ``wcs`` and ``meta`` are those
            of an input that was NDData, and ``meta`` has the keyword WDVERSN.
            ``psf`` is that of the middle of the frame, if there is one, and the attribute
            ``whitening``, which no file keeps, this object.
        """
        from .adapters.nddata import as_ccd_data

        owner = self._given.owner if self._given.is_nddata else None
        height, width = self._image.shape
        hidden = np.zeros((height, width), np.bool_)
        for masked in (self._given.hidden, self._marked()):
            if masked is not None:
                hidden |= np.asarray(masked, np.bool_)
        ccd = as_ccd_data(
            self._image,
            self._variance,
            unit=self._given.unit,
            mask=hidden,
            wcs=getattr(owner, "wcs", None),
            meta=getattr(owner, "meta", None),
            psf=self._psf_on_array(width // 2, height // 2) if self.bank.has_psf else None,
        )
        ccd.meta[VERSION_KEYWORD] = _core.__version__
        ccd.whitening = self
        return ccd

    def _repr_html_(self) -> str:
        from .html import shown

        height, width = self._image.shape
        unit = "" if self._given.unit is None else f", {self._given.unit}"
        pixels = f"{height} x {width} {self._image.dtype}{unit}"
        return shown("White image", {"pixels": pixels, **self._facts()}, self._image)

    def __repr__(self) -> str:
        height, width = self._image.shape
        return (
            f"Whitened({height} x {width} {self._image.dtype}, {self.cells!r}, "
            f"border={self.border}, n_threads={self.n_threads})"
        )


def _nodes(first: npt.NDArray[np.int32], last: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Positions along an axis between which PSFs change linearly."""
    begin, end = first.min(), last.max()
    even = np.linspace(begin, end, _LEAST_NODES)
    seams = np.concatenate([even, first - _SEEN, last + _SEEN])
    nodes: npt.NDArray[np.float64] = np.unique(np.clip(seams, begin, end))
    return nodes if len(nodes) <= _MOST_NODES else np.linspace(begin, end, _MOST_NODES)
