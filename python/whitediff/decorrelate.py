"""Whitening of difference images and of any other linear combination of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters import as_kernel, as_psf
from .arrays import (
    FloatImage,
    as_image,
    as_integer,
    as_masks,
    as_number,
    as_position,
    as_variance_plane,
    one_of,
)
from .cells import Cells, Grid
from .noise_model import NoiseSource

Mode = Literal["difference", "score"]
Propagation = Literal["estimate", "full"]
Progress = Callable[[int, int], object]


class Whitening:
    """How the noise of an image was made white.

    Attributes
    ----------
    cells : Cells
        The cells, and the noise that was found in each.
    border : int
        Pixels that a cell reads beyond its box.
    truncation : float
        Error left by cutting filters off at the border, in units of the noise.
    n_threads : int
        Threads used.
    clipped_modes : int
        Fourier modes with less power than the floor, over all filters.
    seconds : dict [str, float]
        What the stages took: "plan", "statistics", "filter".
    bank : object
        Makes filters and PSFs, with its methods ``filters()`` and ``psfs()``; to be kept by those
        who want a PSF later, but neither image nor variance.
    """

    def __init__(self, core: dict[str, Any], has_psf: bool) -> None:
        self.cells = Cells(
            boxes=core["boxes"],
            expanded=core["expanded"],
            centers=core["centers"],
            variances=core["variances"],
        )
        self.border: int = core["border"]
        self.truncation: float = core["truncation"]
        self.n_threads: int = core["n_threads"]
        self.clipped_modes: int = core["clipped_modes"]
        self.seconds: dict[str, float] = core["seconds"]
        self.bank: _core.FilterBank = core["bank"]
        self._has_psf = has_psf

    @cached_property
    def filters(self) -> npt.NDArray[np.float64]:
        """The filters in image space, [m, 2 r + 1, 2 r + 1], one for each of ``cells.centers``."""
        return self.bank.filters()

    @cached_property
    def psf(self) -> npt.NDArray[np.float64] | None:
        """The PSFs of the whitened image, [m, h, w], sum 1, one for each of ``cells.centers``.

        None if the PSF of the input image was not given.
        """
        return self.bank.psfs() if self._has_psf else None

    def __repr__(self) -> str:
        return f"Whitening({self.cells!r}, border={self.border}, n_threads={self.n_threads})"


class Whitened(Whitening):
    """A whitened image, and how it was made: it has all that `Whitening` has.

    Attributes
    ----------
    image : numpy.ndarray, [y, x]
        Units and dtype of the input image.
    variance : numpy.ndarray, [y, x]
        Variance of its pixels, in squared units of the image; same dtype.
    """

    def __init__(self, core: dict[str, Any], has_psf: bool) -> None:
        super().__init__(core, has_psf)
        self.image: FloatImage = core["image"]
        self.variance: FloatImage = core["variance"]

    def __repr__(self) -> str:
        height, width = self.image.shape
        return (
            f"Whitened({height} x {width} {self.image.dtype}, {self.cells!r}, "
            f"border={self.border}, n_threads={self.n_threads})"
        )


def decorrelate(
    difference: npt.ArrayLike,
    science_variance: npt.ArrayLike,
    template_variance: npt.ArrayLike,
    kernel: Any,
    *,
    convolved: Literal["template", "science"] = "template",
    mode: Mode = "difference",
    spatially_varying: bool = True,
    variance: Propagation = "estimate",
    scale: float | None = None,
    mask: npt.ArrayLike | None = None,
    science_mask: npt.ArrayLike | None = None,
    template_mask: npt.ArrayLike | None = None,
    ignore_mask: int = 0,
    mean_variances: tuple[float | None, float | None] = (None, None),
    psf: Any = None,
    pre_kernel: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    grid: Grid | None = None,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Whitened:
    """Make the noise of a difference image D = S - K*T white again.

    Parameters
    ----------
    difference : array_like, [y, x]
        Science minus template. Non-finite pixels come out as they went in. float32 is filtered in
        float32, everything else in float64. The input is not modified.
    science_variance, template_variance : float or array_like, [y, x]
        Variance of the raw pixels of each input, before any convolution.
    kernel : array_like [v, u], Kernel or object
        The matching kernel, in the sense of true convolution: what `whitediff.adapters.as_kernel`
        takes, lsst.afw kernels among it.
    convolved : {"template", "science"}, optional
        Which input was convolved: D = scale (S - K*T) or D = scale (K*S - T).
    mode : {"difference", "score"}, optional
        "difference" gives a white difference image. "score" takes a likelihood image,
        D = scale (S correlated with p - K*T), and gives the optimal detection image.
    spatially_varying : bool, optional
        A filter for every cell of the frame; if False, one with the kernel at the centre of the
        frame and the clipped mean variances of whole planes.
    variance : {"estimate", "full"}, optional
        How the variance plane is propagated: each plane times a mean gain, or convolved with the
        squared response.
    scale : float, optional
        What the difference was multiplied by after the subtraction. Default: 1 if the template
        was convolved, 1 / (sum of the kernel at the centre of the frame) if the science was.
    mask, science_mask, template_mask : array_like of int or bool, [y, x], optional
        Masks of each image, for its own clipped statistics.
    ignore_mask : int, optional
        Bits of the masks that leave a pixel out; boolean masks leave out what is True.
    mean_variances : tuple [float or None, float or None], optional
        What filters are made with instead of clipped means of the variances of science and
        template; None keeps the clipped means.
    psf : array_like [v, u], Kernel or object, optional
        PSF of the difference image (mode "score": of the science image); needed for the PSF of the
        result.
    pre_kernel : array_like [v, u], Kernel or object, optional
        Mode "score": p, with which the science image was correlated; default: ``psf``.
    xy0 : tuple [float, float], optional
        Position (x, y) of pixel [0, 0] in the coordinates of kernel and PSF.
    grid : Grid, optional
        Cells chosen by the caller; default: found from the filter and the cost.
    n_threads : int, optional
        0 for all cores that the process may use. The result does not depend on it.
    progress : callable, optional
        Called as ``progress(done, total)`` while cells finish; what it raises ends the computation.

    Returns
    -------
    Whitened
        Image, variance, PSF, cells, filters.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shapes differ, a kernel is larger than the image, not finite or empty, a variance is
        negative, a plane has no usable pixel, or names are unknown.

    Notes
    -----
    psi(k) = sqrt((v_S + v_T K(0)^2) / (v_S + v_T |K(k)|^2)) for a convolved template
    (docs/mathematics.md, Eq. 7; DMTN-021, Eq. 1), likewise for a convolved science image
    (docs/mathematics.md, Eq. 8), F = P(0) conj(phi_D) / P for a likelihood image
    (docs/mathematics.md, Eqs. 3 and 9; DMTN-179). Variances: docs/mathematics.md, Eqs. 4 and 5;
    PSF: docs/mathematics.md, Eq. 6; mean variances: docs/mathematics.md, Eq. 14. The method is that
    of Kaiser (2004) and Zackay, Ofek & Gal-Yam (2016).
    """
    image = as_image(difference, "difference")
    one_of(convolved, ("template", "science"), "convolved")
    masks, ignore = as_masks(
        {"mask": mask, "science_mask": science_mask, "template_mask": template_mask},
        ignore_mask,
        image,
    )
    options = core_options(
        mode, spatially_varying, variance, masks["mask"], ignore, psf, xy0, grid, n_threads,
        progress,
    )  # fmt: skip

    science_mean, template_mean = as_pair(mean_variances, "mean_variances")

    def source(plane: npt.ArrayLike, name: str, mean: float | None) -> tuple[Any, ...]:
        checked = as_variance_plane(plane, image, f"{name}_variance")
        return checked, [], 1.0, masks[f"{name}_mask"], mean, f"{name}_variance"

    core = _core.decorrelate(
        image,
        source(science_variance, "science", science_mean),
        source(template_variance, "template", template_mean),
        as_kernel(kernel),
        None if pre_kernel is None else as_psf(pre_kernel),
        convolved == "science",
        None if scale is None else as_number(scale, "scale"),
        options,
    )
    return Whitened(core, has_psf=psf is not None or mode == "score")


def whiten(
    image: npt.ArrayLike,
    sources: Sequence[NoiseSource],
    *,
    mode: Mode = "difference",
    spatially_varying: bool = True,
    variance: Propagation = "estimate",
    mask: npt.ArrayLike | None = None,
    ignore_mask: int = 0,
    psf: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    grid: Grid | None = None,
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Whitened:
    """Make the noise of any linear combination of images white.

    Parameters
    ----------
    image : array_like, [y, x]
        The combination, for instance the difference of two stacks.
    sources : sequence of NoiseSource
        Every raw input image: its variance, the kernels that it went through, its weight, its mask.
    mode : {"difference", "score"}, optional
        White noise, or the optimal detection image (which needs ``psf``).
    psf : array_like [v, u], Kernel or object, optional
        PSF of ``image``.
    spatially_varying, variance, mask, ignore_mask, xy0, grid, n_threads, progress
        As in `decorrelate`.

    Returns
    -------
    Whitened
        Image, variance, PSF, cells, filters.

    Raises
    ------
    TypeError, ValueError
        As `decorrelate`.

    Notes
    -----
    P(k) = sum_i v_i |a_i(k)|^2 with a_i the weight times the product of the kernels' Fourier
    transforms; psi(k) = sqrt(P(0) / P(k)) (docs/mathematics.md, Eqs. 1 and 2; for mode "score"
    docs/mathematics.md, Eq. 3).
    """
    pixels = as_image(image, "image")
    named = require_sources(sources)
    masks, ignore = as_masks(
        {"mask": mask, **{f"{name}.mask": source.mask for name, source in named.items()}},
        ignore_mask,
        pixels,
    )
    options = core_options(
        mode, spatially_varying, variance, masks["mask"], ignore, psf, xy0, grid, n_threads,
        progress,
    )  # fmt: skip
    core = _core.whiten(
        pixels,
        core_sources(
            named,
            lambda plane, name: as_variance_plane(plane, pixels, name),
            lambda _, name: masks[name],
        ),
        options,
    )
    return Whitened(core, has_psf=psf is not None)


def require_sources(sources: Sequence[NoiseSource]) -> dict[str, NoiseSource]:
    """Refuse what is no noise source; give the sources by the names that messages use."""
    for source in sources:
        if not isinstance(source, NoiseSource):
            raise TypeError(f"sources must hold NoiseSource objects, got {type(source).__name__}")
    return {f"sources[{n}]": source for n, source in enumerate(sources)}


def core_sources(
    sources: Mapping[str, NoiseSource],
    as_plane: Callable[[Any, str], Any],
    as_mask: Callable[[Any, str], Any],
) -> list[tuple[Any, ...]]:
    """Give sources as the compiled core takes them, their planes by what checks them by name."""
    return [
        (
            as_plane(source.variance, f"{name}.variance"),
            list(source.kernels),
            source.weight,
            as_mask(source.mask, f"{name}.mask"),
            source.mean_variance,
            f"{name}.variance",
        )
        for name, source in sources.items()
    ]


def as_pair(values: Any, name: str) -> tuple[float | None, float | None]:
    """Give a pair of numbers, either of which may be None."""
    if not (isinstance(values, tuple | list) and len(values) == 2):
        raise TypeError(f"{name} must be a pair (science, template), got {values!r}")
    first, second = (None if value is None else as_number(value, name) for value in values)
    return first, second


def core_options(
    mode: Mode,
    spatially_varying: bool,
    variance: Propagation,
    mask: Any,
    ignore_mask: int,
    psf: Any,
    xy0: tuple[float, float],
    grid: Grid | None,
    n_threads: int,
    progress: Progress | None,
) -> dict[str, Any]:
    """Give options as the compiled core takes them; the mask may be a function that reads it."""
    one_of(mode, ("difference", "score"), "mode")
    one_of(variance, ("estimate", "full"), "variance")
    if grid is not None and not isinstance(grid, Grid):
        raise TypeError(f"grid must be a Grid, got {type(grid).__name__}")
    boxes = np.empty((0, 4), np.int32) if grid is None else grid.boxes
    expanded = np.zeros_like(boxes) if grid is None or grid.expanded is None else grid.expanded
    reduction = "crossfade" if grid is None else grid.reduction
    return {
        "score": mode == "score",
        "spatially_varying": bool(spatially_varying),
        "full_variance": variance == "full",
        "mask": mask,
        "ignore_mask": ignore_mask,
        "psf": [] if psf is None else [as_psf(psf)],
        "xy0": as_position(xy0, "xy0"),
        "boxes": boxes,
        "expanded": expanded,
        "reduction": _core.Reduction.__members__[reduction],
        "n_threads": as_integer(n_threads, "n_threads"),
        "progress": progress,
    }
