"""The manifest: a table with the files of one subtraction in each row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from astropy.table import Table

from ...io.packing import check_name
from ..covariance import remaining
from ..noise import NOISE_KINDS
from ..options import quantization
from ..tables import Row, read_table, rows
from .row_job import RowJob

__all__ = ["Manifest", "read_manifest", "rows_of"]

_REQUIRED = ("difference", "output")
# All of them, or none.
_PAIR = ("science", "template", "kernel")
_FILES = ("science", "template", "difference", "kernel", "output")
_OPTIONAL = (
    "convolved",
    "scale",
    *(f"{name}_{kind}" for name in ("science", "template") for kind in NOISE_KINDS),
    "science_mask",
    "template_mask",
    "difference_mask",
    "shared_variance",
    "covariance",
    "science_covariance",
    "template_covariance",
    "psf",
    "compress",
    "plot",
    "report",
    "save_metadata",
    "config",
    "config_override",
)


@dataclass(frozen=True)
class Manifest:
    """What a manifest says.

    Attributes
    ----------
    path : Path
        Its file.
    table : astropy.table.Table
        As it was read.
    rows : list of RowJob
        What each row asks for, where it differs from the defaults.
    """

    path: Path
    table: Table
    rows: list[RowJob]


def read_manifest(
    path: Path, carried: Sequence[str], results: Sequence[str], results_path: Path
) -> Manifest:
    """Read a manifest, and refuse one that cannot be worked through.

    Parameters
    ----------
    path : Path
        Table in the format CSV or ECSV.
    carried : sequence of str
        Columns that mean nothing here and are taken along.
    results : sequence of str
        Names that the columns of the results take.
    results_path : Path
        File that the results will be in.

    Raises
    ------
    OSError, ValueError
        If the file is no table, lacks rows or columns, has columns of unknown meaning, or cells
        that are not as expected; if a file to write is named twice or is an input.
    """
    table = read_table(path, (*_FILES, *_OPTIONAL))
    _check_columns(path, table, carried, results)
    rows = rows_of(table, path)
    _check_outputs(path, rows, results_path)
    return Manifest(path, table, rows)


def rows_of(table: Table, path: Path) -> list[RowJob]:
    """Read what the rows of a table ask for.

    Parameters
    ----------
    table : Table
        A manifest, or a table that has its columns.
    path : Path
        The file of the manifest: names of files count from its directory.

    Raises
    ------
    ValueError
        If a cell is not as expected.
    """
    return [_job(row) for row in rows(table, (*_FILES, *_OPTIONAL), path)]


def _check_columns(
    path: Path, table: Table, carried: Sequence[str], results: Sequence[str]
) -> None:
    expected = _FILES if set(_PAIR) & set(table.colnames) else _REQUIRED
    missing = [name for name in expected if name not in table.colnames]
    if missing:
        raise ValueError(
            f"{path}: expected the columns {', '.join(expected)}, got none named "
            f"{', '.join(missing)} among {', '.join(table.colnames)}"
        )
    for name in table.colnames:
        if name in carried:
            if name in results:
                raise ValueError(f"{path}: the column {name} would be one of the results as well")
        elif name not in (*_FILES, *_OPTIONAL):
            raise ValueError(
                f"{path}: unknown column {name}, expected {', '.join(_FILES)}, and as they are "
                f"needed {', '.join(_OPTIONAL)}; give --carry {name} to take it along"
            )
    absent = [name for name in carried if name not in table.colnames]
    if absent:
        raise ValueError(f"{path}: no column {', '.join(absent)} to carry")
    if len(table) == 0:
        raise ValueError(f"{path}: expected at least one row, got none")


def _job(row: Row) -> RowJob:
    for name in _REQUIRED:
        if not row.text(name):
            raise ValueError(
                f"{row.where}: expected a file in the column {name}, got an empty cell"
            )
    convolved = row.text("convolved") or None
    if convolved not in (None, "template", "science"):
        raise ValueError(f"{row.where}: convolved must be template or science, got {convolved}")
    given = row.text("covariance")
    numbers = {name: row.number(name) for name in ("scale", "shared_variance")}
    noise = {
        name: row.noise(name, {kind: f"{name}_{kind}" for kind in NOISE_KINDS})
        for name in ("science", "template")
    }
    covariances = {
        name: row.covariance(name) for name in ("science_covariance", "template_covariance")
    }
    try:
        check_name(row.text("output"), "output")
        return RowJob(
            science=row.file("science"),
            template=row.file("template"),
            difference=row.folder / row.text("difference"),
            kernel=row.file("kernel"),
            output=row.folder / row.text("output"),
            convolved=cast(Any, convolved),
            scale=numbers["scale"],
            science_variance=noise["science"],
            template_variance=noise["template"],
            science_mask=row.file("science_mask"),
            template_mask=row.file("template_mask"),
            difference_mask=row.file("difference_mask"),
            shared_variance=numbers["shared_variance"] or 0.0,
            covariance=remaining(given, row.folder) if given else None,
            science_covariance=covariances["science_covariance"],
            template_covariance=covariances["template_covariance"],
            psf=row.file("psf"),
            compress=quantization(row.text("compress")) if row.text("compress") else None,
            plot=row.file("plot"),
            report=row.file("report"),
            save_metadata=row.file("save_metadata"),
            config=row.file("config"),
            overrides=tuple(filter(None, map(str.strip, row.text("config_override").split(";")))),
        )
    except ValueError as error:
        raise ValueError(f"{row.where}: {error}") from None


def _check_outputs(path: Path, rows: Sequence[RowJob], results: Path) -> None:
    """Refuse outputs and results over each other, an input or the manifest."""
    taken = {os.path.realpath(path): "the manifest"}
    for number, row in enumerate(rows, 1):
        for name in row.inputs:
            taken.setdefault(os.path.realpath(name), f"an input of row {number}")
    outputs = [(row.output, f"the output of row {n}") for n, row in enumerate(rows, 1)]
    outputs += [
        (extra, f"a file to write of row {n}")
        for n, row in enumerate(rows, 1)
        for extra in row.extras
    ]
    for name, what in [*outputs, (results, "the table of results")]:
        place = os.path.realpath(name)
        if place in taken:
            raise ValueError(f"{path}: {name} is {taken[place]} and {what}")
        taken[place] = what
