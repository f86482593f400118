"""The table of results, and which rows it leaves to do."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table

from ...io import replace_file
from ...io.atomic import writing
from ...subtraction.facts import FACT_COLUMNS, Column
from ..tables import read_table
from .file_state import is_same
from .manifest import Manifest, rows_of
from .row import Finished
from .row_job import RowJob, chosen_covariance

__all__ = ["RESULT_COLUMNS", "Results"]

_META = "whitediff"
_DONE, _FAILED, _WAITING = "done", "failed", "waiting"
# Seconds between two versions of the table on the disk, at least, and at least so many times as
# long as it takes to write one.
_PAUSE, _PAUSE_RATIO = 1.0, 50.0

_SAMPLING = "sampling error for white noise"


def _measure(name: str, description: str) -> list[Column]:
    return [
        Column(name, float, None, description),
        Column(f"{name}_error", float, None, _SAMPLING),
    ]


_COLUMNS = [
    Column("status", str, None, "done, failed or waiting"),
    Column("reason", str, None, "why it failed"),
    Column("attempts", int, None, "how many times it was begun"),
    Column("seconds", float, "s", "time that the last attempt took"),
    *_measure("variance_ratio_before", "pixels of the difference over the final variance plane"),
    *_measure("variance_ratio_after", "pixels of the white image over its variance plane"),
    *_measure("correlation_x_before", "of pixels one apart in x, in the difference"),
    *_measure("correlation_y_before", "of pixels one apart in y, in the difference"),
    *_measure("correlation_x_after", "of pixels one apart in x, in the white image"),
    *_measure("correlation_y_after", "of pixels one apart in y, in the white image"),
    # The variances, and what they are in.
    *FACT_COLUMNS[:3],
    Column("image_unit", str, None, "unit of the pixels"),
    *FACT_COLUMNS[3:],
    Column("whitediff_version", str, None, "version that made the output"),
    Column("inputs_state", str, None, "size:mtime_ns:inode of each input when it was read"),
    Column("output_state", str, None, "the same of the output when it was complete"),
]

RESULT_COLUMNS = [column.name for column in _COLUMNS]


class Results:
    """What became of each row of a manifest; kept in a file.

    Parameters
    ----------
    path : Path
        The file, ECSV. If it exists, it is that of an earlier run, which is gone on with.
    manifest : Manifest
        The manifest.
    settings : mapping of str to scalar or list
        Options that are the same for all rows, as they change outputs.
    overwrite : bool
        Whether the results of a run with other settings may be discarded.

    Raises
    ------
    OSError, ValueError
        If the file holds something else, or results of other settings that are not to be discarded.
    """

    def __init__(
        self, path: Path, manifest: Manifest, settings: Mapping[str, Any], *, overwrite: bool
    ) -> None:
        self._path, self._manifest, self._settings = path, manifest, dict(settings)
        self.batch = secrets.token_hex(8)
        self._facts: list[dict[str, Any]] = [{"status": _WAITING} for _ in manifest.rows]
        self._saved_at, self._pause = -np.inf, 0.0
        self._tried: set[int] = set()
        self._is_saved = False
        if path.exists():
            self._take_over(overwrite=overwrite)

    @property
    def unfinished(self) -> list[int]:
        """Rows to do."""
        return [n for n, facts in enumerate(self._facts) if facts["status"] != _DONE]

    @property
    def n_done(self) -> int:
        """Number of rows that are done."""
        return len(self._facts) - len(self.unfinished)

    @property
    def n_failed(self) -> int:
        """Number of rows that have failed."""
        return sum(facts["status"] == _FAILED for facts in self._facts)

    def was_tried(self, row: int) -> bool:
        """Whether a row has been done, or has failed, at any time."""
        return row in self._tried

    @property
    def outcomes(self) -> list[Mapping[str, Any]]:
        """What is known of each row, by the names of columns."""
        return list(self._facts)

    def record(self, finished: Finished) -> None:
        """Note what became of a row."""
        self._facts[finished.row] = {
            "status": _FAILED if finished.reason else _DONE,
            "reason": finished.reason,
            "attempts": finished.attempts,
            **finished.cells,
        }
        self._is_saved = False

    def save_now_and_then(self) -> None:
        """Write the table if there is news and the last time was a while ago."""
        if not self._is_saved and time.monotonic() - self._saved_at > self._pause:
            self.save()

    def save(self) -> None:
        """Write the table, atomically.

        Raises
        ------
        WriteError
            If the file cannot be written.
        """
        begin = time.monotonic()
        text = StringIO()
        self._table().write(text, format="ascii.ecsv")
        with writing(self._path), replace_file(self._path, overwrite=True) as file:
            file.write(text.getvalue().encode())
        self._saved_at = time.monotonic()
        self._pause = max(_PAUSE, _PAUSE_RATIO * (self._saved_at - begin))
        self._is_saved = True

    def _table(self) -> Table:
        table = self._manifest.table.copy()
        for name, kind, unit, description in _COLUMNS:
            values = [facts.get(name) for facts in self._facts]
            table[name] = MaskedColumn(
                [kind() if value is None else value for value in values],
                mask=[value is None or value == "" for value in values],
                dtype=kind,
                unit=unit,
                description=description,
            )
        table.meta[_META] = {"batch": self.batch, "settings": self._settings}
        return table

    def _take_over(self, *, overwrite: bool) -> None:
        """Take the rows that an earlier run has finished, and that would come out the same."""
        table = read_table(self._path, ())
        about = table.meta.get(_META)
        if not _is_about_results(about) or "status" not in table.colnames:
            raise ValueError(f"{self._path} exists and is no table of results: give --results FILE")
        if about["settings"] != self._settings:
            if overwrite:
                return
            raise ValueError(
                f"{self._path} has results of other settings: "
                f"{_changes(about['settings'], self._settings)}; give --overwrite to do all of it "
                f"again"
            )
        self.batch = about["batch"]
        earlier = rows_of(table, self._manifest.path)
        places = {row.output: n for n, row in enumerate(earlier)}
        for n, row in enumerate(self._manifest.rows):
            place = places.get(row.output)
            if place is None or earlier[place].image_alone != row.image_alone:
                continue
            facts = _facts_of(table, place)
            if facts["status"] != _WAITING:
                self._tried.add(n)
            # A failure stays on record until the row has been tried again.
            asked = replace(row, covariance=chosen_covariance(row, self._settings))
            if (
                facts["status"] == _FAILED
                or facts["status"] == _DONE
                and _is_up_to_date(asked, facts)
            ):
                self._facts[n] = facts


def _is_about_results(about: Any) -> bool:
    """Whether this is what the table says of itself."""
    return (
        isinstance(about, Mapping)
        and isinstance(about.get("settings"), Mapping)
        and isinstance(about.get("batch"), str)
    )


def _facts_of(table: Table, row: int) -> dict[str, Any]:
    cells = {name: table[name][row] for name in RESULT_COLUMNS if name in table.colnames}
    return {name: value for name, value in cells.items() if value is not np.ma.masked}


def _is_up_to_date(row: RowJob, facts: Mapping[str, Any]) -> bool:
    states = (facts.get("inputs_state"), facts.get("output_state"))
    if None in states or not all(path.exists() for path in row.extras):
        return False
    return is_same(row, *map(str, states))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in now if before.get(name) != now[name]]
    return ", ".join(f"{name} was {before.get(name)} and is {now[name]}" for name in names)
