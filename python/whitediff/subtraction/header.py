"""Header cards that say how a whitened image was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astropy.io import fits

from .._core import __version__
from ..io.header_cards import card_text
from .facts import VERSION_KEYWORD, Facts
from .files import Subtraction
from .inputs import Inputs
from .job import Job
from .notices import assumptions, file_notes

__all__ = ["BATCH_KEYWORD", "whitened_header"]

BATCH_KEYWORD = "WDBATCH"


def whitened_header(job: Job, inputs: Inputs, facts: Facts) -> fits.Header:
    """Header of the difference image, with the story of its whitening.

    Parameters
    ----------
    job : Job
        What was asked for.
    inputs : Inputs
        What was whitened.
    facts : Facts
        How it was made.
    """
    subtraction = inputs.subtraction
    header = subtraction.difference.metadata.copy()
    # Pixels without a value are NaN in the result.
    header.remove("MASKVAL", ignore_missing=True)
    cards: dict[str, Any] = {
        VERSION_KEYWORD: (__version__, "version of whitediff"),
        # Names of files may leave no room for a comment.
        "WDDIFF": card_text(job.difference),
        "WDMODE": (job.options.mode, "white difference, or score (detection) image"),
        "WDVAR": (job.options.propagation, "propagation of the variance plane"),
        "WDCOV": _remaining(job),
    }
    for name, source in inputs.noise.items():
        if not job.combined:
            cards[f"WD{name[0].upper()}NOISE"] = (
                source.origin,
                "origin: number, file, plane or sky",
            )
    if job.options.mode == "score":
        cards["WDPRECON"] = (job.preconvolved, "science image was correlated with its PSF")
    pair = subtraction.pair
    if pair is not None:
        cards |= {
            "WDSCI": card_text(job.science),
            "WDTEMPL": card_text(job.template),
            "WDKERN": card_text(job.kernel),
            "WDCONV": (pair.convolved, "image that was convolved"),
        }
        if job.shared_variance:
            cards["WDSHARED"] = (job.shared_variance, "variance that both images share")
        if pair.scale is not None:
            cards["WDSCALE"] = (pair.scale, "factor on the difference, after subtraction")
    elif not job.is_blind:
        cards |= _of_combination(job, subtraction)
    if job.compress:
        cards["WDQUANT"] = (job.compress, "image is in steps of its noise over this")
    if job.batch is not None:
        cards[BATCH_KEYWORD] = (job.batch, "batch that made this file")
    for keyword, card in (cards | facts.cards).items():
        header[keyword] = card
    header.add_history(f"Noise whitened by whitediff {__version__}, keywords WD...")
    for name, source in inputs.noise.items():
        header.add_history(card_text(f"Variance of the {name} image: {source.description}"))
    for assumption in assumptions(job, inputs):
        header.add_history(card_text(assumption[0].upper() + assumption[1:]))
    # What was mended of the difference stands there since it was read.
    written = "".join(header["HISTORY"])
    for note in file_notes(job, inputs):
        if note.partition(": ")[2] not in written:
            header.add_history(card_text(note))
    return header


def _of_combination(job: Job, subtraction: Subtraction) -> dict[str, Any]:
    """Cards of what is no difference of a pair of images with one scale."""
    if not job.combined:
        return {
            "WDSCI": card_text(job.science),
            "WDTEMPL": card_text(job.template),
            "WDKERN": card_text(job.kernel),
            "WDCONV": ("both", "image that was convolved"),
        }
    cards: dict[str, Any] = {"WDINPUTS": (len(job.combined), "images that were combined")}
    for n, component in enumerate(subtraction.components.values(), 1):
        cards[f"WDIN{n}"] = card_text(job.combined[n - 1].file)
        cards[f"WDWT{n}"] = (component.weight, "its weight")
    return cards


def _remaining(job: Job) -> tuple[str, str]:
    given = job.remaining
    if isinstance(given, str):
        return given, "what remains: auto, measured, none or given"
    return "given", card_text(given if isinstance(given, Path) else "in memory")
