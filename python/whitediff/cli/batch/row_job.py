"""What a row of a manifest asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...subtraction import Job
from ...subtraction.colour import Remaining
from ..covariance import default_covariance, remaining
from ..figure import check_figure, check_report

__all__ = ["RowJob", "check_extras", "chosen_covariance"]


@dataclass(frozen=True, kw_only=True)
class RowJob(Job):
    """A job, what is drawn and recorded of it, and the task that does it.

    Attributes
    ----------
    plot, report, save_metadata : Path, optional
        Files to write besides the image, as the options of ``whitediff decorrelate``.
    config : Path, optional
        Configuration of the task.
    overrides : tuple of str
        ``name=value``, of single fields of it.
    was_tried : bool
        Whether the batch has tried it before: what it has written besides may be replaced.
    """

    plot: Path | None = None
    report: Path | None = None
    save_metadata: Path | None = None
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    was_tried: bool = False

    @property
    def inputs(self) -> list[Path]:
        """All files that are read."""
        return [*super().inputs, *([self.config] if self.config is not None else [])]

    @property
    def extras(self) -> list[Path]:
        """Files to write besides the image."""
        named = (self.plot, self.report, self.save_metadata)
        return [path for path in named if path is not None]

    @property
    def takes_task(self) -> bool:
        """Whether the decorrelation task does the work."""
        return bool(self.config or self.overrides or self.save_metadata)

    @property
    def image_alone(self) -> RowJob:
        """The same without what is written besides."""
        return replace(self, plot=None, report=None, was_tried=False)


def chosen_covariance(row: RowJob, settings: Mapping[str, Any]) -> Remaining | Path | None:
    """What remains of the colour: as the row says, or all rows, or the task, or nobody."""
    if row.covariance is not None:
        return row.covariance
    if settings["covariance"]:
        return remaining(settings["covariance"], Path())
    if row.takes_task:
        return None
    return default_covariance(blind=row.is_blind, preconvolved=settings["preconvolved"])


def check_extras(rows: Iterable[RowJob]) -> None:
    """Find out early whether figures and pages can be made.

    Raises
    ------
    click.UsageError
        If one is named as what it is not.
    ModuleNotFoundError
        If a package is missing.
    """
    for row in rows:
        if row.plot is not None:
            check_figure(row.plot)
        if row.report is not None:
            check_report(row.report)
