"""The manifest: a table with the files of one subtraction in each row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy.io import ascii
from astropy.table import Table

from ...io.noise_planes import NoiseFile
from ...io.packing import check_name
from ...subtraction import Job
from ...subtraction.colour import InputCovariance
from ..covariance import input_covariance, remaining
from ..noise import NOISE_KINDS, noise_number, noise_of

__all__ = ["Manifest", "read_manifest", "read_table", "rows_of"]

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
    rows : list of Job
        What each row asks for, where it differs from the defaults.
    """

    path: Path
    table: Table
    rows: list[Job]


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
    table = read_table(path)
    _check_columns(path, table, carried, results)
    rows = rows_of(table, path)
    _check_outputs(path, rows, results_path)
    return Manifest(path, table, rows)


def read_table(path: Path) -> Table:
    """Read a table in the format ECSV or CSV; what is an option in this table is read as text.

    Raises
    ------
    OSError, ValueError
        If the file is missing, or no table.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
        if lines[0].startswith("# %ECSV"):
            return ascii.read(lines, format="ecsv")
        text = dict.fromkeys((*_FILES, *_OPTIONAL), str)
        return ascii.read(lines, format="csv", converters=text)
    except ValueError as error:
        raise ValueError(f"{path}: expected a table, CSV or ECSV: {error}") from error


def rows_of(table: Table, path: Path) -> list[Job]:
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
    columns = [name for name in (*_FILES, *_OPTIONAL) if name in table.colnames]
    cells = {name: [_text(value) for value in table[name]] for name in columns}
    # Of an absolute path, so that a row means the same on every machine and in every directory.
    folder = Path(os.path.abspath(path)).parent
    return [
        _row({name: cells[name][n] for name in columns}, folder, f"{path}: row {n + 1}")
        for n in range(len(table))
    ]


def _check_columns(
    path: Path, table: Table, carried: Sequence[str], results: Sequence[str]
) -> None:
    expected = _FILES if set(_PAIR) & set(table.colnames) else _REQUIRED
    missing = [name for name in expected if name not in table.colnames]
    if missing:
        raise ValueError(
            f"{path}: expected the columns {', '.join(expected)}, got none named "
            f"{', '.join(missing)}"
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


def _text(value: Any) -> str:
    return "" if value is np.ma.masked else str(value).strip()


def _row(cells: dict[str, str], folder: Path, where: str) -> Job:
    def named(name: str) -> Path | None:
        return folder / cells[name] if cells.get(name) else None

    def noise(name: str) -> float | Path | NoiseFile | None:
        given: dict[str, Any] = {}
        for column in (f"{name}_{kind}" for kind in NOISE_KINDS):
            try:
                number = noise_number(cells.get(column, ""))
            except ValueError as error:
                raise ValueError(f"{where}: {column} must be {error}") from None
            given[column] = named(column) if number is None else number
        return noise_of(name, given)

    def covariance(name: str) -> InputCovariance | None:
        try:
            return input_covariance(cells[name], folder) if cells.get(name) else None
        except ValueError as error:
            raise ValueError(f"{where}: {name}: {error}") from None

    def number(name: str) -> float | None:
        try:
            return float(cells[name]) if cells.get(name) else None
        except ValueError:
            raise ValueError(f"{where}: {name} must be a number, got {cells[name]}") from None

    for name in _REQUIRED:
        if not cells[name]:
            raise ValueError(f"{where}: expected a file in the column {name}, got an empty cell")
    convolved = cells.get("convolved") or None
    if convolved not in (None, "template", "science"):
        raise ValueError(f"{where}: convolved must be template or science, got {convolved}")
    try:
        check_name(cells["output"], "output")
        return Job(
            science=named("science"),
            template=named("template"),
            difference=folder / cells["difference"],
            kernel=named("kernel"),
            output=folder / cells["output"],
            convolved=cast(Any, convolved),
            scale=number("scale"),
            science_variance=noise("science"),
            template_variance=noise("template"),
            science_mask=named("science_mask"),
            template_mask=named("template_mask"),
            difference_mask=named("difference_mask"),
            shared_variance=number("shared_variance") or 0.0,
            covariance=remaining(cells["covariance"], folder) if cells.get("covariance") else None,
            science_covariance=covariance("science_covariance"),
            template_covariance=covariance("template_covariance"),
            psf=named("psf"),
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _check_outputs(path: Path, rows: Sequence[Job], results: Path) -> None:
    """Refuse outputs and results over each other, an input or the manifest."""
    taken = {os.path.realpath(path): "the manifest"}
    for number, row in enumerate(rows, 1):
        for name in row.inputs:
            taken.setdefault(os.path.realpath(name), f"an input of row {number}")
    outputs = [(row.output, f"the output of row {n}") for n, row in enumerate(rows, 1)]
    for name, what in [*outputs, (results, "the table of results")]:
        place = os.path.realpath(name)
        if place in taken:
            raise ValueError(f"{path}: {name} is {taken[place]} and {what}")
        taken[place] = what
