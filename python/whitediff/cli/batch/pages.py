"""Pages about the rows of a batch, in a directory of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import click

from ...io.atomic import writing
from ...report.batch import Entry, write_index
from .manifest import Manifest
from .results import Results

__all__ = ["with_pages", "write_pages_index"]

_INDEX = "index.html"


def with_pages(manifest: Manifest, folder: Path, results: Path, *, overwrite: bool) -> Manifest:
    """Give every row that has none a page in a directory, which is made if it is not there.

    Parameters
    ----------
    manifest : Manifest
        As it was read.
    folder : Path
        The directory.
    results : Path
        The table of results: if there is one, the directory is that of this batch.
    overwrite : bool
        Whether pages of other origin may be replaced.

    Raises
    ------
    click.UsageError
        If the directory has an index already that is not of this batch.
    WriteError
        If it cannot be made.
    """
    index = folder / _INDEX
    if index.exists() and not overwrite and not results.exists():
        raise click.UsageError(f"'{index}' exists: give --overwrite to replace it")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # The same directory for every worker.
    place = Path(os.path.abspath(folder))
    taken = {_INDEX}
    rows = []
    for row in manifest.rows:
        # Rows that come to the manifest later leave the pages of others where they are.
        endings = chain([""], (f"-{n}" for n in count(2)))
        names = (f"{row.output.stem}{ending}.html" for ending in endings)
        name = next(name for name in names if name not in taken)
        taken.add(name)
        rows.append(replace(row, report=row.report or place / name))
    return replace(manifest, rows=rows)


def write_pages_index(
    manifest: Manifest, results: Results, folder: Path, carried: Sequence[str]
) -> None:
    """Write the table from which pages are reached.

    Parameters
    ----------
    manifest : Manifest
        With a page for every row.
    results : Results
        What became of them.
    folder : Path
        The directory.
    carried : sequence of str
        Columns of the manifest that are taken along.
    """
    entries = [
        Entry(
            row.output,
            row.report if outcome["status"] == "done" else None,
            outcome,
            [manifest.table[column][n] for column in carried],
        )
        for n, (row, outcome) in enumerate(zip(manifest.rows, results.outcomes, strict=True))
    ]
    name = manifest.path.name
    write_index(entries, folder / _INDEX, name=name, columns=carried, overwrite=True)
