"""What was assumed, left out or replaced while a difference image was whitened, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..exposure import own_names
from ..io.beside import mask_beside, noise_beside
from ..io.packing import added_variance
from .inputs import Inputs
from .job import Job
from .masks import FILTER_EDGE, with_filter_edge

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
    return [*_of_subtraction(inputs), *_of_noise(job, inputs), *_of_output(job, inputs)]


def file_notes(job: Job, inputs: Inputs) -> list[str]:
    """Say what of the files with images was mended, or is not used.

    Parameters
    ----------
    job : Job
        What was asked for.
    inputs : Inputs
        What the files hold.
    """
    subtraction = inputs.subtraction
    exposures = {job.difference: subtraction.difference}
    exposures |= {job.images[name].file: image for name, image in subtraction.images.items()}
    notes = [f"{path}: {note}" for path, exposure in exposures.items() for note in exposure.notes]
    notes += [note for noise in inputs.noise.values() for note in noise.notes]
    return [*notes, *_not_read(job, inputs), *subtraction.notes]


def _not_read(job: Job, inputs: Inputs) -> Iterator[str]:
    """Say which files beside the images seem to have the noise or the mask that they lack."""
    images = {"difference": (job.difference, inputs.subtraction.difference)}
    images |= {
        name: (job.images[name].file, image) for name, image in inputs.subtraction.images.items()
    }
    for name, (path, exposure) in images.items():
        lacks_noise = name != "difference" and inputs.noise[name].origin == "sky"
        noise = noise_beside(path) if lacks_noise else None
        if noise is not None:
            column = {"weight": "inverse_variance"}.get(noise[1], noise[1])
            yield _told(path, noise[0], name, noise[1], column)
        mask = mask_beside(path) if exposure.mask is None else None
        if mask is not None:
            yield _told(path, mask, name, "mask", "mask")


def _told(path: Path, found: Path, name: str, option: str, column: str) -> str:
    # Images of a combination stand in a table.
    taker = f"the column {column}" if name.startswith("input ") else f"--{name}-{option}"
    return f"{path}: found {found.name} beside it, which is not read: {taker} takes it"


def _of_subtraction(inputs: Inputs) -> Iterator[str]:
    subtraction = inputs.subtraction
    pair = subtraction.pair
    if "difference" in subtraction.images:
        yield "nothing but the difference is known: its noise is measured on itself"
    for name, component in subtraction.components.items():
        if component.variance_factor != 1:
            yield (
                f"{name} is no part of a sum: its variance is multiplied by "
                f"{component.variance_factor:g}, as stated"
            )
    if pair is not None:
        if not pair.convolved_is_known:
            yield "no file says which image was convolved: the template, by assumption"
        if pair.scale is None:
            usual = "1" if pair.convolved == "template" else "1 / kernel sum"
            yield f"no file says the scale of the difference: {usual}, by assumption"
    if inputs.psf is None:
        yield "no PSF is known: a Gaussian of sigma 1.7 pixels stands in where noise is measured"
    for value in subtraction.filled:
        yield f"pixels of exactly {value:g} have no value: they recur improbably often"


def _of_output(job: Job, inputs: Inputs) -> Iterator[str]:
    if FILTER_EDGE not in with_filter_edge(inputs.subtraction.difference.mask_planes):
        yield f"the mask has no bit for the plane {FILTER_EDGE}: edges of filters are not marked"
    if job.compress:
        yield (
            f"the image is stored in steps of its noise / {job.compress:g}, dithered: this adds "
            f"{added_variance(job.compress):.2g} of its variance"
        )


def _of_noise(job: Job, inputs: Inputs) -> Iterator[str]:
    for name, noise in inputs.noise.items():
        exposure = inputs.subtraction.images[name]
        covariance = job.images[name].covariance
        if covariance is not None:
            yield f"covariance of the {name} image: {covariance}"
        if exposure.variance is not None and noise.origin in ("number", "file"):
            yield f"the variance plane of the {name} image is not used"
        left_out = own_names(inputs.planes, exposure.mask_planes)
        if exposure.mask is not None and left_out:
            yield f"statistics of the {name} image leave out what is {', '.join(left_out)}"
