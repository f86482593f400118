"""The inputs of a difference image in memory, to be judged as those of files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..adapters import as_kernel
from ..exposure import Exposure, own_names
from ..io.exposure_rows import ExposureRows
from ..io.rows import Rows
from ..subtraction.files import Pair, Subtraction
from ..subtraction.inputs import Inputs
from ..subtraction.masks import left_out_rows
from ..subtraction.noise import InputNoise

__all__ = ["inputs_in_memory"]


def inputs_in_memory(
    exposures: Mapping[str, Exposure],
    kernel: Any,
    *,
    template_matched: bool,
    planes: Sequence[str],
    no_value_planes: Sequence[str],
) -> Inputs:
    """Give exposures as `whitediff.subtraction` has those of files.

    Parameters
    ----------
    exposures : mapping of str to Exposure
        "science", "template" and "difference"; the first two contain the box of the third.
    kernel : Kernel, array_like [v, u] or object
        The matching kernel: what `whitediff.adapters.as_kernel` takes.
    template_matched : bool
        Whether the template was convolved, or else the science image.
    planes : sequence of str
        Mask planes that statistics leave out.
    no_value_planes : sequence of str
        Mask planes of the difference whose pixels have no value.

    Returns
    -------
    inputs : Inputs
        They share the pixels of the exposures.
    """
    difference = exposures["difference"]
    box = difference.getBBox()
    images = {name: _rows(exposures[name][box], ()) for name in ("science", "template")}
    pair = Pair(
        **images,
        kernel=as_kernel(kernel),
        convolved="template" if template_matched else "science",
        convolved_is_known=True,
        scale=None,
    )
    noise = {}
    for name, image in images.items():
        assert image.variance is not None
        noise[name] = InputNoise(image.variance, "plane", "variance plane")
    return Inputs(
        Subtraction(_rows(difference, no_value_planes), pair, {}, None, (), no_value_planes, ()),
        planes,
        {name: left_out_rows(image, planes) for name, image in images.items()},
        noise,
        covariances=dict.fromkeys(images),
        remaining="none",
        psf=difference.getPsf(),
    )


def _rows(exposure: Exposure, no_value_planes: Sequence[str]) -> ExposureRows:
    mask, planes = exposure.mask, exposure.mask.getMaskPlaneDict()
    bits = mask.getPlaneBitMask(own_names(no_value_planes, planes))
    pixels = exposure.image.array

    def read(rows: slice) -> NDArray[Any]:
        return np.where((mask.array[rows] & bits) != 0, np.nan, pixels[rows])

    return ExposureRows(
        image=Rows(_shape(pixels), pixels.dtype, read),
        mask=_plane(mask.array),
        mask_planes=planes,
        variance=None if exposure.variance is None else _plane(exposure.variance.array),
        psf=None,
        wcs=None,
        xy0=tuple(exposure.getXY0()),
        metadata=fits.Header(),
    )


def _plane(array: NDArray[Any]) -> Rows:
    return Rows(_shape(array), array.dtype, lambda rows: array[rows].copy())


def _shape(array: NDArray[Any]) -> tuple[int, int]:
    height, width = array.shape
    return height, width
