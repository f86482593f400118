"""What to whiten, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..io.fits_file import check_name
from ..options import WhitenOptions

__all__ = ["Job", "JobError", "Side"]

Side = Literal["template", "science"]


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
class Job:
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
    science_variance, template_variance : float or Path, optional
        Variance of the raw pixels or its file; without it the image's variance plane, or else what
        is measured in its sky.
    psf : Path, optional
        File of the PSF of the difference (mode "score": of the science image).
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
    batch : str, optional
        Name of the batch that this belongs to, for the header.

    Raises
    ------
    ValueError
        If the options have a grid or bits of masks; if the output is named as a compressed file.
    """

    science: Path
    template: Path
    difference: Path
    kernel: Path
    output: Path
    convolved: Side | None = None
    scale: float | None = None
    science_variance: float | Path | None = None
    template_variance: float | Path | None = None
    psf: Path | None = None
    ignore_planes: Sequence[str] = ()
    no_value_planes: Sequence[str] = ()
    options: WhitenOptions = WhitenOptions()
    overwrite: bool = False
    batch: str | None = None

    def __post_init__(self) -> None:
        check_name(self.output, "output")
        for name in ("grid", "ignore_mask", "no_value_mask"):
            value = getattr(self.options, name)
            if value:
                raise ValueError(f"options.{name} must not be given for files, got {value!r}")

    @property
    def inputs(self) -> list[Path]:
        """All files that are read."""
        others = (self.science_variance, self.template_variance, self.psf)
        return [
            self.science,
            self.template,
            self.difference,
            self.kernel,
            *(path for path in others if isinstance(path, Path)),
        ]
