"""All that a difference image is whitened with, on the disk and as it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..agreement import Subtracted, Term
from ..covariance import NoiseCovariance
from ..io.conventions import NoiseKind
from ..io.exposure_rows import open_noise
from ..io.noise_planes import NoisePlane
from ..io.rows import Rows
from ..options import Covariance
from .colour import input_covariance, remaining_covariance
from .files import Subtraction, open_subtraction
from .job import Job
from .masks import check_planes, left_out_rows
from .noise import InputNoise, input_noise
from .psf import input_psf

__all__ = ["Inputs", "open_inputs"]


@dataclass(frozen=True)
class Inputs:
    """All that a difference image is whitened with.

    Attributes
    ----------
    subtraction : Subtraction
        The images and the matching kernel.
    planes : sequence of str
        Mask planes that the statistics leave out.
    ignored : mapping of str to Rows or None
        Pixels [y, x] of each source of noise that they leave out, True.
    noise : mapping of str to InputNoise
        Of each source, "science" and "template", or "input 1" and so on; "difference" if nothing
        else is known.
    covariances : mapping of str to NoiseCovariance or None
        Of the pixels of each of them.
    remaining : {"none", "auto", "measured"} or NoiseCovariance
        What remains of the noise's colour.
    psf : object or None
        PSF of the difference; of the science image if that is preconvolved.
    subtracted : Subtracted or None
        What a verdict has to look at; None for a likelihood image, and if only a difference is
        known.
    """

    subtraction: Subtraction
    planes: Sequence[str]
    ignored: Mapping[str, Rows | None]
    noise: Mapping[str, InputNoise]
    covariances: Mapping[str, NoiseCovariance | None]
    remaining: Covariance
    psf: Any
    subtracted: Subtracted | None


@contextmanager
def open_inputs(job: Job, planes: Sequence[str] | None = None) -> Iterator[Inputs]:
    """Open the files of a job, and find out the noise and the PSF.

    Parameters
    ----------
    job : Job
        What to whiten.
    planes : sequence of str, optional
        Mask planes that statistics leave out, in place of those of the job.

    Raises
    ------
    OSError, ValueError
        If an input is missing, or not as expected.
    """
    with ExitStack() as files:
        subtraction = files.enter_context(open_subtraction(job))
        difference, images = subtraction.difference, subtraction.images
        known = [exposure.mask_planes for exposure in (*images.values(), difference)]
        of_job = check_planes(job.ignore_planes, known)
        planes = of_job if planes is None else planes
        ignored = {name: left_out_rows(image, planes) for name, image in images.items()}

        def open_file(path: Path, kind: NoiseKind | None, unit: str) -> NoisePlane:
            return files.enter_context(open_noise(path, kind, image_unit=unit))

        noise = {
            name: input_noise(given.variance, images[name], given.file, ignored[name], open_file)
            for name, given in job.images.items()
        }
        psf = input_psf(job, subtraction)
        yield Inputs(
            subtraction,
            planes,
            ignored,
            noise,
            covariances={
                name: input_covariance(given.covariance) for name, given in job.images.items()
            },
            remaining=remaining_covariance(job.remaining, psf, difference),
            psf=psf,
            subtracted=None if job.preconvolved else _subtracted(job, subtraction, ignored, noise),
        )


def _subtracted(
    job: Job,
    subtraction: Subtraction,
    ignored: Mapping[str, Rows | None],
    noise: Mapping[str, InputNoise],
) -> Subtracted | None:
    common: dict[str, Any] = {
        "xy0": subtraction.difference.xy0,
        "has_seams": subtraction.grid is not None,
        "ignored": ignored,
        "described": tuple(name for name, source in noise.items() if source.origin != "sky"),
    }
    difference, pair = subtraction.difference.image, subtraction.pair
    if pair is not None:
        return Subtracted.of_pair(
            difference,
            pair.science.image,
            pair.template.image,
            pair.kernel,
            pair.convolved,
            scale=pair.scale,
            shared_variance=job.shared_variance,
            **common,
        )
    components = subtraction.components
    # What has another variance than its weight says is no linear combination.
    if not components or any(part.variance_factor != 1 for part in components.values()):
        return None
    terms = {
        name: Term(part.image.image, tuple(part.kernels), part.weight)
        for name, part in components.items()
    }
    return Subtracted(difference, terms, **common)
