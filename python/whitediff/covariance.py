"""How the noise of neighbouring pixels goes together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters import as_psf
from .adapters.images import as_measurable
from .arrays import FloatImage, as_image, as_masks, as_number, one_of
from .blank_sky import blank_noise, without_fill
from .polynomial import Frame, as_frame, degree_of, nodes, spatial_kernel, terms

__all__ = [
    "INTERPOLATIONS",
    "NOISE_REACH",
    "NoiseCovariance",
    "as_covariance",
    "covariance_of",
    "interpolation_weights",
    "measured_covariance",
    "psf_image",
    "window_sums",
]

Floats = npt.NDArray[np.float64]

NOISE_REACH = _core.narrow_window[1] - 1
"""The longest lag that is taken for noise where no wide window is asked for."""

# Frequencies an axis on which spectra are looked at.
_SIDE = 64
# Phases of an interpolation over which means are taken: exact for all but the highest harmonics.
_PHASES = 64
# In place of a PSF that is not given: its sigma in pixels, and how far it is followed.
_PSF_SIGMA, _PSF_RADIUS = 1.7, 8
# Lags that are looked at one by one.
_INNER = 3
_SIGNIFICANT = 5.0
_LEAST_PIXELS = 60_000


class NoiseCovariance:
    """Covariances of the noise of pixels that lie (y, x) apart, in units of the variance plane.

    Parameters
    ----------
    lags : array_like, [2 a + 1, 2 b + 1]
        No lag in the middle; the same at lags of opposite sign; zero beyond. The value in the
        middle need not be 1: after a resampling the plane often holds more, or less, than the
        pixels scatter.
    psf : array_like [v, u] or Kernel, optional
        Of the image, for ``psf_scale``; default: a Gaussian of sigma 1.7 pixels.
    frame : tuple [float, float, float, float], optional
        Pixel coordinates (x_min, x_max, y_min, y_max). If it is given, ``lags`` has an axis more in
        front, [1, 3 or 6, ...], and the covariance changes over the frame: they are coefficients of
        T_i(x') T_j(y'), Chebyshev polynomials in the order of `Chebyshev2D`, x' and y' running from
        -1 to 1 over the frame.

    Attributes
    ----------
    lags : numpy.ndarray of float64, [2 a + 1, 2 b + 1]
        As given; the mean over the frame if they change. All numbers below are those of the mean.
    coefficients : numpy.ndarray of float64, [n, 2 a + 1, 2 b + 1]
        As given; the lags alone if they are the same everywhere.
    frame : tuple [float, float, float, float] or None
        As given.
    overlap : numpy.ndarray of float64, of the shape of ``lags``
        Autocorrelation of the PSF at these lags, over that at no lag.
    n_pairs : numpy.ndarray of float64, same shape, or None
        Pairs of pixels behind each lag, if the covariance was measured; of a product of two, the
        fewest pixels.
    scatter : float
        The most, rms, by which a lag of 1 to 3 pixels differs from part to part of the frame, over
        the variance, beyond errors and what it changes by: noise that cannot be told everywhere,
        as where phases of a resampling come again after hundreds of pixels. 0 if that may be
        chance, or was not looked at.

    Raises
    ------
    ValueError
        If the shape is not odd, a value is not finite, the middle is not positive (anywhere in the
        frame), lags of opposite sign differ, or coefficients are none of polynomials.

    Notes
    -----
    C_i or r of docs/mathematics.md, Eq. 17. Where its spectrum is below a hundredth of the value in
    the middle it is held there; ``lifted`` says where that is.
    """

    def __init__(
        self,
        lags: npt.ArrayLike,
        *,
        psf: Any = None,
        frame: Sequence[float] | None = None,
    ) -> None:
        self.frame = None if frame is None else as_frame(frame)
        self.coefficients = _coefficients(lags, self.frame)
        self.coefficients.flags.writeable = False
        self.lags: Floats = self.coefficients[0]
        self.core = _core.SpatialCovariance(_core.NoiseCovariance(self.lags))
        if self.frame is not None:
            x, y, weights = nodes(self.frame, 1 + degree_of(len(self.coefficients)))
            self.lags = np.tensordot(weights, self._at(x, y), 1)
            for local in self._at(*_grid(self.frame, 3)):
                _core.NoiseCovariance(local)
            self.core = _core.SpatialCovariance(spatial_kernel(self.coefficients, self.frame))
        self._floor = _core.NoiseCovariance(self.lags).floor
        self.n_pairs: Floats | None = None
        self.scatter = 0.0
        # Of docs/mathematics.md, Eq. 19.
        self._window_edges = _core.narrow_window
        self._psf = _gaussian() if psf is None else psf_image(psf)
        self.overlap = _overlap(self._psf, self.lags.shape)

    @classmethod
    def measured(
        cls,
        image: npt.ArrayLike,
        variance: npt.ArrayLike | None = None,
        *,
        mask: npt.ArrayLike | None = None,
        psf: Any = None,
        n_threads: int = 0,
    ) -> NoiseCovariance:
        """Measure that of an image.

        Parameters
        ----------
        image : array_like, [y, x], or object
            Sky-subtracted; what `whitediff.whiteness.whiteness` takes. Sources are found and left
            out, as there.
        variance : float, array_like [y, x], or object, optional
            Variance of its pixels; a plane is smoothed over blocks of 32 pixels. Needed but for an
            NDData that has one.
        mask : array_like of bool, [y, x], optional
            True: the pixel is left out with its surroundings.
        psf : array_like [v, u] or Kernel, optional
            PSF of the image.
        n_threads : int, optional
            0 for the cores that the process may use, as in `WhitenOptions`. The result does not
            depend on it.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind, shapes differ, or no usable noise is left.

        Notes
        -----
        docs/mathematics.md, Eq. 19.
        """
        pixels, plane, mask = as_measurable(image, variance, mask)
        if plane is None:
            raise ValueError("variance must be given, or be that of an NDData, got none")
        usable = np.isfinite(pixels)
        if mask is not None:
            bits = as_masks({"mask": mask}, -1, pixels)[0]["mask"]
            usable &= bits == 0
        usable = without_fill(pixels, usable)
        return measured_covariance(pixels, plane, usable, psf=psf, n_threads=n_threads)

    @classmethod
    def resampling(
        cls, kernel: str, phase: tuple[float, float] | None = None, *, psf: Any = None
    ) -> NoiseCovariance:
        """Give that of white noise after an interpolation.

        Parameters
        ----------
        kernel : {"bilinear", "bicubic", "lanczos2", "lanczos3", "lanczos4", "lanczos5"}
            The interpolation; weights are scaled to a sum of one.
        phase : tuple [float, float], optional
            Fractions (y, x) of a pixel by which the image was shifted; default: the mean over all,
            as after a rotation, or in a coadd of many images.
        psf : array_like [v, u] or Kernel, optional
            As of the class.

        Notes
        -----
        docs/mathematics.md, Eq. 18. In units of the variance of the pixels before the
        interpolation: divide ``lags`` by the value in the middle where the variance plane has that
        of the pixels after it.
        """
        one_of(kernel, INTERPOLATIONS, "kernel")
        phases = (None, None) if phase is None else tuple(as_number(p, "phase") for p in phase)
        if len(phases) != 2:
            raise ValueError(f"phase must be a pair of numbers (y, x), got {phase!r}")
        in_y, in_x = (_resampled(kernel, one) for one in phases)
        return cls(np.outer(in_y, in_x), psf=psf)

    @property
    def reach(self) -> int:
        """Greatest lag, in pixels, whose covariance is not zero."""
        height, width = self.lags.shape
        y, x = np.nonzero(self.lags)
        return int(max(abs(y - height // 2).max(), abs(x - width // 2).max()))

    @property
    def variance(self) -> float:
        """Variance of a pixel over what the plane says."""
        height, width = self.lags.shape
        return float(self.lags[height // 2, width // 2])

    @property
    def largest_correlation(self) -> float:
        """Correlation coefficient of the two pixels that go together most; positive."""
        others = abs(self.lags) * (_distance(self.lags.shape) > 0)
        return float(others.max() / self.variance)

    @property
    def power_at_zero(self) -> float:
        """Power at k = 0: the variance of a sum over many pixels over that of as many free ones."""
        return float(max(self.lags.sum(), self._floor))

    @property
    def power_at_zero_error(self) -> float:
        """Sampling error of ``power_at_zero``; 0 if the covariance was not measured."""
        window = self._window()
        return self._error(self.power_at_zero**2 * (window**2).sum(), window)

    @property
    def lifted(self) -> float:
        """What part of the Fourier modes the floor lifts."""
        return float((_spectrum(self.lags) < self._floor).mean())

    @property
    def leaves_out(self) -> float:
        """About what part of the power at k = 0 lies beyond the window of its measurement.

        Two thirds of what the lags have that the window lets go to zero: so it is where noise went
        through kernels of Gaussians.
        """
        return float(2 / 3 * self.lags[self._fading()].sum() / self.power_at_zero)

    @property
    def leaves_out_error(self) -> float:
        """Sampling error of ``leaves_out``; 0 if the covariance was not measured."""
        weights = 2 / 3 * self._window() * self._fading() / self.power_at_zero
        return self._error(((self.lags.max() * weights) ** 2).sum(), weights)

    @property
    def psf_scale(self) -> float:
        """Variance of a matched filter over what the plane says (docs/mathematics.md, Eq. 20)."""
        return float((self.lags * self.overlap).sum())

    @property
    def psf_scale_error(self) -> float:
        """Sampling error of ``psf_scale``; 0 if the covariance was not measured."""
        weights = self.overlap * self._window()
        product = _spectrum(self.lags) * _spectrum(weights)
        return self._error((product**2).mean(), weights)

    @property
    def variation(self) -> float:
        """Greatest departure of ``psf_scale`` over the frame from its mean, as a part of that."""
        if self.frame is None:
            return 0.0
        scales = (self._at(*_grid(self.frame, 9)) * self.overlap).sum(axis=(1, 2))
        return float(abs(scales / self.psf_scale - 1.0).max())

    @property
    def n_pixels(self) -> int | None:
        """Number of pixels used; None if the covariance was not measured."""
        return None if self.n_pairs is None else int(self.n_pairs.max())

    @property
    def errors(self) -> Floats:
        """Sampling errors of ``lags``, as of white noise; 0 if they were not measured."""
        if self.n_pairs is None:
            return np.zeros_like(self.lags)
        middle = tuple(size // 2 for size in self.lags.shape)
        with np.errstate(divide="ignore"):
            errors: Floats = self.lags[middle] * self._window() / np.sqrt(self.n_pairs)
        errors[middle] *= np.sqrt(2.0)
        return errors

    @property
    def is_significant(self) -> bool:
        """Whether a measurement says, beyond doubt, that the noise is not white or the plane wrong.

        The number on the scale of the PSF, or a lag up to 3, is off by more than five errors, or
        they change over the frame, and 60 000 pixels or more were measured.
        """
        if self.n_pixels is None or self.n_pixels < _LEAST_PIXELS:
            return False
        if self.frame is not None:
            return True
        if abs(self.psf_scale - 1.0) > _SIGNIFICANT * self.psf_scale_error:
            return True
        inner = _distance(self.lags.shape) <= _INNER
        inner &= _distance(self.lags.shape) > 0
        return bool((np.abs(self.lags) > _SIGNIFICANT * self.errors)[inner].any())

    def plot(self, axes: Any = None) -> Any:
        """Draw the lags, in the mean over the frame, as correlation coefficients.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Where; default: the middle of a figure of its own.

        Returns
        -------
        matplotlib.axes.Axes
        """
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(layout="constrained").subplots()
        height, width = self.lags.shape
        shown = np.where(_distance(self.lags.shape) > 0, self.lags / self.variance, np.nan)
        limit = max(self.largest_correlation, np.finfo(float).tiny)
        image = axes.imshow(
            shown,
            origin="lower",
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            interpolation="nearest",
            extent=(-width / 2, width / 2, -height / 2, height / 2),
        )
        title = f"power {self.psf_scale:.4g} at PSF scale, {self.power_at_zero:.4g} at k = 0"
        if self.frame is not None:
            title += f"\nvaries over the frame by up to {100 * self.variation:.1f} %"
        axes.set(
            title=title,
            xlabel="lag in x (pixel)",
            ylabel="lag in y (pixel)",
        )
        axes.figure.colorbar(image, ax=axes, label="correlation coefficient")
        return axes

    def at(self, x: float, y: float) -> NoiseCovariance:
        """Give the covariance at a position, in pixel coordinates."""
        return self if self.frame is None else self.like(self._at(x, y)[0])

    def like(self, lags: Floats, frame: Frame | None = None) -> NoiseCovariance:
        """Give others with the PSF, and the numbers of pairs, of this one."""
        other = NoiseCovariance(lags, psf=self._psf, frame=frame)
        other._window_edges = self._window_edges
        if self.n_pairs is not None:
            # Lags that were not measured, but follow, have the fewest pixels.
            same = self.n_pairs.shape == other.lags.shape
            other.n_pairs = self.n_pairs if same else np.full(other.lags.shape, self.n_pairs.max())
        other.scatter = self.scatter
        return other

    def __mul__(self, other: NoiseCovariance) -> NoiseCovariance:
        """Give the covariance whose spectrum is the product of both: one after the other."""
        if not isinstance(other, NoiseCovariance):
            return NotImplemented
        measured = [one for one in (self, other) if one.n_pixels is not None]
        # Errors are those of what was measured last, or on the fewest pixels.
        model = max(
            measured, key=lambda one: (one._window_edges, -(one.n_pixels or 0)), default=self
        )
        frames = {one.frame for one in (self, other) if one.frame is not None}
        if not frames:
            product = model.like(_product(self.lags, other.lags))
            product.scatter = max(self.scatter, other.scatter)
            return product
        if len(frames) > 1:
            raise ValueError(f"covariances must be of one frame, got {frames}")
        (frame,) = frames
        degree = degree_of(max(len(self.coefficients), len(other.coefficients)))
        # The product of polynomials, less what is of a higher degree.
        x, y, weights = nodes(frame, 1 + degree)
        products = np.stack(
            [_product(*both) for both in zip(self._at(x, y), other._at(x, y), strict=True)]
        )
        roots = np.sqrt(weights)
        weighted: Floats = roots[:, np.newaxis] * terms(x, y, frame, degree)
        fit = np.linalg.pinv(weighted) * roots
        product = model.like(np.tensordot(fit, products, 1), frame)
        product.scatter = max(self.scatter, other.scatter)
        return product

    def _at(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """Lags at positions, [n, 2 a + 1, 2 b + 1]."""
        if self.frame is None:
            return np.broadcast_to(self.lags, (np.size(x), *self.lags.shape))
        degree = degree_of(len(self.coefficients))
        at: Floats = np.tensordot(
            terms(np.atleast_1d(x), np.atleast_1d(y), self.frame, degree), self.coefficients, 1
        )
        return at

    def __repr__(self) -> str:
        error = "" if self.n_pairs is None else f" +- {self.psf_scale_error:.4f}"
        pixels = "" if self.n_pairs is None else f", {self.n_pixels} pixels"
        varies = "" if self.frame is None else f", varies by up to {100 * self.variation:.1f} %"
        differs = f", parts differ by {self.scatter:.2f}" if self.scatter else ""
        return (
            f"NoiseCovariance(psf_scale={self.psf_scale:.4f}{error}, "
            f"power_at_zero={self.power_at_zero:.4f}, reach={self.reach}{pixels}{varies}{differs})"
        )

    def _repr_html_(self) -> str:
        from .html import shown

        def known(value: float, error: float) -> str:
            return f"{value:.4f}" if self.n_pixels is None else f"{value:.4f} ± {error:.4f}"

        facts = {
            "on the scale of the PSF": known(self.psf_scale, self.psf_scale_error),
            "at k = 0": known(self.power_at_zero, self.power_at_zero_error),
            "variance of a pixel": f"{self.variance:.4f}",
            "largest correlation": f"{self.largest_correlation:.4f}",
            "reach": f"{self.reach} pixels",
            "measured on": "nothing" if self.n_pixels is None else f"{self.n_pixels} pixels",
        }
        if self.frame is not None:
            facts["varies over the frame"] = f"by up to {100 * self.variation:.1f} %"
        if self.scatter:
            facts["parts of the frame differ"] = f"by {self.scatter:.2f}"
        lags = np.where(_distance(self.lags.shape) > 0, self.lags, np.nan)
        return shown("Noise over the variance plane", facts, lags)

    def _error(self, squares: float, weights: Floats) -> float:
        """Give the sampling error of a sum of lags, from that of its squares and the plateau's.

        0 if the covariance was not measured.
        """
        if self.n_pixels is None:
            return 0.0
        plateau = self.lags.max() ** 2 * _squares_of_plateau(self._window_edges, weights)
        return float(np.sqrt(2.0 * (squares + plateau) / self.n_pixels))

    def _fading(self) -> npt.NDArray[np.bool_]:
        """Lags that the window lets go to zero."""
        return _distance(self.lags.shape) > self._window_edges[0]

    def _window(self) -> Floats:
        return _window(self._window_edges, self.lags.shape)


def as_covariance(value: NoiseCovariance | None, name: str) -> NoiseCovariance | None:
    """Give the value back if it is a covariance, or None.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not (value is None or isinstance(value, NoiseCovariance)):
        raise TypeError(f"{name} must be a NoiseCovariance, got {type(value).__name__}")
    return value


