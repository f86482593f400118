"""Point sources in score images: where they are, how bright, and how sure."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from .whitening import PointSources

__all__ = ["SOURCE_TYPE", "detect", "measure"]

Positions = npt.NDArray[np.float64]

SOURCE_TYPE = np.dtype(
    [("x", "f8"), ("y", "f8"), ("flux", "f8"), ("flux_error", "f8"), ("significance", "f8")]
)
"""Columns of what is found: pixels of the array, units of the image."""

_PEAK_SIDE = 5
# Polynomials go through so many pixels on both sides of a position.
_REACH = 5


def detect(sources: PointSources, threshold: float = 5.0) -> npt.NDArray[np.void]:
    """Find positive and negative point sources.

    Parameters
    ----------
    sources : PointSources
        Of a score image, ``result.point_sources``.
    threshold : float, optional
        Least absolute significance of the brightest pixel.

    Returns
    -------
    structured numpy.ndarray
        Columns of ``SOURCE_TYPE``, peaks from the bottom of the frame to its top. Positions are
        those of a parabola about the brightest pixel.

    Raises
    ------
    ValueError
        If the threshold is not finite and positive.

    Notes
    -----
    A flux fitted together with its position exceeds that at the true position by its variance over
    itself in the mean, which is subtracted (docs/mathematics.md, Eq. 25).
    """
    if not (np.isfinite(threshold) and threshold > 0):
        raise ValueError(f"threshold must be finite and > 0, got {threshold}")
    significance = np.where(np.isfinite(sources.significance), sources.significance, 0.0)
    peaks = [_peaks(sign * significance, threshold) for sign in (1, -1)]
    row, column = np.concatenate(peaks, axis=1)
    order = np.lexsort((column, row))
    row, column = row[order], column[order]
    x = column + _vertex(sources.significance, row, column, (0, 1))
    y = row + _vertex(sources.significance, row, column, (1, 0))
    found = measure(sources, x, y)
    found["flux"] -= found["flux_error"] ** 2 / found["flux"]
    return found


def measure(sources: PointSources, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.void]:
    """Measure point sources at given positions: forced photometry.

    Parameters
    ----------
    sources : PointSources
        Of a score image, ``result.point_sources``.
    x, y : array_like, [n]
        Positions in pixels of the array.

    Returns
    -------
    structured numpy.ndarray
        Columns of ``SOURCE_TYPE``: the planes at the positions, between pixels by the polynomial
        through eleven of them in x and in y, which errs by some 1e-5 of a flux. Where one of these
        is beyond the frame or has no value, fewer are taken, the nearest one alone in the end,
        which errs by per cents. NaN beyond the frame and in pixels without a value.

    Raises
    ------
    ValueError
        If x and y differ in shape.
    """
    at_x, at_y = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
    if at_x.shape != at_y.shape or at_x.ndim != 1:
        raise ValueError(f"x and y must be of one length, got shapes {at_x.shape}, {at_y.shape}")
    height, width = sources.flux.shape
    inside = (at_x > -0.5) & (at_x < width - 0.5) & (at_y > -0.5) & (at_y < height - 0.5)
    found = np.full(at_x.size, np.nan, SOURCE_TYPE)
    found["x"], found["y"] = at_x, at_y
    row, column = (np.floor(at[inside] + 0.5).astype(int) for at in (at_y, at_x))
    flux = _between(sources.flux, row, column, at_y[inside] - row, at_x[inside] - column)
    error = sources.flux_error[row, column].astype(np.float64)
    found["flux"][inside], found["flux_error"][inside] = flux, error
    found["significance"][inside] = flux / error
    return found


def _peaks(significance: npt.NDArray[np.floating], threshold: float) -> npt.NDArray[np.intp]:
    """Rows and columns of pixels that are the largest of their neighbourhood."""
    from photutils.detection import find_peaks
    from photutils.utils.exceptions import NoDetectionsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        table = find_peaks(significance, threshold, box_size=_PEAK_SIDE)
    if table is None:
        return np.zeros((2, 0), np.intp)
    return np.array([table["y_peak"], table["x_peak"]], dtype=np.intp)


def _vertex(
    image: npt.NDArray[np.floating],
    row: npt.NDArray[np.intp],
    column: npt.NDArray[np.intp],
    step: tuple[int, int],
) -> Positions:
    """How far from a pixel the vertex of the parabola through it and its neighbours is.

    0 where one of these is beyond the frame or has no value.
    """
    padded = np.pad(image.astype(np.float64), 1, constant_values=np.nan)
    row, column = row + 1, column + 1
    before = padded[row - step[0], column - step[1]]
    after = padded[row + step[0], column + step[1]]
    bend = before + after - 2 * padded[row, column]
    known = np.isfinite(bend) & (bend != 0)
    slope = np.divide(before - after, 2 * bend, out=np.zeros(len(row)), where=known)
    return np.clip(slope, -0.5, 0.5)


def _between(
    plane: npt.NDArray[np.floating],
    row: npt.NDArray[np.intp],
    column: npt.NDArray[np.intp],
    dy: Positions,
    dx: Positions,
) -> Positions:
    """Pixels moved by fractions, by polynomials that go through none without a value."""
    taps = np.arange(-_REACH, _REACH + 1)
    padded = np.pad(plane, _REACH, constant_values=np.nan)
    rows, columns = (at[:, np.newaxis] + _REACH + taps for at in (row, column))
    stamps = padded[rows[:, :, np.newaxis], columns[:, np.newaxis, :]].astype(np.float64)
    # A pixel that is not moved along an axis needs no neighbours there.
    in_y, in_x = (_weights(offset, _REACH) != 0 for offset in (dy, dx))
    needed = in_y[:, :, np.newaxis] & in_x[:, np.newaxis, :]
    distance = np.maximum(abs(taps)[:, np.newaxis], abs(taps))
    lacking = np.where(needed & ~np.isfinite(stamps), distance, _REACH + 1)
    reach = lacking.min(axis=(1, 2), initial=_REACH + 1) - 1
    moved = np.full(len(row), np.nan)
    for r in np.unique(reach[reach >= 0]):
        here, inner = reach == r, slice(_REACH - r, _REACH + r + 1)
        of_y, of_x = (_weights(offset[here], r) for offset in (dy, dx))
        weights = of_y[:, :, np.newaxis] * of_x[:, np.newaxis, :]
        values = stamps[here][:, inner, inner]
        moved[here] = np.where(weights != 0, values * weights, 0.0).sum(axis=(1, 2))
    return moved


def _weights(offset: Positions, reach: int) -> Positions:
    """Lagrange's weights of the pixels about each position, zero for all but one in a pixel."""
    taps = np.arange(-reach, reach + 1)
    distance = offset[:, np.newaxis] - taps
    between = taps[:, np.newaxis] - taps
    weights = np.ones(distance.shape)
    for n in range(len(taps)):
        others = np.arange(len(taps)) != n
        weights[:, n] = (distance[:, others] / between[n, others]).prod(axis=1)
    return weights
