"""One subtraction whitened, from files to a file, in bands of rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import whitediff

from ..exposure import Exposure, Mask
from ..io.exposure_rows import ExposureRows, open_exposure
from ..io.exposure_writer import new_exposure_file
from ..io.rows import Rows
from .errors import writing
from .masks import check_planes, left_out_rows
from .noise import InputNoise
from .outcome import facts_of, psf_of
from .subtraction import open_subtraction
from .whitening import Whitening, core_options, header_of, input_noises, input_psf

__all__ = ["whiten_stream"]

# Numbers that are not known before all rows are written, and take as much room in the header.
_UNKNOWN = {
    "scienceVariance": 0.0, "templateVariance": 0.0, "nCells": 0, "nFilters": 0, "border": 0,
    "clippedModes": 0, "nThreads": 0,
}  # fmt: skip


def whiten_stream(
    whitening: Whitening, progress: Callable[[int, int], None]
) -> tuple[fits.Header, dict[str, InputNoise]]:
    """Whiten a difference image that need not fit into memory; see `whiten_files`.

    Parameters
    ----------
    whitening : Whitening
        What to whiten, and how.
    progress : callable
        Called as ``progress(done, total)``; raising cancels.

    Returns
    -------
    (header, noise)
        Header of the whitened image; `InputNoise` of "science" and "template".

    Raises
    ------
    OSError, TypeError, ValueError
        If an input is missing, or not as expected.
    WriteError
        If the output cannot be written.
    """
    with ExitStack() as files:
        subtraction = files.enter_context(
            open_subtraction(
                **whitening.files, convolved=whitening.convolved, scale=whitening.scale
            )
        )
        difference: ExposureRows = subtraction.difference
        exposures = (subtraction.science, subtraction.template, difference)
        planes = check_planes(whitening.ignore_planes, [e.mask_planes for e in exposures])
        masks = [left_out_rows(exposure, planes) for exposure in exposures]

        def variance_rows(path: Path) -> Rows:
            exposure = files.enter_context(open_exposure(path))
            return exposure.image if exposure.variance is None else exposure.variance

        planes_of = [(exposure.image, exposure.variance) for exposure in exposures]
        noise = input_noises(whitening, planes_of, masks, variance_rows)
        psf = input_psf(whitening, subtraction)

        def header_with(facts: dict[str, Any]) -> fits.Header:
            return header_of(whitening, subtraction, facts, noise, whitening.variance)

        blank = _without_pixels(difference)
        blank.setMetadata(header_with(_UNKNOWN))
        with ExitStack() as output:
            with writing(whitening.output):
                file = output.enter_context(
                    new_exposure_file(blank, whitening.output, overwrite=whitening.overwrite)
                )

            def write(y0: int, image: NDArray[Any], variance: NDArray[Any]) -> None:
                rows = slice(y0, y0 + len(image))
                bits = np.zeros(image.shape, np.int32)
                if difference.mask is not None:
                    bits = difference.mask[rows]
                with writing(whitening.output):
                    file.write_rows(y0, image, bits, variance)

            result = whitediff.decorrelate_bands(
                difference.image,
                noise["science"].variance,
                noise["template"].variance,
                subtraction.kernel,
                write,
                **core_options(whitening, subtraction, masks, psf),
                xy0=difference.xy0,
                progress=progress,
            )
            header = header_with(facts_of(result))
            blank.setMetadata(header)
            blank.setPsf(psf_of(result, difference.xy0))
            with writing(whitening.output):
                file.finish(blank)
                output.close()
    return header, noise


def _without_pixels(exposure: ExposureRows) -> Exposure:
    """Give an exposure of the right shape and types whose planes take no memory."""
    dtype = np.float32 if exposure.image.dtype == np.float32 else np.float64
    plane = np.broadcast_to(dtype(0), exposure.shape)
    bits = np.broadcast_to(np.int32(0), exposure.shape)
    return Exposure(
        image=plane,
        mask=Mask(bits, planes=exposure.mask_planes),
        variance=plane,
        wcs=exposure.wcs,
        xy0=exposure.xy0,
    )
