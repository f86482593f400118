"""Covariances that were measured in parts of a frame, as polynomials of position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .covariance import NoiseCovariance
from .polynomial import Frame, n_terms, terms

__all__ = ["varying_covariance"]

Floats = npt.NDArray[np.float64]

# Sixteen parts or so are too few for more.
_LARGEST_DEGREE = 2
# Noise that is not white where it is taken as a whole is likely to change; else no doubt is left.
_SIGNIFICANT, _LIKELY = 5.0, 3.0
# What a term adds is more than its error by this factor at least, and more than what the filters
# of cells leave where the kernel changes strongly across one.
_CLEAR, _LEAST = 2.0, 0.02
# Where parts leave a half of the frame out, as masks may do, it is not for a slope to fill it in.
_LARGEST_LEVERAGE = 2.0
# With fewer pixels in all, what parts differ by is as likely a part's stars and sky.
_LEAST_PIXELS = 500_000
# Lags beyond are not looked at one by one.
_INNER = 3
# Of chi squared, that any of the lags differs by chance as much: less than one frame in 10 000.
_UNLIKELY = 8.0


def varying_covariance(
    whole: NoiseCovariance, lags: Floats, n_pixels: Floats, centers: Floats, frame: Frame
) -> NoiseCovariance:
    """Give the covariance of a frame as a polynomial of position, if it is known to change.

    Every lag is fitted to those of the parts, by least squares. Terms up to the second degree are
    taken one by one, as long as one takes 26 off the chi squared of the number on the scale of the
    PSF, or of a lag of 1 to 3, and adds more than two errors and 0.02 to it in a corner of the
    frame, where errors are largest. Scatter of the parts about the polynomial counts as error.
    Where the noise as a whole is not white beyond doubt, 10 on the scale of the PSF are enough in
    place of 26. The variance of single pixels alone is no reason: planes have it. Nothing is
    fitted to fewer than 500 000 pixels in all.

    Parameters
    ----------
    whole : NoiseCovariance
        Of all parts together.
    lags : numpy.ndarray of float64, [n, 2 a + 1, 2 a + 1]
        Of the parts, as ``whole.lags``.
    n_pixels : numpy.ndarray of float64, [n]
        Pixels of each.
    centers : numpy.ndarray of float64, [n, 2]
        Where they are, (x, y).
    frame : tuple [float, float, float, float]
        In which they lie.

    Returns
    -------
    NoiseCovariance
        ``whole`` if it may be the same everywhere. Its ``scatter`` is what parts differ by besides.
    """
    if n_pixels.sum() < _LEAST_PIXELS:
        return whole
    height, width = whole.lags.shape
    from_middle = np.maximum(
        abs(np.arange(height)[:, np.newaxis] - height // 2), abs(np.arange(width) - width // 2)
    )
    inner = (from_middle > 0) & (from_middle <= _INNER)
    numbers = np.column_stack([(lags * whole.overlap).sum(axis=(1, 2)), lags[:, inner]])
    unit = np.sqrt(float(n_pixels.sum())) * np.append(whole.psf_scale_error, whole.errors[inner])
    sigmas = np.full(len(unit), _SIGNIFICANT)
    if whole.is_significant:
        sigmas[0] = _LIKELY
    x, y = np.meshgrid(frame[:2], frame[2:])
    designs = (
        terms(centers[:, 0], centers[:, 1], frame, _LARGEST_DEGREE),
        terms(x.ravel(), y.ravel(), frame, _LARGEST_DEGREE),
    )
    best = _Fit.of(numbers, unit, n_pixels, designs, [0])
    # No term takes off more than there is.
    while len(best.taken) + 1 < len(lags) and (best.chi_squared > sigmas**2 + 1.0).any():
        others = set(range(designs[0].shape[1])) - set(best.taken)
        fits = [_Fit.of(numbers, unit, n_pixels, designs, [*best.taken, term]) for term in others]
        excess = [fit.excess(best, sigmas) for fit in fits]
        if max(excess, default=0.0) <= 0.0:
            break
        best = fits[int(np.argmax(excess))]
    scatter = _scatter(best, unit, n_pixels) / whole.variance
    whole.scatter = scatter if scatter > _LEAST else 0.0
    if len(best.taken) == 1:
        return whole
    count = n_terms(1 if max(best.taken) < n_terms(1) else _LARGEST_DEGREE)
    coefficients = np.zeros((count, height, width))
    coefficients[best.taken] = np.tensordot(best.solve, lags, 1)
    return whole.like(coefficients, frame)


def _scatter(fit: _Fit, unit: Floats, n_pixels: Floats) -> float:
    """Give the largest rms by which a lag differs from a fit, beyond errors and chance."""
    freedom = len(n_pixels) - len(fit.taken)
    certain = fit.chi_squared > freedom + _UNLIKELY * np.sqrt(2 * max(1, freedom))
    # That on the scale of the PSF comes first.
    rms = (unit * np.sqrt((fit.scatter - 1) / n_pixels.mean()))[1:][certain[1:]]
    return float(rms.max(initial=0.0))


@dataclass(frozen=True)
class _Fit:
    """Polynomials fitted to numbers [s] of parts [n].

    Attributes
    ----------
    taken : list of int
        Their terms [t].
    solve : numpy.ndarray, [t, n]
        Makes coefficients of what the parts have.
    chi_squared : numpy.ndarray, [s]
        Of the numbers.
    scatter : numpy.ndarray, [s]
        The same over degrees of freedom, at least one.
    corners : numpy.ndarray, [4, s]
        The numbers in the corners of the frame.
    errors : numpy.ndarray, [4, s]
        Their errors, scatter included.
    leverage : float
        The greatest squared error there over that of one part.
    """

    taken: list[int]
    solve: Floats
    chi_squared: Floats
    scatter: Floats
    corners: Floats
    errors: Floats
    leverage: float

    @classmethod
    def of(
        cls,
        numbers: Floats,
        unit: Floats,
        n_pixels: Floats,
        designs: tuple[Floats, Floats],
        taken: list[int],
    ) -> _Fit:
        """Fit numbers whose errors from one pixel are ``unit``; terms at parts and in corners."""
        design, corners = (one[:, taken] for one in designs)
        weighted = n_pixels[:, np.newaxis] * design
        covariance = np.linalg.pinv(design.T @ weighted)
        solve = covariance @ weighted.T
        residuals = (numbers - design @ (solve @ numbers)) / unit
        chi_squared = (n_pixels[:, np.newaxis] * residuals**2).sum(axis=0)
        scatter = np.maximum(1.0, chi_squared / max(1, len(design) - len(taken)))
        # Of parts in one line some are zero, but for rounding.
        squares = np.maximum(0.0, np.einsum("ct,tu,cu->c", corners, covariance, corners))
        return cls(
            taken=taken,
            solve=solve,
            chi_squared=chi_squared,
            scatter=scatter,
            corners=corners @ (solve @ numbers),
            errors=np.sqrt(np.outer(squares, scatter)) * unit,
            leverage=float(squares.max() * n_pixels.mean()),
        )

    def excess(self, than: _Fit, sigmas: Floats) -> float:
        """How far a term more goes beyond what is asked of it; negative if it does not."""
        gain = (than.chi_squared - self.chi_squared) / self.scatter - (sigmas**2 + 1.0)
        if self.leverage > _LARGEST_LEVERAGE:
            return -1.0
        added = abs(self.corners - than.corners)
        clear = (added > np.maximum(_CLEAR * self.errors, _LEAST)).any(axis=0)
        return float(gain[clear].max(initial=-1.0))
