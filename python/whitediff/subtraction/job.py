"""One subtraction whitened, from files to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import whitediff

from .errors import writing
from .masks import check_planes, left_out
from .noise import InputNoise, input_noise, variance_of_file
from .outcome import Outcome, outcome_of_function
from .provenance import whitened_header
from .subtraction import Subtraction, read_subtraction

if TYPE_CHECKING:
    from astropy.io import fits

    from ..tasks import DecorrelateALKernelSpatialTask

__all__ = [
    "WhitenedFile",
    "Whitening",
    "core_options",
    "header_of",
    "input_noises",
    "input_psf",
    "whiten_files",
]


@dataclass(frozen=True, kw_only=True)
class Whitening:
    """What to whiten, and how.

    Attributes
    ----------
    science, template, difference, kernel : Path
        Files of the subtraction.
    output : Path
        FITS file to write.
    convolved : {"template", "science"}, optional
        Image that was convolved, where the files do not say it.
    scale : float, optional
        Factor on the difference after the subtraction, where the files do not say it.
    mode : {"difference", "score"}
        What the difference is.
    constant : bool
        Whether to use one filter for the frame.
    variance : {"estimate", "full"}
        How variance planes are propagated.
    science_variance, template_variance : float or Path, optional
        Variance of the raw pixels or its file; without it the image's variance plane, or else what
        is measured in its sky.
    psf : Path, optional
        File of the PSF of the difference (mode "score": of the science image).
    ignore_planes : sequence of str
        Mask planes that statistics leave out; without any, the usual ones.
    threads : int
        Number of threads; 0: all cores.
    overwrite : bool
        Whether an existing output may be replaced.
    batch : str, optional
        Name of the batch that this belongs to, for the header.
    """

    science: Path
    template: Path
    difference: Path
    kernel: Path
    output: Path
    convolved: Literal["template", "science"] | None = None
    scale: float | None = None
    mode: Literal["difference", "score"] = "difference"
    constant: bool = False
    variance: Literal["estimate", "full"] = "estimate"
    science_variance: float | Path | None = None
    template_variance: float | Path | None = None
    psf: Path | None = None
    ignore_planes: Sequence[str] = ()
    threads: int = 0
    overwrite: bool = False
    batch: str | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Files of the subtraction, by what they are."""
        names = ("science", "template", "difference", "kernel")
        return {name: getattr(self, name) for name in names}

    @property
    def inputs(self) -> list[Path]:
        """All files that are read."""
        others = (self.science_variance, self.template_variance, self.psf)
        return [*self.files.values(), *(path for path in others if isinstance(path, Path))]


@dataclass(frozen=True)
class WhitenedFile:
    """What was read, made and written.

    Attributes
    ----------
    subtraction : Subtraction
        The images and the matching kernel.
    planes : sequence of str
        Mask planes that the statistics left out.
    noise : mapping of str to InputNoise
        Of "science" and "template".
    outcome : Outcome
        The whitened image as it was written, and facts of how it was made.
    header : astropy.io.fits.Header
        That of the whitened image.
    """

    subtraction: Subtraction
    planes: Sequence[str]
    noise: Mapping[str, InputNoise]
    outcome: Outcome
    header: fits.Header


