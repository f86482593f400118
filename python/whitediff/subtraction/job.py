"""What to whiten, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..io.file_names import bare
from ..io.noise_planes import NoiseFile
from ..io.packing import check_name, is_tiled
from ..kernel import Side
from ..options import Covariance, WhitenOptions
from .colour import InputCovariance, Remaining

__all__ = ["InputImage", "Job", "JobError"]


class JobError(ValueError):
    """A field of a `Job` that is missing, or at odds with the files.

    Parameters
    ----------
    before, field, after : str
        The message, with the name of the field in its middle: who asks for a job in another
        language may spell that name in its own way.
    """

    def __init__(self, before: str, field: str, after: str) -> None:
        super().__init__(before, field, after)

    def __str__(self) -> str:
        return "".join(self.args)


@dataclass(frozen=True, kw_only=True)
class InputImage:
    """One of the images that an image was made of, and what became of it there.

    Attributes
    ----------
    file : Path
        Its file.
    variance : float, Path or NoiseFile, optional
        Variance of its raw pixels or the file of that, or one of standard deviations or weights;
        without it the image's variance plane, or else what is measured in its sky.
    mask : Path, optional
        File of its mask, in place of a plane of its own file.
    covariance : Path or Resampling, optional
        How the noise of its pixels goes together; without it they are independent.
    kernels : sequence of Path
        Files of the kernels that it was convolved with.
    weight : float
        What it was multiplied by, with its sign.
    variance_factor : float
        Variance of what was made of it, over that of the sum with these weights: 1.57 where it is
        one of many of which the median was taken.

    Raises
    ------
    ValueError
        If the weight is not finite, or the factor not finite and positive.
    """

    file: Path
    variance: float | Path | NoiseFile | None = None
    mask: Path | None = None
    covariance: InputCovariance | None = None
    kernels: Sequence[Path] = ()
    weight: float = 1.0
    variance_factor: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise ValueError(f"weight must be finite, got {self.weight}")
        if not (math.isfinite(self.variance_factor) and self.variance_factor > 0):
            raise ValueError(
                f"variance_factor must be finite and positive, got {self.variance_factor}"
            )


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to whiten, and how.

    Attributes
    ----------
    difference : Path
        File of the difference image.
    science, template, kernel : Path, optional
        The other files of the subtraction: all of them, or none. With none, noise is measured on
        the difference itself.
    combined : sequence of InputImage
        In place of a pair: the images of which the difference is any other linear combination.
    output : Path
        FITS file to write, compressed if its name ends with .fits.fz or .fits.gz.
    compress : float, optional
        With .fits.fz: the image is stored in steps of its noise over this number, dithered;
        without it, or with 0, to the last bit. Mask and variance always are.
    convolved : {"template", "science"}, optional
        Image that was convolved, where the files do not say it.
    scale : float, optional
        Factor on the difference after the subtraction, where the files do not say it.
    science_variance, template_variance : float, Path or NoiseFile, optional
        Variance of the raw pixels or its file, or one of standard deviations or weights; without it
        the image's variance plane, or else what is measured in its sky.
    science_mask, template_mask, difference_mask : Path, optional
        Files of masks, in place of planes of the images' own files.
    science_covariance, template_covariance : Path or Resampling, optional
        How the noise of its pixels goes together: a FITS image of lags, in units of its variance,
        or an interpolation; without it they are independent.
    shared_variance : float
        Noise that science image and template have in common; as of `whitediff.decorrelate`.
    covariance : {"none", "auto", "measured"} or Path, optional
        What remains of the noise's colour, in place of what the options say; a FITS image of lags.
    psf : Path, optional
        File of the PSF of the difference (preconvolved: of the science image).
    preconvolved : bool
        Mode "score": whether the science image was correlated with its PSF before the subtraction.
    ignore_planes : sequence of str
        Mask planes that statistics leave out; without any, the usual ones.
    no_value_planes : sequence of str
        Mask planes of the difference whose pixels have no value: they become NaN; without any,
        NO_DATA.
    options : WhitenOptions
        How to whiten; cells are found, and masks are told by `ignore_planes` and
        `no_value_planes`.
    overwrite : bool
        Whether an existing output may be replaced.
    again : bool
        Whether a difference whose noise seems to be white already is whitened all the same.
    batch : str, optional
        Name of the batch that this belongs to, for the header.

    Raises
    ------
    ValueError
        If the options have a grid or bits of masks; if the output is named as one
        that is compressed otherwise.
    JobError
        If some of science, template and kernel are missing, and others are not; if something is
        given that needs them, or comes with a combination; if preconvolved comes without mode
        "score".
    """

    difference: Path
    output: Path
    science: Path | None = None
    template: Path | None = None
    kernel: Path | None = None
    combined: Sequence[InputImage] = ()
    convolved: Side | None = None
    scale: float | None = None
    science_variance: float | Path | NoiseFile | None = None
    template_variance: float | Path | NoiseFile | None = None
    science_mask: Path | None = None
    template_mask: Path | None = None
    difference_mask: Path | None = None
    science_covariance: InputCovariance | None = None
    template_covariance: InputCovariance | None = None
    shared_variance: float = 0.0
    covariance: Remaining | Path | None = None
    psf: Path | None = None
    preconvolved: bool = False
    ignore_planes: Sequence[str] = ()
    no_value_planes: Sequence[str] = ()
    options: WhitenOptions = WhitenOptions()
    overwrite: bool = False
    again: bool = False
    batch: str | None = None
    compress: float | None = None

    def __post_init__(self) -> None:
        check_name(self.output, "output")
        if self.compress is not None:
            if not is_tiled(self.output):
                raise JobError(
                    "", "compress", f" needs an output named .fits.fz, got {self.output}"
                )
            if not (self.compress == 0 or 1 <= self.compress < math.inf):
                raise JobError("", "compress", f" must be 0, or 1 or more, got {self.compress:g}")
        for name in ("grid", "ignore_mask", "no_value_mask"):
            value = getattr(self.options, name)
            if value:
                raise ValueError(f"options.{name} must not be given for files, got {value!r}")
        if self.preconvolved and self.options.mode != "score":
            raise JobError("", "preconvolved", " must come with mode score, got mode difference")
        if self.combined:
            self._check_combined()
            return
        missing = [name for name in _PAIR if getattr(self, name) is None]
        if len(missing) in (1, 2):
            both = f", as is {missing[1]}" if len(missing) == 2 else ""
            raise JobError(
                "", missing[0], f" is missing{both}: give science, template and kernel, or none"
            )
        if missing:
            self._check_blind()

    def _check_combined(self) -> None:
        for name in (*_PAIR, *_NEEDING_PAIR, "preconvolved"):
            if getattr(self, name) not in (None, 0.0, False):
                raise JobError("", name, " is for a pair of images, not for a combination")

    def _check_blind(self) -> None:
        for name in _NEEDING_PAIR:
            if getattr(self, name) not in (None, 0.0):
                raise JobError("", name, " needs science, template and kernel")
        if self.options.mode != "difference":
            raise JobError(f"mode {self.options.mode} needs science, template and ", "kernel", "")
        if self.covariance == "none":
            raise JobError(
                "", "covariance", " none leaves nothing to whiten with, without a kernel"
            )

    @property
    def is_blind(self) -> bool:
        """Whether nothing but the difference is known."""
        return self.kernel is None and not self.combined

    @property
    def images(self) -> Mapping[str, InputImage]:
        """The images whose noise is in the difference, by their names; itself if it is blind."""
        if self.combined:
            return {f"input {n}": image for n, image in enumerate(self.combined, 1)}
        if self.science is None or self.template is None:
            return {"difference": InputImage(file=self.difference, mask=self.difference_mask)}
        return {
            "science": InputImage(
                file=self.science,
                variance=self.science_variance,
                mask=self.science_mask,
                covariance=self.science_covariance,
            ),
            "template": InputImage(
                file=self.template,
                variance=self.template_variance,
                mask=self.template_mask,
                covariance=self.template_covariance,
            ),
        }

    @property
    def remaining(self) -> Covariance | Path:
        """What remains of the noise's colour, all things considered."""
        if self.covariance is not None:
            return self.covariance
        given = self.options.covariance
        return "measured" if self.is_blind and given == "none" else given

    @property
    def inputs(self) -> list[Path]:
        """All files that are read, without the extensions that are asked for."""
        images = self.images.values()
        files: list[Any] = [*(image.file for image in images), self.difference, self.kernel]
        for image in images:
            noise = image.variance
            files.append(noise.path if isinstance(noise, NoiseFile) else noise)
            files += [image.mask, image.covariance, *image.kernels]
        files += [self.difference_mask, self.covariance, self.psf]
        return list(dict.fromkeys(bare(path) for path in files if isinstance(path, Path)))


_PAIR = ("science", "template", "kernel")
_NEEDING_PAIR = (
    "convolved",
    "scale",
    "science_variance",
    "template_variance",
    "science_mask",
    "template_mask",
    "science_covariance",
    "template_covariance",
    "shared_variance",
)
