"""What a run leaves behind: a figure, a page, lines on the terminal, an exit status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .figure import plot_result

if TYPE_CHECKING:
    from ..subtraction import WhitenedFile

__all__ = ["show_result"]

_SUSPECT = 3


def show_result(
    context: click.Context,
    whitened: WhitenedFile,
    plot: Path | None,
    report: Path | None,
    *,
    overwrite: bool,
    strict: bool,
) -> None:
    """Draw and write what is asked for, say what was done, and leave with the verdict's status.

    Parameters
    ----------
    context : click.Context
        Of the command.
    whitened : WhitenedFile
        What was done.
    plot : Path, optional
        The figure to write.
    report : Path, optional
        The page to write.
    overwrite : bool
        Whether existing files may be replaced.
    strict : bool
        Whether something that is likely to be wrong shows in the status.
    """
    if plot is not None:
        plot_result(whitened, plot, overwrite=overwrite)
    if report is not None:
        from ..report import write_report

        write_report(whitened, report, overwrite=overwrite)
    _tell(whitened)
    if strict and whitened.verdict.status == "suspect":
        context.exit(_SUSPECT)


def _tell(whitened: WhitenedFile) -> None:
    """Say what was done."""
    facts = whitened.facts
    for name, origin in whitened.noise.items():
        variance = getattr(facts, f"{name}_variance", None)
        number = "" if variance is None else f" {variance:.6g}"
        click.echo(f"{name} variance{number}: {origin}")
    why = " (no noise is usable)" if whitened.job.remaining == "auto" else ""
    click.echo(facts.colour or f"noise covariance: not measured{why}")
    for notice in (*whitened.assumptions, *facts.notices):
        click.echo(notice)
    border = "" if facts.border is None else f" with a border of {facts.border} pixels"
    click.echo(f"{whitened.job.output}: whitened in {facts.cells} cells{border}")
    judged = whitened.verdict
    click.echo(f"{judged.status}: {judged.summary}")
    for cause in judged.causes:
        click.echo(f"  likely: {cause}")
