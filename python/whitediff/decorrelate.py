"""Whitening of difference images and of any other linear combination of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters import as_kernel, as_psf
from .adapters.images import Pixels, as_companion, as_planes
from .arrays import FloatImage, Planes, as_callable, as_image, as_output, as_position, told
from .cells import Grid
from .covariance import NoiseCovariance
from .options import WhitenKeywords, WhitenOptions, as_options, shows_options
from .remaining import chosen_covariance, measured_noise, measured_remains
from .sources import CoreSource, NoiseSource, core_sources, source_planes, subtraction_sources
from .variance_map import VarianceMap, measured_variance
from .verdict import MeasuredNoise
from .whitening import VERSION_KEYWORD, Whitened, Whitening

if TYPE_CHECKING:
    from .agreement import Subtracted

__all__ = [
    "WriteRows",
    "core_options",
    "decorrelate",
    "decorrelate_bands",
    "whiten",
    "whiten_bands",
]


Measure = Callable[[Any], MeasuredNoise]
WriteRows = Callable[[int, FloatImage, FloatImage, npt.NDArray[np.bool_]], object]


@shows_options
def decorrelate(
    difference: npt.ArrayLike,
    science_variance: npt.ArrayLike,
    template_variance: npt.ArrayLike,
    kernel: Any,
    *,
    convolved: Literal["template", "science"] = "template",
    scale: float | None = None,
    mask: npt.ArrayLike | None = None,
    science_mask: npt.ArrayLike | None = None,
    template_mask: npt.ArrayLike | None = None,
    mean_variances: tuple[float | None, float | None] = (None, None),
    science_covariance: NoiseCovariance | None = None,
    template_covariance: NoiseCovariance | None = None,
    shared_variance: float = 0.0,
    psf: Any = None,
    preconvolved: bool = False,
    pre_kernel: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    images: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    out: tuple[FloatImage, FloatImage] | None = None,
    **options: Unpack[WhitenKeywords],
) -> Whitened | Any:
    """Make the noise of a difference image D = S - K*T white again.

    Parameters
    ----------
    difference : array_like, [y, x], or object
        Science minus template: numbers, or NDData, Quantity, Masked (astropy), DataArray (xarray)
        or a dask array, read in bands; see docs/objects.md. Pixels that are masked or not finite,
        that the mask says have no value, or that are larger than any pixel can be (1e25, or 1e10
        times the noise) are gaps: filled with the level of their cell, a median with a slope, for
        the filter, as is what lies beyond the frame, and put back after it. float32 is filtered in
        float32, cells with pixels beyond 1e5 times the noise and everything else in float64. The
        input is not modified.
    science_variance, template_variance : float, array_like [y, x], or object
        Variance of the raw pixels of each input, before any convolution, in the squared unit of the
        difference. An NDData stands for its uncertainty, which is converted; so does an uncertainty
        alone. In a plane, one that is masked, not finite, zero or negative (where the rest is
        positive), or larger than any can be is not known: the mean stands in for it.
    kernel : array_like [v, u], Kernel or object
        The matching kernel, in the sense of true convolution: what `whitediff.adapters.as_kernel`
        takes, lsst.afw kernels among it.
    convolved : {"template", "science"}, optional
        Which input was convolved: D = scale (S - K*T) or D = scale (K*S - T).
    mode : {"difference", "score"}, optional
        "difference" gives a white difference image. "score" gives the optimal detection image, the
        white one correlated with its PSF, with significance and flux of a point source at every
        pixel; it needs ``psf``.
    spatially_varying : bool, optional
        A filter for every cell of the frame; if False, one with the kernel at the centre of the
        frame and the clipped mean variances of whole planes.
    variance : {"estimate", "full"}, optional
        How the variance plane is propagated: each plane times a mean gain, or convolved with the
        squared response, which is right about bright stars, too. Default: "full" in mode "score",
        else "estimate".
    scale : float, optional
        What the difference was multiplied by after the subtraction. Default: 1 if the template
        was convolved, 1 / (sum of the kernel at the centre of the frame) if the science was.
    mask, science_mask, template_mask : array_like of int or bool, [y, x], optional
        Masks of each image, for its own clipped statistics.
    ignore_mask : int, optional
        Bits of the masks that leave a pixel out; boolean masks leave out what is True.
    no_value_mask : int, optional
        Bits of ``mask`` that say that a pixel of the difference has no value; of a boolean mask, 1
        for what is True.
    mean_variances : tuple [float or None, float or None], optional
        What filters are made with instead of clipped means of the variances of science and
        template; None keeps the clipped means.
    science_covariance, template_covariance : NoiseCovariance, optional
        Those of the raw pixels of each input; default: they are independent.
    shared_variance : float, optional
        Covariance of each pixel of the science image with that of the template, a part of both
        variances, where the template has data of the science exposure; 1/N of the science image's
        variance if it is one of N that are averaged. Mode "difference" only.
    covariance : {"none", "auto", "measured"} or NoiseCovariance, optional
        What remains of the noise's colour when all this is accounted for, as where inputs were
        resampled or share data: "none"; "auto": what is measured on the whitened image (on some 16
        tiles of a large one), applied if it is beyond doubt, "none" where no noise is usable;
        "measured": on up to four times the pixels, and applied in any case; or given. Nothing is
        measured on a likelihood image.
    psf : array_like [v, u], Kernel or object, optional
        PSF of the difference image (preconvolved: of the science image); needed for the PSF of the
        result. Default: that of an NDData, if it has one (preconvolved: none).
    preconvolved : bool, optional
        Mode "score": whether the difference is a likelihood image, the science image having been
        correlated with its PSF before the subtraction, D = scale (S correlated with p - K*T).
    pre_kernel : array_like [v, u], Kernel or object, optional
        Preconvolved: p, with which the science image was correlated; default: ``psf``.
    xy0 : tuple [float, float], optional
        Position (x, y) of pixel [0, 0] in the coordinates of kernel and PSF.
    images : tuple [array_like, array_like], optional
        Science image and template, [y, x], before any convolution: the verdict then says as well
        whether the difference is what they and the kernel make. Not with ``preconvolved``.
    out : tuple [numpy.ndarray, numpy.ndarray], optional
        Arrays that image and variance of the result are written to, which then are those of the
        result: contiguous, of the shape of the difference and in the precision of the result,
        apart from each other and from all inputs. What is asked of a result, the verdict for one,
        has to be asked before its arrays are used again. Default: new ones, whose memory takes a
        sixth of the time.
    grid : Grid, optional
        Cells chosen by the caller; default: found from the filter and the cost.
    n_threads : int, optional
        0 for the cores that the process may use: the least of OMP_NUM_THREADS (or what
        threadpoolctl has set), its affinity, and the quota of its control group. A fork of a
        process uses one. The result does not depend on it.
    progress : callable, optional
        Called as ``progress(done, total)`` while cells finish; what it raises ends the computation.

    Returns
    -------
    Whitened or CCDData
        Image, variance, PSF, cells, filters, and a verdict on all that. For a difference that is
        NDData, what `Whitened.to_ccddata` gives.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shapes or units differ, a kernel is larger than the image, not finite or empty, a
        variance is negative, a plane has no usable pixel, names are unknown, or ``out`` overlaps.

    Notes
    -----
    ``psi(k) = sqrt((v_S + v_T K(0)^2) / (v_S + v_T |K(k)|^2))`` for a convolved template
    (docs/mathematics.md, Eq. 7; DMTN-021, Eq. 1), likewise for a convolved science image
    (docs/mathematics.md, Eq. 8), F = P(0) conj(phi_D) / P in mode "score" (docs/mathematics.md,
    Eq. 3; of a likelihood image docs/mathematics.md, Eq. 9; DMTN-179). Variances:
    docs/mathematics.md, Eqs. 4 and 5; PSF: docs/mathematics.md, Eqs. 6 and 21; point sources:
    docs/mathematics.md, Eqs. 22 to 24; mean variances: docs/mathematics.md, Eq. 14. The method is
    that of Kaiser (2004) and Zackay, Ofek & Gal-Yam (2016).
    """
    chosen = as_options(options, decorrelate)
    given, planes = as_planes(
        difference,
        "difference",
        {"science_variance": science_variance, "template_variance": template_variance},
        {"mask": mask, "science_mask": science_mask, "template_mask": template_mask},
        chosen.ignore_mask,
        chosen.no_value_mask,
        out=out,
    )
    _require_coloured(given)
    psf = given.psf if psf is None and not preconvolved else psf
    core = core_options(chosen, planes, psf, xy0)
    sources = subtraction_sources(
        planes,
        kernel,
        core,
        convolved,
        scale,
        mean_variances,
        preconvolved,
        pre_kernel,
        science_covariance,
        template_covariance,
        shared_variance,
    )
    subtracted = None
    if images is not None and preconvolved:
        raise ValueError("images must be None for a likelihood image (preconvolved), got some")
    if images is not None:
        # Not for `import whitediff` to wait for.
        from .agreement import Subtracted

        pair = _pair_of(images, planes.image.shape, given)
        if planes.out:
            as_output(planes.out, planes.image.shape, planes.out[0].dtype, pair)
        subtracted = Subtracted.of_pair(
            planes.pixels,
            *pair,
            as_kernel(kernel),
            convolved,
            scale=scale,
            xy0=core.xy0,
            ignored=planes.ignored("science", "template"),
            shared_variance=shared_variance,
        )
    return _whitened(given, planes, sources, core, chosen, subtracted, preconvolved=preconvolved)


def _pair_of(images: Any, shape: tuple[int, int], of: Pixels) -> tuple[FloatImage, FloatImage]:
    if not (isinstance(images, tuple | list) and len(images) == 2):
        raise TypeError(f"images must be a pair (science, template), got {told(images)}")
    names = ("images of science", "images of template")
    pair = [
        as_image(as_companion(image, name, of), name)
        for image, name in zip(images, names, strict=True)
    ]
    for image, name in zip(pair, names, strict=True):
        if image.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape}, that of the image, got {image.shape}"
            )
    science, template = pair
    return science, template


@shows_options
def decorrelate_bands(
    difference: Any,
    science_variance: Any,
    template_variance: Any,
    kernel: Any,
    write: WriteRows,
    *,
    convolved: Literal["template", "science"] = "template",
    scale: float | None = None,
    mask: Any = None,
    science_mask: Any = None,
    template_mask: Any = None,
    mean_variances: tuple[float | None, float | None] = (None, None),
    science_covariance: NoiseCovariance | None = None,
    template_covariance: NoiseCovariance | None = None,
    shared_variance: float = 0.0,
    psf: Any = None,
    preconvolved: bool = False,
    pre_kernel: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    **options: Unpack[WhitenKeywords],
) -> Whitening:
    """Make the noise of a difference image white, band by band; see `decorrelate`.

    The result is that of `decorrelate`, bit by bit. Planes are read in bands of some 700 rows, once
    for filtering, after a sparse look at the variances of the whole frame (two complete passes
    with ``spatially_varying=False``).

    Parameters
    ----------
    difference, science_variance, template_variance : array-like on disk, [y, x]
        Anything with ``shape``, ``dtype`` and rows that slicing gives, ``plane[y0:y1:step]``:
        `numpy.memmap`, the ``section`` of a FITS image, h5py and zarr datasets. Variances may be
        numbers.
    write : callable
        Called as ``write(y0, image, variance, filter_edge)`` with finished rows of what `Whitened`
        has, the first of them row ``y0`` of the frame; down the frame, every row once. What it
        raises ends the computation.
    mask, science_mask, template_mask : array-like on disk of int or bool, [y, x], optional
        Masks of each image.
    kernel, convolved, scale, mean_variances, science_covariance, template_covariance, \
