"""What was assumed, left out or replaced while a difference image was whitened, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..exposure import own_names
from .inputs import Inputs
from .job import Job

__all__ = ["assumptions", "file_notes"]


def assumptions(job: Job, inputs: Inputs) -> list[str]:
    """Say what no file and no option said, and what was left out.

    Parameters
    ----------
    job : Job
        What was asked for.
    inputs : Inputs
        What the files hold.
    """
    return [*_of_subtraction(inputs), *_of_noise(job, inputs)]


def file_notes(job: Job, inputs: Inputs) -> list[str]:
    """Say what of the files with images was mended, or is not used.

    Parameters
    ----------
    job : Job
        What was asked for.
    inputs : Inputs
        What the files hold.
    """
    exposures = {job.difference: inputs.subtraction.difference}
    pair = inputs.subtraction.pair
    if pair is not None and job.science is not None and job.template is not None:
        exposures |= {job.science: pair.science, job.template: pair.template}
    return [f"{path}: {note}" for path, exposure in exposures.items() for note in exposure.notes]


def _of_subtraction(inputs: Inputs) -> Iterator[str]:
    subtraction = inputs.subtraction
    pair = subtraction.pair
    if pair is None:
        yield "nothing but the difference is known: its noise is measured on itself"
    else:
        if not pair.convolved_is_known:
            yield "no file says which image was convolved: the template, by assumption"
        if pair.scale is None:
            usual = "1" if pair.convolved == "template" else "1 / kernel sum"
            yield f"no file says the scale of the difference: {usual}, by assumption"
    if inputs.psf is None:
        yield "no PSF is known: a Gaussian of sigma 1.7 pixels stands in where noise is measured"
    for value in subtraction.filled:
        yield f"pixels of exactly {value:g} have no value: they recur improbably often"


def _of_noise(job: Job, inputs: Inputs) -> Iterator[str]:
    pair = inputs.subtraction.pair
    for name, noise in inputs.noise.items():
        exposure = inputs.subtraction.difference if pair is None else getattr(pair, name)
        covariance = getattr(job, f"{name}_covariance", None)
        if covariance is not None:
            yield f"covariance of the {name} image: {covariance}"
        if exposure.variance is not None and noise.origin in ("number", "file"):
            yield f"the variance plane of the {name} image is not used"
        left_out = own_names(inputs.planes, exposure.mask_planes)
        if exposure.mask is not None and left_out:
            yield f"statistics of the {name} image leave out what is {', '.join(left_out)}"
