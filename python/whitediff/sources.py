"""The raw input images as sources of noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters import as_kernel, as_psf
from .arrays import FloatImage, Planes, as_number, one_of
from .covariance import NoiseCovariance, as_covariance
from .kernel import Kernel, Side, flux_scale, one_less

__all__ = ["NoiseSource", "core_sources", "source_planes", "subtraction_sources"]

CoreSource = _core.NoiseSourceF | _core.NoiseSourceD


class NoiseSource:
    """One raw input image of noise.

    Its transfer function is the weight times the product of the kernels' Fourier transforms: what
    the image went through before it became a part of the image to be whitened.

    Parameters
    ----------
    variance : float or array_like, [y, x]
        Variance of the raw pixels, in the squared units of the image; >= 0. Non-finite pixels are
        allowed.
    kernels : sequence of kernels, optional
        What the image was convolved with, in any order: what ``as_kernel`` takes.
    weight : float, optional
        What it was multiplied by.
    mask : array_like of int or bool, [y, x], optional
        Its mask, for the clipped mean of the variance.
    mean_variance : float, optional
        What filters are made with instead of clipped means of the variance.
    covariance : NoiseCovariance, optional
        That of the raw pixels; default: they are independent.

    Notes
    -----
    A term of the noise power of docs/mathematics.md, Eqs. 1 and 17.
    """

    def __init__(
        self,
        variance: npt.ArrayLike,
        *,
        kernels: Sequence[Any] = (),
        weight: float = 1.0,
        mask: npt.ArrayLike | None = None,
        mean_variance: float | None = None,
        covariance: NoiseCovariance | None = None,
    ) -> None:
        self.variance = variance
        if isinstance(kernels, np.ndarray | Kernel):
            raise TypeError(f"kernels must be a sequence of them, got one {type(kernels).__name__}")
        self.kernels: tuple[Kernel, ...] = tuple(as_kernel(kernel) for kernel in kernels)
        self.weight = float(weight)
        self.mask = mask
        self.mean_variance = None if mean_variance is None else float(mean_variance)
        self.covariance = as_covariance(covariance, "covariance")

    def __repr__(self) -> str:
        return f"NoiseSource({len(self.kernels)} kernels, weight={self.weight})"


def source_planes(
    sources: Sequence[NoiseSource],
) -> tuple[dict[str, npt.ArrayLike], dict[str, npt.ArrayLike | None]]:
    """Give the variances and the masks of sources, by the names that messages use.

    Raises
    ------
    TypeError
        If one is no noise source.
    """
    for source in sources:
        if not isinstance(source, NoiseSource):
            raise TypeError(f"sources must hold NoiseSource objects, got {type(source).__name__}")
    return (
        {f"sources[{n}].variance": source.variance for n, source in enumerate(sources)},
        {f"sources[{n}].mask": source.mask for n, source in enumerate(sources)},
    )


def core_sources(sources: Sequence[NoiseSource], planes: Planes) -> list[CoreSource]:
    """Give sources as the compiled core takes them; their planes are those of `source_planes`."""
    return [
        _core_source(
            planes,
            f"sources[{n}].",
            source.mean_variance,
            source.covariance,
            source.kernels,
            source.weight,
        )
        for n, source in enumerate(sources)
    ]


def subtraction_sources(
    planes: Planes,
    kernel: Any,
    options: _core.WhitenOptions,
    convolved: Side,
    scale: float | None,
    mean_variances: tuple[float | None, float | None],
    preconvolved: bool,
    pre_kernel: Any,
    science_covariance: NoiseCovariance | None,
    template_covariance: NoiseCovariance | None,
    shared_variance: float,
) -> Sequence[CoreSource]:
    """Give the sources of a difference image, as the compiled core takes them.

    They are two, or three if there is a shared one.

    Parameters
    ----------
    planes : Planes
        Variances and masks of both, with the prefixes "science_" and "template_".
    options : WhitenOptions of the core
        Gets the PSF with which whitening has to do.
    kernel, convolved, scale, mean_variances, preconvolved, pre_kernel, science_covariance, \
