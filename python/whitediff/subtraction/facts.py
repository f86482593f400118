"""What is known of how an image was whitened, under the names that it has everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from ..covariance import NoiseCovariance
from ..whitening import VERSION_KEYWORD, Whitening

__all__ = ["FACT_COLUMNS", "VERSION_KEYWORD", "Column", "Facts", "colour_facts"]

# Of a text that fills a header card.
_CARD_LENGTH = 67


class Column(NamedTuple):
    """A column of a table of results."""

    name: str
    kind: type
    unit: str | None
    description: str


def _fact(
    task: str,
    keyword: str,
    comment: str,
    column: Column | None = None,
    card: Callable[[Any], Any] = lambda value: value,
) -> Any:
    """Declare a fact that may be unknown.

    Parameters
    ----------
    task : str
        Its name in the metadata of tasks.
    keyword, comment : str
        Its header card.
    column : Column, optional
        Where it stands in a table of results.
    card : callable, optional
        What the card tells of the value.
    """
    names = {"task": task, "keyword": keyword, "comment": comment, "column": column, "card": card}
    return field(default=None, metadata=names)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of how an image was whitened; None where it is not known.

    Attributes
    ----------
    filters, cells : int
        Number of filters and of cells.
    science_variance, template_variance : float
        Mean variance of the raw pixels.
    difference_variance : float
        The same of a difference image of which nothing else is known.
    border : int
        Pixels read beyond each cell.
    clipped_modes : int
        Fourier modes at the power floor, over all filters.
    threads : int
        Threads used.
    marked, not_finite, too_large : int
        Pixels of the difference without a value, by what tells so.
    unknown_science, unknown_template, unknown_difference : int
        Pixels whose variance is not known.
    unknown_inputs : int
        The same of all images of a combination together.
    masked_means : bool
        Whether an image had no known variance but under its mask.
    covariance_applied : bool
        Whether filters take account of what remains of the noise's colour.
    covariance_variance : float
        Variance of the pixels over what variances say.
    covariance_largest : float
        The largest correlation of two pixels.
    covariance_power : float
        Its power at k = 0.
    covariance_psf_scale, covariance_psf_scale_error : float
        Variance of a matched filter over what variances say, and its sampling error.
    covariance_variation : float
        Greatest departure of ``covariance_psf_scale`` in the frame from its mean, over it.
    covariance_scatter : float
        As `NoiseCovariance.scatter`.
    covariance_pixels : int
        Pixels that it was measured on.
    verdict : str
        As `Verdict.status`.
    cause : str
        What is likely to be wrong; empty if nothing is.
    agreement : float
        As `Verdict.agreement`.
    """

    filters: int | None = _fact(
        "nFilters", "WDVARY", "filter varies over the frame", card=lambda number: number > 1
    )
    science_variance: float | None = _fact(
        "scienceVariance",
        "WDSVAR",
        "mean variance of raw science pixels",
        Column(
            "science_variance_mean", float, None, "of raw science pixels, in image_unit squared"
        ),
    )
    template_variance: float | None = _fact(
        "templateVariance",
        "WDTVAR",
        "mean variance of raw template pixels",
        Column(
            "template_variance_mean", float, None, "of raw template pixels, in image_unit squared"
        ),
    )
    difference_variance: float | None = _fact(
        "blindVariance",
        "WDDVAR",
        "mean variance of the difference itself",
        Column(
            "difference_variance_mean",
            float,
            None,
            "of the difference, where nothing else is known, in image_unit squared",
        ),
    )
    cells: int | None = _fact(
        "nCells", "WDCELLS", "number of cells", Column("cells", int, None, "number of cells")
    )
    border: int | None = _fact(
        "border",
        "WDBORDER",
        "[pixel] read beyond each cell",
        Column("border", int, "pix", "pixels read beyond each cell"),
    )
    clipped_modes: int | None = _fact("clippedModes", "WDCLIP", "Fourier modes at the power floor")
    threads: int | None = _fact("nThreads", "WDTHREAD", "threads")
    marked: int | None = _fact("gapsMarked", "WDMARKED", "pixels without a value: the mask says so")
    not_finite: int | None = _fact("gapsNotFinite", "WDNOTFIN", "others: not finite")
    too_large: int | None = _fact(
        "gapsTooLarge", "WDTOOLRG", "others: larger than any pixel can be"
    )
    unknown_science: int | None = _fact(
        "unknownScienceVariances", "WDSUNKN", "science variances not known: the mean is used"
    )
    unknown_template: int | None = _fact(
        "unknownTemplateVariances", "WDTUNKN", "template variances not known: the mean is used"
    )
    unknown_difference: int | None = _fact(
        "unknownBlindVariances", "WDDUNKN", "its variances not known: the mean stands in"
    )
    unknown_inputs: int | None = _fact(
        "unknownInputVariances", "WDIUNKN", "input variances not known: the mean is used"
    )
    masked_means: bool | None = _fact(
        "maskedMeans", "WDMMEAN", "means of masked pixels, for want of others"
    )
    covariance_applied: bool | None = _fact(
        "covarianceApplied",
        "WDCAPPL",
        "filters know the noise covariance that remains",
        Column("covariance_applied", bool, None, "whether filters know what remains of it"),
    )
    covariance_variance: float | None = _fact(
        "covarianceVariance",
        "WDCVAR",
        "variance of pixels, over the plane",
        Column("covariance_variance", float, None, "variance of pixels over the variances"),
    )
    covariance_largest: float | None = _fact(
        "covarianceLargest",
        "WDCLARG",
        "largest correlation of two pixels",
        Column("covariance_largest", float, None, "largest correlation of two pixels"),
    )
    covariance_power: float | None = _fact(
        "covariancePower",
        "WDCPOW",
        "its power at k = 0, over the variance plane",
        Column("covariance_power", float, None, "noise power at k = 0 over the variances"),
    )
    covariance_psf_scale: float | None = _fact(
        "covariancePsfScale",
        "WDCPSF",
        "variance of a matched filter, over the plane",
        Column(
            "covariance_psf_scale", float, None, "variance of a matched filter over the variances"
        ),
    )
    covariance_psf_scale_error: float | None = _fact(
        "covariancePsfScaleError",
        "WDCPSFE",
        "sampling error of the same",
        Column("covariance_psf_scale_error", float, None, "its sampling error"),
    )
    covariance_variation: float | None = _fact(
        "covarianceVariation",
        "WDCVARY",
        "its greatest departure in the frame, relative",
        Column(
            "covariance_variation", float, None, "greatest departure of it in the frame, over it"
        ),
    )
    covariance_scatter: float | None = _fact(
        "covarianceScatter",
        "WDCSCAT",
        "what its lags differ by from part to part, rms",
        Column("covariance_scatter", float, None, "what its lags differ by from part to part, rms"),
    )
    covariance_pixels: int | None = _fact(
        "covariancePixels",
        "WDCPIX",
        "pixels that tell the covariance",
        Column("covariance_pixels", int, None, "pixels that tell the covariance"),
    )
    verdict: str | None = _fact(
        "verdict",
        "WDVERDCT",
        "white, corrected, suspect or unknown",
        Column("verdict", str, None, "white, corrected, suspect or unknown"),
    )
    cause: str | None = _fact(
        "cause",
        "WDCAUSE",
        "",
        Column("cause", str, None, "what is likely to be wrong"),
        card=lambda text: str(text)[:_CARD_LENGTH],
    )
    agreement: float | None = _fact(
        "agreement",
        "WDAGREE",
        "of the scatter is not what images make",
        Column("agreement", float, None, "part of the scatter that images and kernel do not make"),
    )

    @classmethod
    def of(
        cls,
        whitening: Whitening,
        sources: Sequence[str] = ("science", "template"),
        *,
        shared_variance: float = 0.0,
    ) -> Facts:
        """Facts of what `whitediff.decorrelate` and functions like it give.

        Parameters
        ----------
        whitening : Whitening
            What was done.
        sources : sequence of str, optional
            The names of its sources, but for what they share; those of a combination, which have
            no fact of their own, are taken together.
        shared_variance : float, optional
            What they share: a source of its own, and a part of the variance of the others.
        """
        means = np.nanmean(whitening.cells.variances, axis=0)
        others: dict[str, Any] = dict(whitening.gaps)
        if whitening.covariance is not None:
            others |= colour_facts(whitening.covariance, applied=whitening.covariance_applied)
        known = {fact.name for fact in fields(cls)}
        for name, mean, unknown in zip(sources, means, whitening.unknown_variances, strict=False):
            if f"unknown_{name}" in known:
                others |= {
                    f"{name}_variance": float(mean) + shared_variance,
                    f"unknown_{name}": unknown,
                }
            else:
                others["unknown_inputs"] = others.get("unknown_inputs", 0) + unknown
        return cls(
            filters=len(whitening.cells.centers),
            cells=len(whitening.cells),
            border=whitening.border,
            clipped_modes=whitening.clipped_modes,
            threads=whitening.n_threads,
            masked_means=whitening.masked_means,
            **others,
        )

    @classmethod
    def of_task(cls, metadata: Mapping[str, Any]) -> Facts:
        """Facts that a task has recorded in its metadata."""
        return cls(**{fact.name: metadata.get(fact.metadata["task"]) for fact in fields(cls)})

    @classmethod
    def to_come(cls) -> Facts:
        """Numbers that take as much room in a header as those that are not known yet."""
        numbers: dict[str, Any] = {fact.name: 0 for fact in fields(cls)}
        return cls(**numbers | {"masked_means": False, "covariance_applied": False})

    @property
    def notices(self) -> list[str]:
        """What was taken for no pixel, or no variance, in words; nothing if there was none."""
        notices = []
        gaps = {
            "marked by the mask": self.marked,
            "not finite": self.not_finite,
            "larger than any pixel can be": self.too_large,
        }
        if any(gaps.values()):
            parts = ", ".join(f"{number} {why}" for why, number in gaps.items() if number)
            notices.append(f"pixels without a value: {parts}")
        for name, number in (
            ("science", self.unknown_science),
            ("template", self.unknown_template),
            ("difference", self.unknown_difference),
            ("input", self.unknown_inputs),
        ):
            if number:
                notices.append(f"{name} variances that are not known: {number}, the mean stands in")
        if self.masked_means:
            notices.append("no variance is known but under the mask: its mean may be wrong")
        return notices

    @property
    def colour(self) -> str:
        """What was found to remain of the noise's colour, and done; nothing if nothing was."""
        if self.covariance_psf_scale is None:
            return ""
        numbers = (
            f"power {self.covariance_psf_scale:.4f} on the scale of the PSF, "
            f"{self.covariance_power:.4f} at k = 0"
        )
        if self.covariance_variation:
            numbers += f", varies by up to {100 * self.covariance_variation:.1f} %"
        if self.covariance_scatter:
            numbers += f", lags differ by {self.covariance_scatter:.2f} from part to part besides"
        if self.covariance_pixels is None:
            return f"noise covariance: {numbers}, as given: applied"
        done = "applied" if self.covariance_applied else "not beyond doubt, not applied"
        return (
            f"noise covariance: {numbers}, +- {self.covariance_psf_scale_error:.4f} from "
            f"{self.covariance_pixels} pixels: {done}"
        )

    @property
    def cards(self) -> dict[str, tuple[Any, str]]:
        """Header cards, (value, comment), by their keywords."""
        return {
            fact.metadata["keyword"]: (fact.metadata["card"](value), fact.metadata["comment"])
            for fact in fields(self)
            if (value := getattr(self, fact.name)) is not None
        }

    @property
    def row(self) -> dict[str, Any]:
        """Cells of a row in a table of results, by the names of their columns."""
        return {
            fact.metadata["column"].name: getattr(self, fact.name)
            for fact in fields(self)
            if fact.metadata["column"] is not None
        }


def colour_facts(covariance: NoiseCovariance, *, applied: bool) -> dict[str, Any]:
    """Facts of what remains of the noise's colour.

    Parameters
    ----------
    covariance : NoiseCovariance
        What was measured, or given.
    applied : bool
        Whether the filters take account of it.
    """
    return {
        "covariance_applied": applied,
        "covariance_variance": covariance.variance,
        "covariance_largest": covariance.largest_correlation,
        "covariance_power": covariance.power_at_zero,
        "covariance_psf_scale": covariance.psf_scale,
        "covariance_psf_scale_error": covariance.psf_scale_error,
        "covariance_variation": covariance.variation,
        "covariance_scatter": covariance.scatter,
        "covariance_pixels": covariance.n_pixels,
    }


FACT_COLUMNS: list[Column] = [
    fact.metadata["column"] for fact in fields(Facts) if fact.metadata["column"] is not None
]
"""Columns of a table of results, in their order."""
