"""Pages about whitened images, in one file each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io import replace_file
from ..io.atomic import writing
from ..subtraction import WhitenedFile

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["rendered", "write_report"]


def write_report(
    whitened: WhitenedFile,
    path: str | os.PathLike[str],
    *,
    threshold: float = 5.0,
    overwrite: bool = False,
) -> None:
    """Write a page about a whitened image: one HTML file that asks nothing of any network.

    It has the verdict; parts of the image in S/N before and after, with what is detected; variance,
    correlation and noise on the scale of a star over the frame; noise power against its model; the
    filters; what images and kernel do not make of the difference; detections against threshold, and
    how many chance makes; a table of detections; and how the image was made.

    Parameters
    ----------
    whitened : WhitenedFile
        What `whitediff.subtraction.whiten_files` gave; its files are read in bands.
    path : path-like
        The page.
    threshold : float, optional
        Least absolute significance of a detection.
    overwrite : bool, optional
        Whether an existing page may be replaced.

    Raises
    ------
    ModuleNotFoundError
        If a package of the extra ``report`` is missing.
    OSError, ValueError
        If a file is not what it was.
    WriteError
        If the page cannot be written.
    """
    from .content import content

    text = rendered("report.html", content(whitened, threshold))
    with writing(path), replace_file(Path(path), overwrite=overwrite) as file:
        file.write(text.encode())


def rendered(template: str, values: dict[str, Any]) -> str:
    """Fill in a template."""
    return _environment().get_template(template).render(values)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(__package__ or "whitediff.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