template_covariance, shared_variance
        As of `whitediff.decorrelate`.

    Raises
    ------
    TypeError, ValueError
        As `whitediff.decorrelate`.
    """
    one_of(convolved, ("template", "science"), "convolved")
    if not (isinstance(mean_variances, tuple | list) and len(mean_variances) == 2):
        raise TypeError(
            f"mean_variances must be a pair (science, template), got {mean_variances!r}"
        )
    means = [None if mean is None else as_number(mean, "mean_variances") for mean in mean_variances]
    science = as_covariance(science_covariance, "science_covariance")
    template = as_covariance(template_covariance, "template_covariance")
    scale = None if scale is None else as_number(scale, "scale")
    matching = as_kernel(kernel)
    shared = _shared_source(
        planes,
        matching,
        options,
        convolved,
        scale,
        as_number(shared_variance, "shared_variance"),
        means,
        science,
    )
    if shared:
        planes = _less(planes, shared_variance)
        means = [None if mean is None else mean - shared_variance for mean in means]
    subtraction = _core.subtraction_sources(
        planes.image.shape,
        _core_source(planes, "science_", means[0], science),
        _core_source(planes, "template_", means[1], template),
        matching,
        options,
        _core.Convolved[convolved],
        scale,
        bool(preconvolved),
        None if pre_kernel is None else as_psf(pre_kernel),
    )
    options.psf = subtraction.psf
    return [*subtraction.sources, *shared]


def _shared_source(
    planes: Planes,
    kernel: Kernel,
    options: _core.WhitenOptions,
    convolved: Side,
    scale: float | None,
    variance: float,
    mean_variances: Sequence[float | None],
    covariance: NoiseCovariance | None,
) -> list[CoreSource]:
    """Give the noise that both images have; none if its variance is zero."""
    if variance == 0.0:
        return []
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"shared_variance must be finite and >= 0, got {variance}")
    if options.mode is not _core.Mode.difference:
        raise ValueError(f"shared_variance must be 0 in mode 'score', got {variance}")
    names = ("mean_variances of science", "mean_variances of template")
    for name, whole in (*planes.variances.items(), *zip(names, mean_variances, strict=True)):
        typical = whole if whole is None or isinstance(whole, float) else _median(whole)
        if typical is not None and typical < variance:
            raise ValueError(f"{name} must be at least shared_variance, {variance}, got {typical}")
    if scale is None:
        scale = flux_scale(kernel, convolved, planes.image.shape, options.xy0)
    common = replace(planes, variances={"shared_variance": variance}, masks=_NO_MASK)
    return [_core_source(common, "shared_", None, covariance, [one_less(kernel)], scale)]


_NO_MASK = {"shared_mask": _core.PlaneI()}
# Of a plane so many rows tell what is typical of it.
_ROWS_OF_MEDIAN = 16


def _median(plane: Any) -> float | None:
    """Median of the known values in some rows of a plane of variances; None if there is none."""
    height, width = plane.shape
    rows = np.unique(np.linspace(0, height - 1, _ROWS_OF_MEDIAN).astype(int))
    values = np.concatenate([plane.cut(0, y, width, y + 1) for y in rows.tolist()])
    known = values[np.isfinite(values) & (values > 0)]
    return float(np.median(known)) if known.size else None


def _less(planes: Planes, shared: float) -> Planes:
    """Give planes with that part of the variances which the images do not share."""

    def own(variance: Any) -> Any:
        if isinstance(variance, float):
            return variance - shared
        height, width = variance.shape

        def read(begin: int, end: int, step: int) -> FloatImage:
            parts = [(begin, end)] if step == 1 else [(y, y + 1) for y in range(begin, end, step)]
            rows = np.concatenate([variance.cut(0, y0, width, y1) for y0, y1 in parts])
            # What is not known stays so.
            rows[rows > 0] -= rows.dtype.type(shared)
            return rows

        return type(variance)((height, width), read)

    return replace(planes, variances={name: own(v) for name, v in planes.variances.items()})


def _core_source(
    planes: Planes,
    prefix: str,
    mean_variance: float | None,
    covariance: NoiseCovariance | None,
    kernels: Sequence[Kernel] = (),
    weight: float = 1.0,
) -> CoreSource:
    single = isinstance(planes.image, _core.PlaneF)
    source: Any = _core.NoiseSourceF if single else _core.NoiseSourceD
    return source(  # type: ignore[no-any-return]
        planes.variances[f"{prefix}variance"],
        list(kernels),
        weight,
        planes.masks[f"{prefix}mask"],
        mean_variance,
        f"{prefix}variance",
        [] if covariance is None else [covariance.core],
    )
