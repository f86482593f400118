"""One subtraction whitened, from files to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..decorrelate import WriteRows, decorrelate_bands, whiten_bands
from ..exposure import Exposure, Mask
from ..io.atomic import writing
from ..io.covariance_fits import covariance_hdu
from ..io.exposure_rows import ExposureRows, open_exposure
from ..io.exposure_writer import ExposureWriter, new_exposure_file
from ..io.fits_file import native
from ..io.point_sources import point_source_units
from ..io.reading import naming
from ..sources import NoiseSource
from ..verdict import Verdict
from ..whitening import PointSources, Whitening
from .background import in_background
from .facts import Facts
from .files import blank_where_missing
from .header import whitened_header
from .inputs import Inputs, open_inputs
from .job import Job, JobError
from .masks import FILTER_EDGE, plane_bits, with_filter_edge
from .notices import assumptions, file_notes
from .psf import whitened_psf

if TYPE_CHECKING:
    from ..tasks import DecorrelateALKernelSpatialTask

__all__ = ["WhitenedFile", "whiten_files"]

_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class WhitenedFile:
    """A difference image that was whitened and written.

    Attributes
    ----------
    job : Job
        What was asked for.
    planes, no_value_planes : sequence of str
        Mask planes that the statistics left out, and those of pixels without a value.
    filled : sequence of float
        Values of the difference that fill pixels without data.
    noise : mapping of str to str
        Where the variances of "science" and "template" come from, or that of the "difference" if
        nothing else is known, in words.
    assumptions : sequence of str
        What was assumed, mended or left out, in words.
    facts : Facts
        How it was whitened.
    whitening : Whitening or None
        The same with filters and PSFs; None if a task did it.
    verdict : Verdict
        What is to be thought of the result.
    """

    job: Job
    planes: Sequence[str]
    no_value_planes: Sequence[str]
    filled: Sequence[float]
    noise: Mapping[str, str]
    assumptions: Sequence[str]
    facts: Facts
    whitening: Whitening | None
    verdict: Verdict

    @contextmanager
    def open(self) -> Iterator[tuple[ExposureRows, ExposureRows]]:
        """Open the difference, its pixels without a value being NaN, and the whitened image."""
        with (
            open_exposure(self.job.difference, self.job.difference_mask) as before,
            open_exposure(self.job.output) as after,
        ):
            yield blank_where_missing(before, self.no_value_planes, self.filled), after


def whiten_files(
    job: Job,
    progress: Callable[[int, int], object] | None = None,
    task: DecorrelateALKernelSpatialTask | None = None,
) -> WhitenedFile:
    """Read the files of a subtraction, whiten its difference image, and write the result.

    Rows are read and written in bands as they are needed: files may be larger than memory. A task
    has all images in memory.

    Parameters
    ----------
    job : Job
        What to whiten, and how.
    progress : callable, optional
        Called as ``progress(done, total)``; what it raises ends the computation.
    task : DecorrelateALKernelSpatialTask, optional
        Task that does the work, in place of `whitediff.decorrelate_bands`. What its configuration
        says of the propagation of variances, mask planes and threads holds.

    Returns
    -------
    WhitenedFile
        What was done.

    Raises
    ------
    OSError, TypeError, ValueError
        If an input is missing, or not as expected; if the difference seems to be white already.
    WriteError
        If the output cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from whitediff.options import WhitenOptions
    >>> from whitediff.subtraction import Job, whiten_files
    >>> names = ("science", "template", "difference", "kernel")
    >>> files = {name: Path(f"{name}.fits") for name in names}
    >>> options = WhitenOptions(variance="full", n_threads=2)
    >>> whitened = whiten_files(Job(**files, output=Path("white.fits"), options=options))
    >>> whitened.facts.cells
    4
    """
    if progress is not None:
        job = replace(job, options=replace(job.options, progress=progress))
    if task is not None:
        from .with_task import configured_job, planes_of, whiten_with_task

        job = configured_job(job, task)
        with _naming(job), open_inputs(job, planes_of(task, job)) as inputs:
            _check_not_white(job, inputs)
            facts, judged = whiten_with_task(task, job, inputs)
            whitening = None
    else:
        with _naming(job), open_inputs(job) as inputs:
            _check_not_white(job, inputs)
            whitening, facts, judged = _whiten_in_bands(job, inputs)
    noise = {name: source.description for name, source in inputs.noise.items()}
    return WhitenedFile(
        job,
        inputs.planes,
        inputs.subtraction.no_value_planes,
        inputs.subtraction.filled,
        noise,
        [*assumptions(job, inputs), *file_notes(job, inputs)],
        facts,
        whitening,
        judged,
    )


def _naming(job: Job) -> AbstractContextManager[None]:
    """Put files before what is said of the arguments that were read from them."""
    noise = {
        "science_variance": job.science_variance,
        "template_variance": job.template_variance,
    }
    files = {name: given for name, given in noise.items() if not isinstance(given, float)}
    mask = job.difference_mask or job.difference
    return naming(image=job.difference, mask=mask, kernel=job.kernel, psf=job.psf, **files)


def _check_not_white(job: Job, inputs: Inputs) -> None:
    """Refuse a difference that is white already."""
    found = None if inputs.subtracted is None else inputs.subtracted.agreement
    if found is not None and found.is_white_already and not job.again:
        raise JobError(
            f"{job.difference}: its noise is white already, it seems; to whiten it all the same: ",
            "again",
            "",
        )


def _whiten_in_bands(job: Job, inputs: Inputs) -> tuple[Whitening, Facts, Verdict]:
    subtraction = inputs.subtraction
    difference = subtraction.difference
    planes = with_filter_edge(difference.mask_planes)
    blank = _without_pixels(difference, planes)
    blank.setMetadata(whitened_header(job, inputs, Facts.to_come()))
    score = job.options.mode == "score"
    with ExitStack() as output:
        with writing(job.output):
            file = output.enter_context(
                new_exposure_file(
                    blank,
                    job.output,
                    more_planes=point_source_units(blank) if score else None,
                    quantization=job.compress or 0,
                    overwrite=job.overwrite,
                )
            )

        def write(
            y0: int,
            image: NDArray[Any],
            variance: NDArray[Any],
            filter_edge: NDArray[np.bool_],
            mask: NDArray[Any] | None,
        ) -> None:
            edge = plane_bits(planes, [FILTER_EDGE])
            with writing(job.output):
                file.write_rows(y0, image)
                file.write_rows(y0, variance, first=2)
            # A piece at a time stays in the cache.
            for y in range(0, len(image), _ROWS_AT_ONCE):
                rows = slice(y, y + _ROWS_AT_ONCE)
                on_edge = filter_edge[rows]
                if mask is None:
                    bits = np.zeros(on_edge.shape, np.int32)
                else:
                    bits = Mask(native(mask[rows])).array
                bits[on_edge] |= edge
                with writing(job.output):
                    file.write_rows(y0 + y, bits, first=1)

        with in_background(write) as begin_to_write:

            def hand_over(y0: int, *rows: NDArray[Any]) -> None:
                mask = difference.mask
                end = y0 + len(rows[0])
                begin_to_write(y0, *rows, None if mask is None else mask.stored[y0:end])

            whitening = _whitened(job, inputs, hand_over)
        if score:
            with writing(job.output):
                _write_point_sources(file, whitening, difference.shape[0])
        facts = Facts.of(whitening, list(inputs.noise), shared_variance=job.shared_variance)
        judged = whitening.judged(inputs.subtracted)
        facts = replace(facts, **judged.facts)
        blank.setMetadata(whitened_header(job, inputs, facts))
        blank.setPsf(whitened_psf(whitening, difference.xy0))
        with writing(job.output):
            covariance = whitening.covariance
            file.finish(blank, [] if covariance is None else [covariance_hdu(covariance)])
            output.close()
    return whitening, facts, judged


def _whitened(job: Job, inputs: Inputs, write: WriteRows) -> Whitening:
    subtraction, difference = inputs.subtraction, inputs.subtraction.difference
    pair = subtraction.pair
    options = replace(
        job.options,
        covariance=inputs.remaining,
        ignore_mask=plane_bits(difference.mask_planes, inputs.planes),
        no_value_mask=plane_bits(difference.mask_planes, subtraction.no_value_planes),
        grid=subtraction.grid if job.options.spatially_varying else None,
    )
    common: dict[str, Any] = {
        "mask": difference.mask,
        "psf": inputs.psf,
        "xy0": difference.xy0,
        **vars(options),
    }
    if subtraction.components:
        return whiten_bands(difference.image, _sources(inputs), write, **common)
    if pair is None:
        noise = inputs.noise["difference"]
        # What was measured in the sky is one number; whitening measures from place to place.
        sources = None
        if noise.origin != "sky":
            variance: Any = noise.variance
            sources = [NoiseSource(variance, mask=inputs.ignored["difference"])]  # type: ignore[arg-type]
        return whiten_bands(difference.image, sources, write, **common)
    return decorrelate_bands(
        difference.image,
        inputs.noise["science"].variance,
        inputs.noise["template"].variance,
        pair.kernel,
        write,
        convolved=pair.convolved,
        scale=pair.scale,
        science_mask=inputs.ignored["science"],
        template_mask=inputs.ignored["template"],
        science_covariance=inputs.covariances["science"],
        template_covariance=inputs.covariances["template"],
        preconvolved=job.preconvolved,
        shared_variance=job.shared_variance,
        **common,
    )


def _sources(inputs: Inputs) -> list[NoiseSource]:
    """The components of a combination as sources of noise."""
    sources = []
    for name, component in inputs.subtraction.components.items():
        variance: Any = inputs.noise[name].variance
        mask: Any = inputs.ignored[name]
        sources.append(
            NoiseSource(
                variance,
                kernels=component.kernels,
                weight=component.weight * component.variance_factor**0.5,
                mask=mask,
                covariance=inputs.covariances[name],
            )
        )
    return sources


def _write_point_sources(file: ExposureWriter, whitening: Whitening, height: int) -> None:
    """Write what the score says of point sources, once all of its rows are there."""
    for y0 in range(0, height, _ROWS_AT_ONCE):
        y1 = min(y0 + _ROWS_AT_ONCE, height)
        score, variance = (file.read_rows(plane, y0, y1) for plane in (0, 2))
        planes = PointSources.of(score, variance, whitening.peak_response(y0, y1))
        file.write_rows(y0, *planes, first=3)


def _without_pixels(exposure: ExposureRows, planes: Mapping[str, int]) -> Exposure:
    """Give an exposure of the right shape and types whose planes take no memory."""
    dtype = np.float32 if exposure.image.dtype == np.float32 else np.float64
    plane = np.broadcast_to(dtype(0), exposure.shape)
    bits = np.broadcast_to(np.int32(0), exposure.shape)
    return Exposure(
        image=plane,
        mask=Mask(bits, planes=planes),
        variance=plane,
        wcs=exposure.wcs_or_cards,
        xy0=exposure.xy0,
    )
