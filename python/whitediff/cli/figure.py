"""Figures and pages on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..exposure import Exposure
    from ..io.exposure_rows import ExposureRows
    from ..subtraction import WhitenedFile
    from ..whitening import Whitening

__all__ = ["check_figure", "check_report", "plot_result", "unit_of", "write_figure"]

_FORMATS = ("png", "pdf", "svg")
_DOTS_PER_INCH = 100


def check_figure(path: Path) -> None:
    """Find out early whether a figure can be drawn.

    Raises
    ------
    click.UsageError
        If its name does not end with a known format.
    ModuleNotFoundError
        If matplotlib is missing.
    """
    if _format(path) not in _FORMATS:
        raise click.UsageError(f"expected a figure named *.{', *.'.join(_FORMATS)}, got '{path}'")
    from .. import report  # noqa: F401


def check_report(path: Path) -> None:
    """Find out early whether a page can be made.

    Raises
    ------
    click.UsageError
        If its name does not end with .html.
    ModuleNotFoundError
        If a package is missing.
    """
    if path.suffix.lower() != ".html":
        raise click.UsageError(f"expected a page named *.html, got '{path}'")
    # All that is needed beyond the command itself.
    from ..report import content, page  # noqa: F401

    import_module("jinja2")
    import_module("photutils.detection")


def write_figure(
    path: Path,
    exposures: Sequence[tuple[str, Exposure]],
    planes: Sequence[str],
    *,
    overwrite: bool,
    whitening: Whitening | None = None,
) -> None:
    """Draw a `whitediff.report.whiteness_figure` and write it, atomically.

    Parameters
    ----------
    path : Path
        Name of the file.
    exposures : sequence of (str, Exposure)
        Titles, and what to show.
    planes : sequence of str
        Mask planes that statistics leave out.
    overwrite : bool
        Whether an existing file may be replaced.
    whitening : Whitening, optional
        What it was whitened with, to show the filters.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    from ..io import replace_file
    from ..io.atomic import writing
    from ..report import Picture, whiteness_figure
    from ..subtraction.masks import left_out

    pictures = [
        Picture(title, exposure.image.array, _variance(exposure), left_out(exposure, planes))
        for title, exposure in exposures
    ]
    units = {unit_of(exposure) for _, exposure in exposures}
    figure = whiteness_figure(pictures, unit=" / ".join(sorted(units)), whitened=whitening)
    with writing(path), replace_file(path, overwrite=overwrite) as file:
        figure.savefig(file, format=_format(path), dpi=_DOTS_PER_INCH)


def plot_result(whitened: WhitenedFile, path: Path, *, overwrite: bool) -> None:
    """Draw a whitened image beside what it was before, as `write_figure`; both are in memory."""
    with whitened.open() as (before, after):
        exposures = [("before", before.load()), ("after", after.load())]
    write_figure(
        path,
        exposures,
        whitened.planes,
        overwrite=overwrite,
        whitening=whitened.whitening,
    )


def unit_of(exposure: Exposure | ExposureRows) -> str:
    """Unit of the pixels."""
    return str(exposure.metadata.get("BUNIT") or "adu")


def _format(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def _variance(exposure: Exposure) -> Any:
    return None if exposure.variance is None else exposure.variance.array