def measured_covariance(
    image: FloatImage,
    variance: float | FloatImage,
    usable: npt.NDArray[np.bool_],
    *,
    psf: Any = None,
    n_threads: int = 0,
) -> NoiseCovariance:
    """Measure the covariance of pixels that may be used; see `NoiseCovariance.measured`."""
    noise, usable = blank_noise(image, variance, usable, n_threads, surroundings=True)
    return covariance_of(_core.autocovariance(noise, usable, NOISE_REACH, n_threads), psf=psf)


def covariance_of(measured: _core.MeasuredCovariance, *, psf: Any = None) -> NoiseCovariance:
    """Give the part of a measured autocovariance that is noise (docs/mathematics.md, Eq. 19).

    Parameters
    ----------
    measured : MeasuredCovariance of the core
        Out to the reach of its window at least.
    psf : array_like [v, u] or Kernel, optional
        PSF of the image.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    noise = measured.noise()
    covariance = NoiseCovariance(noise.lags, psf=psf)
    covariance.n_pairs = noise.pairs
    covariance._window_edges = measured.window
    return covariance


def window_sums(edges: tuple[int, int]) -> tuple[float, float]:
    """Give the sum of a window of lags, and what makes the error of the power at k = 0.

    That is the square root of 2 / N times the second number, for white noise.
    """
    side = 2 * edges[1] - 1
    window = _window(edges, (side, side))
    return float(window.sum()), float((window**2).sum() + _squares_of_plateau(edges, window))


def _distance(shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    y, x = (abs(np.arange(size) - size // 2) for size in shape)
    distance: npt.NDArray[np.intp] = np.maximum(y[:, np.newaxis], x)
    return distance


def _window(edges: tuple[int, int], shape: tuple[int, ...]) -> Floats:
    """Give the window of lags of docs/mathematics.md, Eq. 19."""
    whole_to, zero_from = edges
    window: Floats = np.clip((zero_from - _distance(shape)) / (zero_from - whole_to), 0, 1)
    return window


def _squares_of_plateau(edges: tuple[int, int], weights: Floats) -> float:
    """Give what a plateau adds to the sum of squares of weights that it is subtracted under.

    It is the mean over five lags, of which each is as uncertain as those of the sum.
    """
    near = edges[1]
    number = (2 * (near + 5) + 1) ** 2 - (2 * near + 1) ** 2
    return float(weights.sum() ** 2 / number)


def psf_image(psf: Any, x: float = 0.0, y: float = 0.0) -> Floats:
    """Give the image of a PSF at a position."""
    image: Floats = as_psf(psf).evaluate(np.array([x]), np.array([y]))[0]
    return image


def _coefficients(lags: npt.ArrayLike, frame: Frame | None) -> Floats:
    """Coefficients of polynomials, one for each lag; one alone without a frame."""
    if frame is None:
        return np.array(as_image(lags, "covariance"), np.float64)[np.newaxis]
    array = np.array(lags, np.float64)
    if array.ndim != 3:
        raise ValueError(f"covariance of a frame must be 3-D, got shape {array.shape}")
    degree_of(len(array))
    return array


def _grid(frame: Frame, count: int) -> tuple[Floats, Floats]:
    """Positions x and y of a grid over a frame, edges included."""
    x, y = np.meshgrid(np.linspace(*frame[:2], count), np.linspace(*frame[2:], count))
    return x.ravel(), y.ravel()


def _product(one: Floats, other: Floats) -> Floats:
    """Lags whose spectrum is the product of both."""
    shape = tuple(a + b - 1 for a, b in zip(one.shape, other.shape, strict=True))
    lags = np.fft.irfft2(np.fft.rfft2(one, s=shape) * np.fft.rfft2(other, s=shape), s=shape)
    symmetric: Floats = 0.5 * (lags + lags[::-1, ::-1])
    return symmetric


def _spectrum(lags: Floats, side: int = _SIDE) -> Floats:
    """The Fourier transform of lags, on a grid of frequencies."""
    height, width = lags.shape
    waves = [
        np.exp(-2j * np.pi * np.outer(np.arange(side), np.arange(size) - size // 2) / side)
        for size in (height, width)
    ]
    spectrum: Floats = (waves[0] @ lags @ waves[1].T).real
    return spectrum


def _gaussian() -> Floats:
    offset = np.arange(-_PSF_RADIUS, _PSF_RADIUS + 1)
    profile = np.exp(-0.5 * (offset / _PSF_SIGMA) ** 2)
    image: Floats = np.outer(profile, profile) / profile.sum() ** 2
    return image


def _overlap(psf: Floats, shape: tuple[int, ...]) -> Floats:
    """A(l) / A(0), A being the autocorrelation of a PSF, at the lags of an array of this shape."""
    frame = [size + lags for size, lags in zip(psf.shape, shape, strict=True)]
    power = abs(np.fft.rfft2(psf, s=frame)) ** 2
    correlation = np.fft.irfft2(power, s=frame)
    at_lags = np.ix_(*(np.arange(size) - size // 2 for size in shape))
    overlap: Floats = correlation[at_lags] / correlation[0, 0]
    return overlap


def _bilinear(x: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - abs(x))


def _bicubic(x: Floats) -> Floats:
    """Keys (1981), with a = -1/2."""
    x = abs(x)
    inner = (1.5 * x - 2.5) * x**2 + 1.0
    outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, inner, np.where(x < 2.0, outer, 0.0))


def _lanczos(order: int) -> Callable[[Floats], Floats]:
    return lambda x: np.where(abs(x) < order, np.sinc(x) * np.sinc(x / order), 0.0)


# Each a function of the distance, and the distance at which it ends.
_INTERPOLATIONS: dict[str, tuple[Callable[[Floats], Floats], int]] = {
    "bilinear": (_bilinear, 1),
    "bicubic": (_bicubic, 2),
    **{f"lanczos{order}": (_lanczos(order), order) for order in (2, 3, 4, 5)},
}

INTERPOLATIONS = tuple(_INTERPOLATIONS)
"""What `NoiseCovariance.resampling` knows."""


def interpolation_weights(kernel: str, phases: Floats) -> Floats:
    """Give the weights of an interpolation, scaled to a sum of one.

    Parameters
    ----------
    kernel : str
        One of ``INTERPOLATIONS``.
    phases : numpy.ndarray, [...]
        Distances to the pixel in the middle, less than one.

    Returns
    -------
    numpy.ndarray, [..., 2 r + 1]
        Of the pixels around it.
    """
    function, order = _INTERPOLATIONS[kernel]
    weights = function(np.arange(-order, order + 1) + phases[..., np.newaxis])
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def _resampled(kernel: str, phase: float | None) -> Floats:
    """docs/mathematics.md, Eq. 18, in one dimension."""
    phases = (np.arange(_PHASES) + 0.5) / _PHASES if phase is None else np.array([phase % 1.0])
    weights = interpolation_weights(kernel, phases)
    mean: Floats = np.mean([np.correlate(one, one, "full") for one in weights], axis=0)
    return mean
