"""Figures that show how white images are, and the filters that made them so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ..whiteness import Whiteness, whiteness
from ..whitening import Whitening

__all__ = [
    "FILTER_COLOURS",
    "FILTER_NORM",
    "Picture",
    "nine_filters",
    "predicted_power",
    "shown_filter",
    "whiteness_figure",
]

_CUTOUT_SIDE = 100
# The power spectrum has a resolution of one over the largest lag.
_MAX_LAG = 16
_SHOWN_LAG = 8
_SPECTRUM_SIDE = 128
# The colours of the autocorrelation span at least this.
_MIN_CORRELATION = 0.05
_FILTER_GRID = (1 / 6, 1 / 2, 5 / 6)
_FILTER_RADIUS = 10
# Filters are shown in logarithmic colours down to this part of the central pixel.
_FILTER_FLOOR = 1e-3
FILTER_COLOURS, FILTER_NORM = "PuOr", SymLogNorm(_FILTER_FLOOR, vmin=-1, vmax=1)


@dataclass(frozen=True)
class Picture:
    """An image of which a figure shows how white it is.

    Attributes
    ----------
    title : str
        What the figure calls it.
    image : array_like
        Pixels [y, x].
    variance : array_like, optional
        Variance plane [y, x].
    ignored : array_like of bool, optional
        Pixels [y, x] that all statistics leave out.
    """

    title: str
    image: ArrayLike
    variance: ArrayLike | None = None
    ignored: ArrayLike | None = None


def whiteness_figure(
    pictures: Sequence[Picture], *, unit: str = "adu", whitened: Whitening | None = None
) -> Figure:
    """Show images with their autocorrelation and their noise power spectrum.

    Parameters
    ----------
    pictures : sequence of Picture
        The images, for instance before and after whitening.
    unit : str, optional
        Unit of their pixels.
    whitened : Whitening, optional
        Result of which to show the filters at nine positions.

    Returns
    -------
    matplotlib.figure.Figure
        One row a picture: the middle of the image, its two-dimensional autocorrelation; beside
        them the power spectra of all with a band of their sampling error, the spectrum that the
        filter says the first of them had, and the filters.

    Raises
    ------
    ValueError
        If there is no picture, or a picture has no usable pixel.
    """
    if not pictures:
        raise ValueError("pictures must be one or more, got none")
    n_rows = len(pictures)
    figure = Figure(figsize=(12.5, 3.6 * n_rows), layout="constrained")
    columns = figure.subfigures(1, 2, width_ratios=(8, 5), squeeze=False)
    rows, side = columns[0]
    noises = [_whiteness(picture) for picture in pictures]
    grid = rows.subplots(n_rows, 2, squeeze=False)
    correlations = [_shown_autocorrelation(noise) for noise in noises]
    limit = max(_MIN_CORRELATION, *(np.nanmax(abs(shown)) for shown in correlations))
    for axes, picture, noise, shown in zip(grid, pictures, noises, correlations, strict=True):
        _show_cutout(axes[0], picture, noise, unit)
        _show_autocorrelation(axes[1], shown, limit)
    if whitened is None:
        _show_power(side.subplots(), pictures, noises, unit)
    else:
        top, bottom = side.subfigures(2, 1)
        axes = top.subplots()
        _show_power(axes, pictures, noises, unit)
        _show_prediction(axes, whitened, noises)
        axes.legend(fontsize="small")
        _show_filters(bottom, whitened)
    return figure


def _whiteness(picture: Picture) -> Whiteness:
    max_lag = min(_MAX_LAG, min(np.shape(picture.image)) - 1)
    return whiteness(picture.image, mask=picture.ignored, max_lag=max_lag)


def _show_cutout(axes: Axes, picture: Picture, noise: Whiteness, unit: str) -> None:
    """The middle of the image, in units of its own noise."""
    image = np.asarray(picture.image)
    rows, columns = (_middle(size) for size in image.shape)
    cutout = image[rows, columns]
    sigma = np.sqrt(noise.variance)
    shown = axes.imshow(
        (cutout - np.nanmedian(cutout)) / sigma,
        origin="lower",
        cmap="gray",
        vmin=-4,
        vmax=4,
        interpolation="nearest",
        extent=(columns.start - 0.5, columns.stop - 0.5, rows.start - 0.5, rows.stop - 0.5),
    )
    axes.set(
        title=f"{picture.title}\nσ = {sigma:.4g} {unit}", xlabel="x (pixel)", ylabel="y (pixel)"
    )
    axes.figure.colorbar(shown, ax=axes, label="pixel value (σ)", shrink=0.7)


def _middle(size: int) -> slice:
    start = max(0, (size - _CUTOUT_SIDE) // 2)
    return slice(start, min(size, start + _CUTOUT_SIDE))


def _shown_autocorrelation(noise: Whiteness) -> NDArray[np.float64]:
    """The inner part of the autocorrelation, without its middle, which is one by definition."""
    radius = min(noise.max_lag, _SHOWN_LAG)
    part = slice(noise.max_lag - radius, noise.max_lag + radius + 1)
    shown = noise.autocorrelation[part, part].copy()
    shown[radius, radius] = np.nan
    return shown


def _show_autocorrelation(axes: Axes, correlation: NDArray[np.float64], limit: float) -> None:
    edge = len(correlation) / 2
    shown = axes.imshow(
        correlation,
        origin="lower",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        extent=(-edge, edge, -edge, edge),
    )
    axes.set_facecolor("0.5")
    axes.set(title="autocorrelation", xlabel="lag in x (pixel)", ylabel="lag in y (pixel)")
    _count_in_pixels(axes, 5)
    axes.figure.colorbar(shown, ax=axes, label="correlation coefficient", shrink=0.7)


def _count_in_pixels(axes: Axes, n_intervals: int) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(n_intervals, integer=True))


def _show_power(
    axes: Axes, pictures: Sequence[Picture], noises: Sequence[Whiteness], unit: str
) -> None:
    for number, (picture, noise) in enumerate(zip(pictures, noises, strict=True)):
        color = f"C{number}"
        frequency, power, error = noise.radial_power_spectrum()
        axes.plot(frequency, noise.variance * power, color=color, label=picture.title)
        low, high = (noise.variance * power * (1 + sign * error) for sign in (-1, 1))
        axes.fill_between(frequency, low, high, color=color, alpha=0.25, lw=0)
        if picture.variance is not None:
            level = np.nanmedian(np.asarray(picture.variance, dtype=np.float64))
            axes.axhline(level, color=color, ls="--", lw=1, label="median variance plane")
    resolution = 1 / (2 * noises[0].max_lag)
    axes.set(
        title="noise power spectrum ± sampling error",
        xlabel=f"spatial frequency (cycles/pixel), seen with a resolution of {resolution:.2g}",
        ylabel=f"power per mode ({unit}²)",
        xlim=(0, 0.5),
    )
    axes.set_ylim(bottom=0)
    axes.legend(fontsize="small")


def _show_prediction(axes: Axes, whitened: Whitening, noises: Sequence[Whiteness]) -> None:
    """The spectrum that the filter in the middle of the frame makes white, as it would be seen."""
    frequency, power = predicted_power(whitened, noises[0].max_lag)
    axes.plot(
        frequency,
        noises[-1].variance * power,
        color="0.3",
        ls=":",
        label="predicted before whitening",
    )


def predicted_power(
    whitened: Whitening, max_lag: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the spectrum that the filter in the middle of the frame makes white.

    Parameters
    ----------
    whitened : Whitening
        With the filter.
    max_lag : int
        Of the autocorrelation through which it is seen.

    Returns
    -------
    frequency, power : numpy.ndarray of float64
        Of rings, as `Whiteness.radial_power_spectrum` gives them; over the power of the whitened
        image.
    """
    boxes = whitened.cells.boxes
    middle = (boxes[:, :2] + boxes[:, 2:]).mean(axis=0) / 2
    distance = np.hypot(*(whitened.cells.centers - middle).T)
    kernel = whitened.filters[int(np.argmin(distance))]
    side = max(_SPECTRUM_SIDE, 2 * len(kernel))
    power = 1 / abs(np.fft.fft2(kernel, s=(side, side))) ** 2
    lags = np.arange(-max_lag, max_lag + 1)
    covariance = np.fft.ifft2(power).real[np.ix_(lags, lags)]
    variance = float(covariance[max_lag, max_lag])
    seen = Whiteness(variance, 0.0, covariance / variance, np.ones(covariance.shape, np.int64))
    frequency, shape, _ = seen.radial_power_spectrum()
    # Both are known where the filter is 1: at k = 0, where power is that of the whitened image.
    return frequency, variance * shape


