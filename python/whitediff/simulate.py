"""Simulated pairs of images with a spatially varying matching kernel and known truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import numpy.typing as npt

from .arrays import MaskImage, as_image, as_integer, as_position, one_of
from .covariance import INTERPOLATIONS
from .kernel import Polynomial2D, SpatialKernel, fixed_kernel, transform_size
from .simulated_noise import UnitNoise, mean_noise, unit_noise

__all__ = ["MASK_PLANES", "Simulation", "convolve", "simulate"]

MASK_PLANES = {"BAD": 0, "SAT": 1, "DETECTED": 5}
"""Bit number of each plane of the masks, as in lsst.afw."""

_Float64Image = npt.NDArray[np.float64]

_SKY_VARIANCE = 100.0
_SATURATION = 20000.0
_DETECTION_SIGMAS = 5.0
_FAINTEST, _BRIGHTEST, _SATURATED = 300.0, 1e5, 6e5
_PIXELS_A_TRANSIENT = 20000
_SMALLEST_SIDE = 64
# Of the ripples of the sky, in pixels.
_RIPPLE_LENGTH = 90.0

# PSF of the sharper image, and the parts of the kernel that makes the wider one: sigmas in y and x.
_PSF_SIGMA = 1.3
_KERNEL_SIGMAS = ((0.7, 0.7), (1.6, 1.3))
_PSF_RADIUS, _KERNEL_RADIUS, _STAR_RADIUS = 8, 12, 10
# The share of the second part: terms 1; X, Y; X^2, XY, Y^2 of positions in units of the frame.
_SHARE = (0.2, 0.35, 0.15, 0.0, 0.1, 0.0)


@dataclass(frozen=True, repr=False)
class Simulation:
    """A pair of images, their difference, and the truth about them.

    Images are sky-subtracted, in electrons; variances in electrons squared. Positions count from
    pixel [0, 0] at (0, 0).

    Attributes
    ----------
    science, template, difference : numpy.ndarray of float32, [y, x]
        The difference is S - K*T if the template was convolved, (K*S - T) / sum(K) if the science
        image was. Dead pixels are NaN.
    science_variance, template_variance : numpy.ndarray of float32, [y, x]
        True variance of the pixels: sky and Poisson noise of the sources, less what a warp took.
    science_mask, template_mask, difference_mask : numpy.ndarray of int32, [y, x]
        Bits as in ``MASK_PLANES``.
    kernel : SpatialKernel
        The matching kernel K.
    convolved : {"template", "science"}
        The image that K was applied to.
    science_psf, template_psf, difference_psf : SpatialKernel
        Of sum one everywhere.
    shared_variance : float
        Covariance of the sky's noise in pixels of science image and template, before any warp; 0 if
        they share nothing.
    sources : structured numpy.ndarray
        Columns ``x``, ``y`` (pixels), ``flux`` (electrons in the science image, and in the
        difference for a transient), ``transient`` (whether only the science image has it).
    seed : int
        What the random numbers came from.
    """

    science: npt.NDArray[np.float32]
    template: npt.NDArray[np.float32]
    difference: npt.NDArray[np.float32]
    science_variance: npt.NDArray[np.float32]
    template_variance: npt.NDArray[np.float32]
    science_mask: MaskImage
    template_mask: MaskImage
    difference_mask: MaskImage
    kernel: SpatialKernel
    convolved: Literal["template", "science"]
    science_psf: SpatialKernel
    template_psf: SpatialKernel
    difference_psf: SpatialKernel
    shared_variance: float
    sources: npt.NDArray[np.void]
    seed: int

    def __repr__(self) -> str:
        height, width = self.science.shape
        return (
            f"Simulation({height} x {width}, {len(self.sources)} sources, "
            f"{self.sources['transient'].sum()} of them transients, "
            f"convolved={self.convolved!r}, seed={self.seed})"
        )


def simulate(
    shape: tuple[int, int],
    *,
    seed: int = 0,
    convolved: Literal["template", "science"] = "template",
    kernel_sum: float = 1.0,
    variance_ratio: float = 3.0,
    science_warp: str | None = None,
    template_warp: str | None = None,
    coadd: int = 1,
    shared: bool = False,
    ripple: float = 0.0,
    pixels_a_star: int = 2500,
) -> Simulation:
    """Simulate a pair of images with different PSFs, and their difference.

    Without noise the wider image is the sharper one convolved with the matching kernel, so that
    transients and what a saturated star leaves are the only sources in the difference. The noise is
    normal, with the variances given, and independent from pixel to pixel unless an image is warped.
    Warps act on noise alone: kernel and PSFs stay what they are.

    Parameters
    ----------
    shape : tuple [int, int]
        Height and width in pixels, at least 64.
    seed : int, optional
        Equal seeds give equal images.
    convolved : {"template", "science"}, optional
        Which image is the sharper one and gets convolved.
    kernel_sum : float, optional
        Flux in the wider image over flux in the sharper one.
    variance_ratio : float, optional
        Sky variance of the template over that of the science image (100 electrons squared), before
        any warp.
    science_warp, template_warp : str, optional
        The interpolation that the image went through, as of `NoiseCovariance.resampling`: a random
        shift by a fraction of a pixel, and a turn by 0.003.
    coadd : int, optional
        Of how many exposures the template is the mean, each with a warp of its own.
    shared : bool, optional
        Whether one of these is the science exposure: as large a part of the template's noise is
        that of the science image.
    ripple : float, optional
        Standard deviation of waves of the sky, 90 pixels long, in the science image, over that of
        its noise.
    pixels_a_star : int, optional
        One star in so many pixels.

    Raises
    ------
    ValueError
        If the shape is too small, a number is not finite and positive, or a name is unknown.
    """
    if len(shape) != 2 or min(shape) < _SMALLEST_SIDE:
        raise ValueError(
            f"shape must be (height, width), at least {_SMALLEST_SIDE} each, got {tuple(shape)}"
        )
    one_of(convolved, ("template", "science"), "convolved")
    for name, value in (("kernel_sum", kernel_sum), ("variance_ratio", variance_ratio)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0, got {value}")
    if not (np.isfinite(ripple) and ripple >= 0):
        raise ValueError(f"ripple must be finite and >= 0, got {ripple}")
    for name, number in (("coadd", coadd), ("pixels_a_star", pixels_a_star)):
        if as_integer(number, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    warps = {"science": science_warp, "template": template_warp}
    for name, warp in warps.items():
        if warp is not None:
            one_of(warp, INTERPOLATIONS, f"{name}_warp")
    height, width = shape
    rng = np.random.default_rng(seed)
    kernel = _matching_kernel(height, width, kernel_sum)
    sources = _random_sources(height, width, pixels_a_star, rng)
    transient = sources["transient"]
    template_is_sharp = convolved == "template"
    sky = {"science": _SKY_VARIANCE, "template": variance_ratio * _SKY_VARIANCE}

    # The sharper image is larger on all sides, so that the wider one is right out to its edges.
    margin = _KERNEL_RADIUS
    origin = (-float(margin), -float(margin))
    inner = np.s_[margin:-margin, margin:-margin]
    frame = height + 2 * margin, width + 2 * margin

    def stars(chosen: npt.NDArray[np.void]) -> _Float64Image:
        scale = 1.0 / kernel_sum if template_is_sharp else 1.0
        return scale * _stars(frame, chosen, origin)

    def matched(image: _Float64Image) -> _Float64Image:
        return convolve(image, kernel, xy0=origin)[inner]

    common = unit_noise(frame, rng, science_warp) if shared else None

    def noise(name: str, shape: tuple[int, int]) -> UnitNoise:
        drawn = coadd if name == "template" else 1
        parts = []
        if common is not None:
            drawn -= 1
            parts = [common if shape == frame else common.cut(margin)]
        own = (unit_noise(shape, rng, warps[name]) for _ in range(drawn))
        return mean_noise(shape, chain(parts, own))

    static = stars(sources[~transient])
    science_scene = static + stars(sources[transient])
    if template_is_sharp:
        sharp = _observed(static, sky["template"], noise("template", frame))
        wide = _observed(matched(science_scene), sky["science"], noise("science", shape))
    else:
        sharp = _observed(science_scene, sky["science"], noise("science", frame))
        wide = _observed(matched(static), sky["template"], noise("template", shape))
    if ripple > 0:
        seen = wide.pixels if template_is_sharp else sharp.pixels
        waves = _ripples(seen.shape, rng)
        seen += ripple * np.sqrt(_SKY_VARIANCE) * waves
    _spoil(wide, rng)

    difference = wide.pixels - matched(sharp.pixels)
    if not template_is_sharp:
        difference /= -kernel_sum
    saturated = (sharp.mask & _bit("SAT")).astype(np.float64)
    mask = wide.mask | sharp.mask[inner]
    mask[matched(saturated) > 1e-4 * kernel_sum] |= _bit("SAT")

    sharp = _Observed(sharp.pixels[inner], sharp.variance[inner], sharp.mask[inner])
    sharp_psf = fixed_kernel(_gaussian((_PSF_SIGMA, _PSF_SIGMA), _PSF_RADIUS))
    wide_psf = _convolved_psf(kernel, sharp_psf.basis[0])
    science, template = (wide, sharp) if template_is_sharp else (sharp, wide)
    return Simulation(
        science=science.pixels.astype(np.float32),
        template=template.pixels.astype(np.float32),
        difference=difference.astype(np.float32),
        science_variance=science.variance.astype(np.float32),
        template_variance=template.variance.astype(np.float32),
        science_mask=science.mask,
        template_mask=template.mask,
        difference_mask=mask,
        kernel=kernel,
        convolved=convolved,
        science_psf=wide_psf if template_is_sharp else sharp_psf,
        template_psf=sharp_psf if template_is_sharp else wide_psf,
        difference_psf=wide_psf,
        shared_variance=float(np.sqrt(sky["science"] * sky["template"] / coadd)) if shared else 0.0,
        sources=sources,
        seed=seed,
    )


def convolve(
    image: npt.ArrayLike, kernel: SpatialKernel, *, xy0: tuple[float, float] = (0.0, 0.0)
) -> _Float64Image:
    """Convolve an image with a kernel that varies over it, exactly.

    Every output pixel is made with the kernel image at its own position:
    sum_i f_i(x, y) (B_i * image)[y, x].

    Parameters
    ----------
    image : array_like, [y, x]
        Finite pixels; zero beyond the frame.
    kernel : SpatialKernel
        Basis images B_i and functions f_i.
    xy0 : tuple [float, float], optional
        Position (x, y) of pixel [0, 0] in the coordinates of the kernel.

    Returns
    -------
    `numpy.ndarray` of float64, [y, x]
        Of the shape of the image.

    Raises
    ------
    TypeError
        If the image holds no real numbers.
    ValueError
        If it is not 2-D or not finite.
    """
    pixels = np.asarray(as_image(image, "image"), dtype=np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError("image must be finite, got non-finite pixels")
    x0, y0 = as_position(xy0, "xy0")
    height, width = pixels.shape
    y = y0 + np.arange(height, dtype=np.float64)[:, np.newaxis]
    x = x0 + np.arange(width, dtype=np.float64)[np.newaxis, :]
    cy, cx = kernel.center
    frame = tuple(
        transform_size(size + extent - 1)
        for size, extent in zip(pixels.shape, kernel.shape, strict=True)
    )
    spectrum = np.fft.rfft2(pixels, s=frame)
    total = np.zeros(pixels.shape)
    for basis, function in zip(kernel.basis, kernel.functions, strict=True):
        part = np.fft.irfft2(spectrum * np.fft.rfft2(basis, s=frame), s=frame)
        total += function(x, y) * part[cy : cy + height, cx : cx + width]
    return total


@dataclass(frozen=True)
class _Observed:
    """A scene with noise."""

    pixels: _Float64Image
    variance: _Float64Image
    mask: MaskImage


def _observed(scene: _Float64Image, sky_variance: float, noise: UnitNoise) -> _Observed:
    variance = sky_variance + np.maximum(scene, 0.0)
    pixels = scene + np.sqrt(variance) * noise.pixels
    mask = np.zeros(scene.shape, np.int32)
    mask[scene > _DETECTION_SIGMAS * np.sqrt(sky_variance)] |= _bit("DETECTED")
    mask[pixels > _SATURATION] |= _bit("SAT")
    return _Observed(np.minimum(pixels, _SATURATION), variance * noise.variance, mask)


def _ripples(shape: tuple[int, ...], rng: np.random.Generator) -> _Float64Image:
    """Waves along y and along x, of variance one."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    in_y, in_x = (
        np.sin(2 * np.pi * np.arange(size) / _RIPPLE_LENGTH + phase)
        for size, phase in zip(shape, phases, strict=True)
    )
    waves: _Float64Image = in_y[:, np.newaxis] + in_x
    return waves


