"""What is known of how an image was whitened, under the names that it has everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from ..whitening import Whitening

__all__ = ["FACT_COLUMNS", "VERSION_KEYWORD", "Column", "Facts"]

VERSION_KEYWORD = "WDVERSN"
"""What every whitened image has: the version of whitediff."""


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
    border : int
        Pixels read beyond each cell.
    clipped_modes : int
        Fourier modes at the power floor, over all filters.
    threads : int
        Threads used.
    marked, not_finite, too_large : int
        Pixels of the difference without a value, by what tells so.
    unknown_science, unknown_template : int
        Pixels whose variance is not known.
    masked_means : bool
        Whether an image had no known variance but under its mask.
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
        "unknownScienceVariances", "WDSUNKN", "science variances not known: mean stands in"
    )
    unknown_template: int | None = _fact(
        "unknownTemplateVariances", "WDTUNKN", "template variances not known: mean stands in"
    )
    masked_means: bool | None = _fact(
        "maskedMeans", "WDMMEAN", "means of masked pixels, for want of others"
    )

    @classmethod
    def of(cls, whitening: Whitening) -> Facts:
        """Facts of what `whitediff.decorrelate` or `whitediff.decorrelate_bands` give."""
        science, template = np.nanmean(whitening.cells.variances, axis=0)
        return cls(
            filters=len(whitening.cells.centers),
            science_variance=float(science),
            template_variance=float(template),
            cells=len(whitening.cells),
            border=whitening.border,
            clipped_modes=whitening.clipped_modes,
            threads=whitening.n_threads,
            **whitening.gaps,
            unknown_science=whitening.unknown_variances[0],
            unknown_template=whitening.unknown_variances[1],
            masked_means=whitening.masked_means,
        )

    @classmethod
    def of_task(cls, metadata: Mapping[str, Any]) -> Facts:
        """Facts that a task has recorded in its metadata."""
        return cls(**{fact.name: metadata.get(fact.metadata["task"]) for fact in fields(cls)})

    @classmethod
    def to_come(cls) -> Facts:
        """Numbers that take as much room in a header as those that are not known yet."""
        numbers: dict[str, Any] = {fact.name: 0 for fact in fields(cls)}
        return cls(**numbers | {"masked_means": False})

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
        ):
            if number:
                notices.append(f"{name} variances that are not known: {number}, the mean stands in")
        if self.masked_means:
            notices.append("no variance is known but under the mask: its mean may be wrong")
        return notices

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


FACT_COLUMNS: list[Column] = [
    fact.metadata["column"] for fact in fields(Facts) if fact.metadata["column"] is not None
]
"""Columns of a table of results, in their order."""
