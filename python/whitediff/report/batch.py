"""A page with a table of many subtractions, from which those about each are reached."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..io import replace_file
from ..io.atomic import writing
from ..statistics import with_error
from .page import rendered

__all__ = ["Entry", "write_index"]

_WORST_FIRST = ("failed", "suspect", "unknown", "waiting", "corrected", "white")


@dataclass(frozen=True)
class Entry:
    """A subtraction as the table has it.

    Attributes
    ----------
    image : Path
        The whitened image.
    page : Path or None
        The page about it, if there is one.
    outcome : mapping of str to object
        What became of it, by the names that tables of results have.
    carried : sequence of object
        What the table says of it besides.
    """

    image: Path
    page: Path | None
    outcome: Mapping[str, Any]
    carried: Sequence[Any] = ()

    @property
    def status(self) -> str:
        """The verdict; "failed" or "waiting" if there is none."""
        status = str(self.outcome.get("status"))
        return str(self.outcome.get("verdict") or "unknown") if status == "done" else status

    @property
    def rank(self) -> tuple[int, float]:
        """What entries are sorted by: verdicts, and how far variances are from their planes."""
        off = abs(float(self.outcome.get("variance_ratio_after", 1.0)) - 1.0)
        return _WORST_FIRST.index(self.status), -off


def write_index(
    entries: Sequence[Entry],
    path: str | os.PathLike[str],
    *,
    name: str,
    columns: Sequence[str] = (),
    overwrite: bool = False,
) -> None:
    """Write a page with a table of subtractions, the worst first; scripts can sort it anew.

    Parameters
    ----------
    entries : sequence of Entry
        The subtractions.
    path : path-like
        The page.
    name : str
        What they are called together.
    columns : sequence of str, optional
        Names of what each carries.
    overwrite : bool, optional
        Whether an existing page may be replaced.

    Raises
    ------
    WriteError
        If the page cannot be written.
    """
    target = Path(path)
    statuses = Counter(entry.status for entry in entries)
    order = sorted(range(len(entries)), key=lambda n: (*entries[n].rank, n))
    text = rendered(
        "batch.html",
        {
            "name": name,
            "counts": {status: statuses[status] for status in _WORST_FIRST if statuses[status]},
            "carried": columns,
            "rows": [_row(n + 1, entries[n], target.parent) for n in order],
        },
    )
    with writing(target), replace_file(target, overwrite=overwrite) as file:
        file.write(text.encode())


def _row(number: int, entry: Entry, folder: Path) -> dict[str, Any]:
    outcome = entry.outcome
    page = None
    if entry.page is not None:
        page = quote(os.path.relpath(entry.page, folder))
    return {
        "number": number,
        "image": entry.image.name,
        "page": page,
        "status": entry.status,
        "rank": _WORST_FIRST.index(entry.status),
        "measures": [
            _cell(outcome, "variance_ratio_before"),
            _cell(outcome, "variance_ratio_after"),
            _cell(outcome, "correlation_x_before"),
            _cell(outcome, "correlation_x_after"),
            _cell(outcome, "covariance_psf_scale"),
            _cell(outcome, "seconds"),
        ],
        "carried": entry.carried,
        "why": outcome.get("reason") or outcome.get("cause") or "",
    }


def _cell(outcome: Mapping[str, Any], name: str) -> dict[str, str]:
    value, error = (outcome.get(column) for column in (name, f"{name}_error"))
    if value is None:
        return {"value": "", "text": ""}
    text = f"{value:.3g}" if error is None else with_error(float(value), float(error))
    return {"value": repr(float(value)), "text": text}