def whiten_files(
    whitening: Whitening,
    progress: Callable[[int, int], None],
    *,
    task: DecorrelateALKernelSpatialTask | None = None,
) -> WhitenedFile:
    """Read the files of a subtraction, whiten its difference image, and write the result.

    Parameters
    ----------
    whitening : Whitening
        What to whiten, and how.
    progress : callable
        Called as ``progress(done, total)``; raising cancels.
    task : DecorrelateALKernelSpatialTask, optional
        Task that does the work, in place of `whitediff.decorrelate`. What its configuration says
        of ``variance``, ``ignore_planes`` and ``threads`` holds.

    Raises
    ------
    OSError, TypeError, ValueError
        If an input is missing, or not as expected.
    WriteError
        If the output cannot be written.
    """
    subtraction = read_subtraction(
        **whitening.files, convolved=whitening.convolved, scale=whitening.scale
    )
    exposures = (subtraction.science, subtraction.template, subtraction.difference)
    planes = check_planes(whitening.ignore_planes, [e.mask.getMaskPlaneDict() for e in exposures])
    propagation = whitening.variance
    if task is not None:
        from .configuration import worker_of

        used = worker_of(task, constant=whitening.constant).config
        planes = tuple(used.ignoreMaskPlanes)
        propagation = "full" if used.completeVarPlanePropagation else "estimate"
    masks = [left_out(exposure, planes) for exposure in exposures]
    planes_of = [
        (e.image.array, None if e.variance is None else e.variance.array) for e in exposures
    ]
    noise = input_noises(whitening, planes_of, masks, variance_of_file)
    psf = input_psf(whitening, subtraction)
    if task is not None:
        from .task import outcome_of_task

        outcome = outcome_of_task(
            task,
            subtraction,
            noise,
            mode=whitening.mode,
            constant=whitening.constant,
            psf=psf,
            progress=progress,
        )
    else:
        result = whitediff.decorrelate(
            subtraction.difference.image.array,
            noise["science"].variance,
            noise["template"].variance,
            subtraction.kernel,
            **core_options(whitening, subtraction, masks, psf),
            xy0=tuple(subtraction.difference.getXY0()),
            progress=progress,
        )
        outcome = outcome_of_function(subtraction.difference, result)
    header = header_of(whitening, subtraction, outcome.facts, noise, propagation)
    outcome.exposure.setMetadata(header)
    with writing(whitening.output):
        outcome.exposure.write(whitening.output, overwrite=whitening.overwrite)
    return WhitenedFile(subtraction, planes, noise, outcome, header)


def input_noises(
    whitening: Whitening,
    planes: Sequence[tuple[Any, Any]],
    masks: Sequence[Any],
    read: Callable[[Path], Any],
) -> dict[str, InputNoise]:
    """Variances of "science" and "template".

    Parameters
    ----------
    whitening : Whitening
        What is given of them.
    planes : sequence of (image, variance)
        Of each input, in memory or by rows.
    masks : sequence
        Pixels to leave out, likewise.
    read : callable
        As for `input_noise`.
    """
    given = (
        ("science", whitening.science_variance, whitening.science),
        ("template", whitening.template_variance, whitening.template),
    )
    return {
        name: input_noise(variance, *of_input, path, mask, read)
        for (name, variance, path), of_input, mask in zip(given, planes, masks, strict=False)
    }


def core_options(
    whitening: Whitening, subtraction: Subtraction, masks: Sequence[Any], psf: Any
) -> dict[str, Any]:
    """Options that `whitediff.decorrelate` and `whitediff.decorrelate_bands` share."""
    return {
        "convolved": subtraction.convolved,
        "mode": whitening.mode,
        "spatially_varying": not whitening.constant,
        "variance": whitening.variance,
        "scale": subtraction.scale,
        "science_mask": masks[0],
        "template_mask": masks[1],
        "mask": masks[2],
        "psf": psf,
        "n_threads": whitening.threads,
    }


def header_of(
    whitening: Whitening,
    subtraction: Subtraction,
    facts: Mapping[str, Any],
    noise: Mapping[str, InputNoise],
    propagation: str,
) -> fits.Header:
    """Header of the whitened image; see `whitened_header`."""
    return whitened_header(
        subtraction,
        facts,
        noise,
        whitening.files,
        mode=whitening.mode,
        propagation=propagation,
        batch=whitening.batch,
    )


def input_psf(whitening: Whitening, subtraction: Subtraction) -> Any:
    """PSF of the difference, or of the science image in mode "score"; None if not known."""
    if whitening.psf is not None:
        from ..io import read_kernel

        return read_kernel(whitening.psf).kernel
    science, template = subtraction.science.psf, subtraction.template.psf
    if whitening.mode == "score":
        if science is None:
            raise ValueError("mode score needs the PSF of the science image: give --psf FILE")
        return science
    unconvolved = science if subtraction.convolved == "template" else template
    return subtraction.difference.psf or unconvolved
