"""PSFs of what is whitened, and of what comes of it."""

from __future__ import annotations

from typing import Any

from ..io import read_psf
from ..psf import CellPsf, KernelPsf, sampled_psf
from ..whitening import Whitening
from .files import Subtraction
from .job import Job, JobError

__all__ = ["input_psf", "whitened_psf"]


def input_psf(job: Job, subtraction: Subtraction) -> Any:
    """PSF of the difference, or of the science image if it is preconvolved; None if not known.

    Raises
    ------
    JobError
        If mode "score" has no PSF.
    """
    if job.psf is not None:
        return read_psf(job.psf, xy0=subtraction.difference.xy0)
    pair = subtraction.pair
    if pair is None:
        psf, owner = subtraction.difference.psf, "difference"
    elif job.preconvolved:
        psf, owner = pair.science.psf, "science image"
    else:
        unconvolved = pair.science if pair.convolved == "template" else pair.template
        psf, owner = subtraction.difference.psf or unconvolved.psf, "difference"
    if psf is None and job.options.mode == "score":
        raise JobError(f"mode score needs the PSF of the {owner}: give ", "psf", " FILE")
    return psf


def whitened_psf(whitening: Whitening, xy0: tuple[int, int]) -> KernelPsf | CellPsf | None:
    """PSF of a whitened image whose pixel [0, 0] is at `xy0`."""
    if not whitening.bank.has_psf:
        return None
    psf = sampled_psf(whitening, xy0)
    return psf.getPsf(0) if psf.getComponentCount() == 1 else psf
