"""Whitening of frames that need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import (
    FloatImage,
    as_integer,
    as_number,
    as_variance,
    ignored_pixels,
    one_of,
    without_hidden,
)
from .decorrelate import Mode, Progress, Propagation, Whitening, as_pair, core_options
from .kernel import as_kernel, as_psf

__all__ = ["decorrelate_bands"]

WriteRows = Callable[[int, FloatImage, FloatImage], object]


def decorrelate_bands(
    difference: Any,
    science_variance: Any,
    template_variance: Any,
    kernel: Any,
    write: WriteRows,
    *,
    convolved: Literal["template", "science"] = "template",
    mode: Mode = "difference",
    spatially_varying: bool = True,
    variance: Propagation = "estimate",
    scale: float | None = None,
    mask: Any = None,
    science_mask: Any = None,
    template_mask: Any = None,
    ignore_mask: int = 0,
    mean_variances: tuple[float | None, float | None] = (None, None),
    psf: Any = None,
    pre_kernel: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    n_threads: int = 0,
    progress: Progress | None = None,
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
        Called as ``write(y0, image, variance)`` with finished rows, the first of them row ``y0`` of
        the frame; down the frame, every row once. What it raises ends the computation.
    mask, science_mask, template_mask : array-like on disk of int or bool, [y, x], optional
        Masks of each image.
    kernel, convolved, mode, spatially_varying, variance, scale, ignore_mask, mean_variances, psf, \
pre_kernel, xy0, n_threads, progress
        As in `decorrelate`.

    Returns
    -------
    `Whitening`
        Cells, filters, PSF.

    Raises
    ------
    TypeError, ValueError
        As `decorrelate`.
    """
    shape = _shape_of(difference, "difference")
    single = np.dtype(difference.dtype).newbyteorder("=") == np.float32
    dtype = np.dtype(np.float32 if single else np.float64)
    one_of(convolved, ("template", "science"), "convolved")
    ignore_mask = as_integer(ignore_mask, "ignore_mask")
    options = core_options(
        mode, spatially_varying, variance, _mask_reader(mask, ignore_mask, shape, "mask"), 1, psf,
        xy0, None, n_threads, progress,
    )  # fmt: skip
    means = as_pair(mean_variances, "mean_variances")

    def source(plane: Any, name: str, plane_mask: Any, mean: float | None) -> tuple[Any, ...]:
        reader: Any
        if isinstance(plane, Real):
            reader = as_variance(float(plane), f"{name}_variance")
        else:
            reader = _reader(plane, dtype, shape, f"{name}_variance")
        mask_reader = _mask_reader(plane_mask, ignore_mask, shape, f"{name}_mask")
        return reader, [], 1.0, mask_reader, mean, f"{name}_variance"

    core = _core.decorrelate_bands(
        _reader(difference, dtype, shape, "difference"),
        shape,
        not single,
        source(science_variance, "science", science_mask, means[0]),
        source(template_variance, "template", template_mask, means[1]),
        as_kernel(kernel),
        None if pre_kernel is None else as_psf(pre_kernel),
        convolved == "science",
        None if scale is None else as_number(scale, "scale"),
        options,
        write,
    )
    return Whitening(core, has_psf=psf is not None or mode == "score")


def _shape_of(plane: Any, name: str) -> tuple[int, int]:
    if not (hasattr(plane, "shape") and hasattr(plane, "dtype")):
        raise TypeError(f"{name} must have shape, dtype and rows, got {type(plane).__name__}")
    if len(plane.shape) != 2 or 0 in plane.shape:
        raise ValueError(
            f"{name} must be a 2-D array of at least one pixel, got shape {plane.shape}"
        )
    return int(plane.shape[0]), int(plane.shape[1])


def _require_shape(plane: Any, shape: tuple[int, int], name: str) -> None:
    if _shape_of(plane, name) != shape:
        raise ValueError(
            f"{name} must have shape {shape}, that of the image, got {tuple(plane.shape)}"
        )


def _reader(
    plane: Any, dtype: np.dtype[Any], shape: tuple[int, int], name: str
) -> Callable[[int, int, int], npt.NDArray[Any]]:
    """Give a function that reads rows of real numbers."""
    _require_shape(plane, shape, name)
    if np.dtype(plane.dtype).kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {plane.dtype}")

    def read(begin: int, end: int, step: int) -> npt.NDArray[Any]:
        rows = plane[begin:end:step]
        return without_hidden(rows, np.ascontiguousarray(rows, dtype=dtype))

    return read


def _mask_reader(
    mask: Any, ignore_mask: int, shape: tuple[int, int], name: str
) -> Callable[[int, int, int], npt.NDArray[np.int32]] | None:
    """Give a function that reads rows of a mask: 1 where a pixel is left out."""
    if mask is None:
        return None
    _require_shape(mask, shape, name)
    if np.dtype(mask.dtype).kind not in "biu":
        raise TypeError(f"{name} must hold integers or booleans, got dtype {mask.dtype}")

    def read(begin: int, end: int, step: int) -> npt.NDArray[np.int32]:
        rows = np.asarray(mask[begin:end:step])
        return np.ascontiguousarray(ignored_pixels(rows, ignore_mask), dtype=np.int32)

    return read