shared_variance, psf, preconvolved, pre_kernel, xy0, options
        As in `decorrelate`.

    Returns
    -------
    Whitening
        Cells, filters, PSF.

    Raises
    ------
    TypeError, ValueError
        As `decorrelate`.
    """
    chosen = as_options(options, decorrelate_bands)
    given, planes = as_planes(
        difference,
        "difference",
        {"science_variance": science_variance, "template_variance": template_variance},
        {"mask": mask, "science_mask": science_mask, "template_mask": template_mask},
        chosen.ignore_mask,
        chosen.no_value_mask,
        on_disk=True,
    )
    _require_coloured(given)
    psf = given.psf if psf is None and not preconvolved else psf
    core = core_options(chosen, planes, psf, xy0)
    sources = subtraction_sources(
        planes,
        kernel,
        core,
        convolved,
        scale,
        mean_variances,
        preconvolved,
        pre_kernel,
        science_covariance,
        template_covariance,
        shared_variance,
    )
    return _whitened_in_bands(planes, sources, core, chosen, write, preconvolved=preconvolved)


@shows_options
def whiten(
    image: npt.ArrayLike,
    sources: Sequence[NoiseSource] | None = None,
    *,
    mask: npt.ArrayLike | None = None,
    psf: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    out: tuple[FloatImage, FloatImage] | None = None,
    **options: Unpack[WhitenKeywords],
) -> Whitened | Any:
    """Make the noise of any linear combination of images white.

    Parameters
    ----------
    image : array_like, [y, x], or object
        The combination, for instance the difference of two stacks; what `decorrelate` takes.
    sources : sequence of NoiseSource, optional
        Every raw input image: its variance, the kernels that it went through, its weight, its mask.
        Default: nothing is known, and all is measured on the image itself: a variance that changes
        smoothly over the frame, and ``covariance="measured"``.
    mask : array_like of int or bool, [y, x], optional
        Mask of ``image``.
    psf : array_like [v, u], Kernel or object, optional
        PSF of ``image``; mode "score" needs it.
    xy0, out, options
        As in `decorrelate`.

    Returns
    -------
    Whitened or CCDData
        As of `decorrelate`.

    Raises
    ------
    TypeError, ValueError
        As `decorrelate`.

    Notes
    -----
    ``P(k) = sum_i v_i |a_i(k)|^2`` with a_i the weight times the product of the kernels' Fourier
    transforms; psi(k) = sqrt(P(0) / P(k)) (docs/mathematics.md, Eqs. 1 and 2; for mode "score"
    docs/mathematics.md, Eq. 3).
    """
    chosen = as_options(options, whiten)
    variances, masks = source_planes(sources or [])
    masks["mask"] = mask
    given, planes = as_planes(
        image, "image", variances, masks, chosen.ignore_mask, chosen.no_value_mask, out=out
    )
    if sources is None:
        sources, planes, chosen = _unknown_sources(planes, chosen)
    core = core_options(chosen, planes, given.psf if psf is None else psf, xy0)
    raw = core_sources(sources, planes)
    return _whitened(given, planes, raw, core, chosen, rounds=_rounds(sources))


def _unknown_sources(
    planes: Planes, options: WhitenOptions
) -> tuple[Sequence[NoiseSource], Planes, WhitenOptions]:
    """Give the one source of an image of which nothing is known, with its planes and options."""
    variance = measured_variance(planes)
    source = NoiseSource(float(variance.nodes.mean()))
    if options.covariance == "none":
        options = replace(options, covariance="measured")
    variances, masks = source_planes([source])
    with_source = replace(
        planes,
        variances=dict.fromkeys(variances, _as_plane(variance, planes)),
        masks={**planes.masks, **dict.fromkeys(masks, _core.PlaneI())},
    )
    return [source], with_source, options


def _rounds(sources: Sequence[NoiseSource]) -> int:
    """How often to measure what remains of the colour.

    Where no kernel tells the colour of the noise, all of it has to be measured, which takes two
    rounds: the first one leaves a hundredth or so.
    """
    return 1 if any(source.kernels for source in sources) else 2


def _as_plane(variance: VarianceMap, planes: Planes) -> _core.PlaneF | _core.PlaneD:
    """Give a variance as a plane whose rows are made when they are needed."""
    single = isinstance(planes.image, _core.PlaneF)
    plane: Any = _core.PlaneF if single else _core.PlaneD
    dtype = np.float32 if single else np.float64

    def read(begin: int, end: int, step: int) -> npt.NDArray[Any]:
        return variance.rows(begin, end, step).astype(dtype)

    return plane(planes.image.shape, read)  # type: ignore[no-any-return]


@shows_options
def whiten_bands(
    image: Any,
    sources: Sequence[NoiseSource] | None,
    write: WriteRows,
    *,
    mask: Any = None,
    psf: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    **options: Unpack[WhitenKeywords],
) -> Whitening:
    """Make the noise of any linear combination of images white, band by band; see `whiten`.

    The result is that of `whiten`, bit by bit.

    Parameters
    ----------
    image : array-like on disk, [y, x]
        What `decorrelate_bands` reads.
    sources : sequence of NoiseSource or None
        Every raw input image; None: nothing is known, as in `whiten`. Variances and masks may be
        array-likes on disk, too.
    write : callable
        As in `decorrelate_bands`.
    mask : array-like on disk of int or bool, [y, x], optional
        Mask of ``image``.
    psf, xy0, options
        As in `whiten`.

    Returns
    -------
    Whitening
        Cells, filters, PSF.

    Raises
    ------
    TypeError, ValueError
        As `whiten`.
    """
    chosen = as_options(options, whiten_bands)
    variances, masks = source_planes(sources or [])
    masks["mask"] = mask
    given, planes = as_planes(
        image,
        "image",
        variances,
        masks,
        chosen.ignore_mask,
        chosen.no_value_mask,
        on_disk=True,
    )
    if sources is None:
        sources, planes, chosen = _unknown_sources(planes, chosen)
    core = core_options(chosen, planes, given.psf if psf is None else psf, xy0)
    raw = core_sources(sources, planes)
    return _whitened_in_bands(planes, raw, core, chosen, write, rounds=_rounds(sources))


def _require_coloured(difference: Pixels) -> None:
    """Raise ValueError if an NDData says that its noise is white already."""
    if difference.is_nddata and VERSION_KEYWORD in difference.owner.meta:
        raise ValueError(
            f"difference must not be whitened already, got one with the keyword {VERSION_KEYWORD}"
        )


def _whitened(
    given: Pixels,
    planes: Planes,
    sources: Sequence[CoreSource],
    core: _core.WhitenOptions,
    options: WhitenOptions,
    subtracted: Subtracted | None = None,
    **measuring: Any,
) -> Whitened | Any:
    covariance, applied, measure = _set_remaining(
        planes, sources, core, options, in_memory=True, **measuring
    )
    bank, rows = _in_memory(planes, sources, core)
    marked = partial(_marked, planes.masks["mask"], planes.no_value_mask)
    result = Whitened(
        bank, rows, given.kept(), marked, covariance, applied, core.xy0, measure, subtracted
    )
    return result.to_ccddata() if given.is_nddata else result


def _marked(mask: _core.PlaneI, bits: int) -> npt.NDArray[np.bool_] | None:
    """Which pixels a mask says have no value."""
    height, width = mask.shape
    return (mask.cut(0, 0, width, height) & bits) != 0 if width else None


def _in_memory(
    planes: Planes, sources: Sequence[CoreSource], core: _core.WhitenOptions
) -> tuple[_core.Whitening, tuple[FloatImage, FloatImage, npt.NDArray[np.bool_]]]:
    """Whiten into arrays, in bands if the input is not in memory."""
    if not planes.on_disk:
        whole = (
            _core.whiten_into(planes.image, sources, core, *planes.out)
            if planes.out
            else _core.whiten(planes.image, sources, core)
        )
        return whole.whitening, (whole.image, whole.variance, whole.filter_edge)
    single = isinstance(planes.image, _core.PlaneF)
    shape, dtype = planes.image.shape, np.float32 if single else np.float64
    out = planes.out or (np.empty(shape, dtype), np.empty(shape, dtype))
    result: Any = (*out, np.empty(shape, np.bool_))

    def write(y0: int, *rows: npt.NDArray[Any]) -> None:
        for plane, part in zip(result, rows, strict=True):
            plane[y0 : y0 + len(part)] = part

    return _core.whiten(planes.image, sources, core, write), result


def _whitened_in_bands(
    planes: Planes,
    sources: Sequence[CoreSource],
    core: _core.WhitenOptions,
    options: WhitenOptions,
    write: WriteRows,
    **measuring: Any,
) -> Whitening:
    core_write = as_callable(write, "write")
    covariance, applied, measure = _set_remaining(planes, sources, core, options, **measuring)
    bank = _core.whiten(planes.image, sources, core, core_write)
    return Whitening(bank, covariance, applied, core.xy0, measure)


def _set_remaining(
    planes: Planes,
    sources: Sequence[CoreSource],
    core: _core.WhitenOptions,
    options: WhitenOptions,
    *,
    rounds: int = 1,
    preconvolved: bool = False,
    in_memory: bool = False,
) -> tuple[NoiseCovariance | None, bool, Measure]:
    """Let whitening take account of what remains of the colour.

    What that is, whether it is taken account of, and what tells the noise of the white image.
    """
    covariance, applied = chosen_covariance(
        options.covariance, planes, sources, core, rounds=rounds, preconvolved=preconvolved
    )
    if covariance is not None and applied:
        core.remaining = covariance.core

    if covariance is not None and options.covariance is not covariance:
        found = MeasuredNoise(covariance, applied, is_blind=rounds > 1)
        return covariance, applied, lambda _: found
    if preconvolved:
        why_not = "the noise of a likelihood image is not measured"
        return covariance, applied, lambda _: MeasuredNoise(why_not=why_not)
    if in_memory and core.mode is _core.Mode.difference:
        return covariance, applied, _tried(partial(measured_noise, core))
    return (
        covariance,
        applied,
        _tried(lambda _: measured_remains(planes, sources, core, covariance)),
    )


def _tried(measure: Callable[[Any], NoiseCovariance]) -> Measure:
    def tried(whitening: Any) -> MeasuredNoise:
        try:
            return MeasuredNoise(measure(whitening))
        except ValueError as error:
            return MeasuredNoise(why_not=f"the noise cannot be measured: {error}")

    return tried


def core_options(
    options: WhitenOptions, planes: Planes, psf: Any, xy0: tuple[float, float]
) -> _core.WhitenOptions:
    """Give options as the compiled core takes them."""
    core = _core.WhitenOptions()
    core.mode = _core.Mode[options.mode]
    core.spatially_varying = bool(options.spatially_varying)
    core.variance = _core.VariancePropagation[options.propagation]
    core.psf = [] if psf is None else [as_psf(psf)]
    core.xy0 = as_position(xy0, "xy0")
    core.mask = planes.masks["mask"]
    core.ignore_mask = planes.ignore_mask
    core.no_value_mask = planes.no_value_mask
    if options.grid is not None:
        core.cells = _core_cells(options.grid)
        core.reduction = _core.Reduction[options.grid.reduction]
    core.n_threads = options.n_threads
    core.progress = options.progress
    return core


def _core_cells(grid: Grid) -> list[_core.Cell]:
    boxes = [_core.Box(*box) for box in grid.boxes.tolist()]
    if grid.expanded is None:
        return [_core.Cell(box) for box in boxes]
    return [
        _core.Cell(box, _core.Box(*expanded))
        for box, expanded in zip(boxes, grid.expanded.tolist(), strict=True)
    ]