def _show_filters(figure: Any, whitened: Whitening) -> None:
    """The filters nearest to nine positions, or the one that there is."""
    indices = nine_filters(whitened)
    side = len(indices)
    grid = figure.subplots(side, side, squeeze=False, sharex=True, sharey=True)
    figure.suptitle("filter for each position (x, y), central pixel = 1", fontsize="medium")
    # The frame's first row is at the bottom, as in the cut-outs.
    for axes, index in zip(grid[::-1].flat, indices.flat, strict=True):
        x, y = whitened.cells.centers[index]
        shown = _show_filter(axes, whitened.filters[index])
        axes.set_title(f"({x:.0f}, {y:.0f})", fontsize="small", pad=2)
        axes.tick_params(labelsize="x-small")
        _count_in_pixels(axes, 3)
    figure.supxlabel("offset in x (pixel)", fontsize="small")
    figure.supylabel("offset in y (pixel)", fontsize="small")
    bar = figure.colorbar(shown, ax=grid, label="filter (logarithmic)")
    bar.set_ticks([-1, -0.1, -0.01, 0, 0.01, 0.1, 1])


def _show_filter(axes: Axes, kernel: NDArray[np.float64]) -> Any:
    shown = shown_filter(kernel)
    edge = len(shown) / 2
    return axes.imshow(
        shown,
        origin="lower",
        cmap=FILTER_COLOURS,
        norm=FILTER_NORM,
        interpolation="nearest",
        extent=(-edge, edge, -edge, edge),
    )


def shown_filter(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the middle of a filter over its central pixel."""
    center = len(kernel) // 2
    radius = min(center, _FILTER_RADIUS)
    part = slice(center - radius, center + radius + 1)
    shown: NDArray[np.float64] = kernel[part, part] / kernel[center, center]
    return shown


def nine_filters(whitened: Whitening) -> NDArray[np.int64]:
    """Indices [row, column] of the filters nearest to a 3 x 3 grid, or of the one that there is."""
    if len(whitened.filters) == 1:
        return np.array([[0]])
    boxes = whitened.cells.boxes
    width, height = boxes[:, 2:].max(axis=0)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.array(
        [
            [np.argmin(np.hypot(*(middles - (x * width, y * height)).T)) for x in _FILTER_GRID]
            for y in _FILTER_GRID
        ]
    )