def _spoil(image: _Observed, rng: np.random.Generator) -> None:
    """Put a dead piece of a column and a few dead pixels into an image."""
    height, width = image.pixels.shape
    dead = np.zeros(image.pixels.shape, bool)
    begin = rng.integers(height // 2)
    dead[begin : begin + height // 8, rng.integers(width)] = True
    dead[rng.integers(height, size=5), rng.integers(width, size=5)] = True
    image.pixels[dead] = np.nan
    image.mask[dead] |= _bit("BAD")


def _bit(plane: str) -> int:
    return 1 << MASK_PLANES[plane]


def _gaussian(sigmas: tuple[float, float], radius: int) -> _Float64Image:
    """Gaussian of sum one in the middle of 2 radius + 1 pixels; sigmas in y and x."""
    offset = np.arange(-radius, radius + 1)
    in_y, in_x = (np.exp(-0.5 * (offset / sigma) ** 2) for sigma in sigmas)
    image: _Float64Image = np.outer(in_y / in_y.sum(), in_x / in_x.sum())
    return image


def _matching_kernel(height: int, width: int, kernel_sum: float) -> SpatialKernel:
    units = (1.0, width, height, width**2, width * height, height**2)
    share = np.divide(_SHARE, units)
    rest = -share
    rest[0] += 1.0
    basis = [kernel_sum * _gaussian(sigmas, _KERNEL_RADIUS) for sigmas in _KERNEL_SIGMAS]
    return SpatialKernel(np.stack(basis), [Polynomial2D(rest), Polynomial2D(share)])


def _convolved_psf(kernel: SpatialKernel, psf: _Float64Image) -> SpatialKernel:
    """PSF of the wider image: the kernel convolved with the PSF of the sharper one, of sum one."""
    padding = psf.shape[0] // 2
    fixed = (fixed_kernel(basis / basis.sum()) for basis in kernel.basis)
    return SpatialKernel(
        np.stack([convolve(np.pad(psf, kernel.shape[0] // 2), part) for part in fixed]),
        kernel.functions,
        center=(kernel.center[0] + padding, kernel.center[1] + padding),
    )


def _random_sources(
    height: int, width: int, pixels_a_star: int, rng: np.random.Generator
) -> npt.NDArray[np.void]:
    n_transients = max(3, height * width // _PIXELS_A_TRANSIENT)
    n_stars = max(10, height * width // pixels_a_star)
    sources = np.zeros(
        n_stars + n_transients,
        dtype=[("x", "f8"), ("y", "f8"), ("flux", "f8"), ("transient", "?")],
    )
    sources["x"] = rng.uniform(-0.5, width - 0.5, len(sources))
    sources["y"] = rng.uniform(-0.5, height - 0.5, len(sources))
    # Counts go as flux^-1, as those of stars do roughly.
    sources["flux"] = 1.0 / rng.uniform(1.0 / _BRIGHTEST, 1.0 / _FAINTEST, len(sources))
    sources["transient"][n_stars:] = True
    sources["flux"][n_stars:] = rng.uniform(_FAINTEST, 20 * _FAINTEST, n_transients)
    sources["flux"][0] = _SATURATED
    return sources


def _stars(
    shape: tuple[int, int], sources: npt.NDArray[np.void], origin: tuple[float, float]
) -> _Float64Image:
    """The sources with the sharper PSF, in a frame whose pixel [0, 0] is at the origin."""
    image = np.zeros(shape)
    for source in sources:
        x, y = source["x"] - origin[0], source["y"] - origin[1]
        rows, in_y = _profile(y, shape[0])
        columns, in_x = _profile(x, shape[1])
        image[rows, columns] += source["flux"] * np.outer(in_y, in_x)
    return image


def _profile(center: float, size: int) -> tuple[slice, npt.NDArray[np.float64]]:
    """The sharper PSF along an axis of so many pixels, and the pixels that it reaches."""
    nearest = round(center)
    begin, end = max(0, nearest - _STAR_RADIUS), min(size, nearest + _STAR_RADIUS + 1)
    offset = (np.arange(begin, end) - center) / _PSF_SIGMA
    norm = np.sqrt(2.0 * np.pi) * _PSF_SIGMA
    return slice(begin, end), np.exp(-0.5 * offset**2) / norm
