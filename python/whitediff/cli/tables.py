"""Tables of input files, and what their cells say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import ascii
from astropy.table import Table

from ..io.fits_file import open_fits
from ..io.reading import open_input, reading
from .covariance import input_covariance
from .noise import noise_number, noise_of

if TYPE_CHECKING:
    from ..io.noise_planes import NoiseFile
    from ..subtraction.colour import InputCovariance

__all__ = ["Row", "read_positions", "read_table", "rows"]


def read_table(path: Path, text: Iterable[str]) -> Table:
    """Read a table in the format ECSV or CSV.

    Parameters
    ----------
    path : Path
        The file.
    text : iterable of str
        Columns of a CSV that are read as text.

    Raises
    ------
    OSError, ValueError
        If the file is missing, or no table.
    """
    with open_input(path) as file, reading(path):
        try:
            text_of_file = file.read().decode("utf-8-sig")
            if "\0" in text_of_file:
                raise ValueError("it has a null byte")
            lines = text_of_file.splitlines() or [""]
            if lines[0].startswith("# %ECSV"):
                return ascii.read(lines, format="ecsv")
            return ascii.read(lines, format="csv", converters=dict.fromkeys(text, str))
        except ValueError as error:
            raise ValueError(f"expected a table, CSV or ECSV: {error}") from error


def read_positions(path: Path) -> Table:
    """Read a table of any format that astropy knows, and positions in its columns x and y.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Table
        The columns x and y are finite numbers; others, and those that are missing, are NaN.

    Raises
    ------
    OSError, ValueError
        If the file is missing, no table, or x or y are no numbers.
    """
    with open_input(path) as file:
        is_fits = file.read(6) == b"SIMPLE" or ".fits" in path.suffixes
    with open_fits(path) if is_fits else nullcontext(path) as source, reading(path):
        table = Table.read(source)
        for name in {"x", "y"} & set(table.colnames):
            column = np.ma.asarray(table[name])
            if column.ndim != 1:
                raise ValueError(f"{name} must be one number in a row, got shape {column.shape}")
            try:
                values = np.ma.filled(column.astype(np.float64), np.nan)
            except ValueError:
                raise ValueError(f"{name} must be numbers, got dtype {column.dtype}") from None
            table[name] = np.where(np.isfinite(values), values, np.nan)
        return table


def rows(table: Table, columns: Iterable[str], path: Path) -> Iterator[Row]:
    """Give the rows of a table, of those columns that it has.

    Parameters
    ----------
    table : Table
        The table.
    columns : iterable of str
        Names of columns.
    path : Path
        Its file: names of files count from its directory.
    """
    cells = {
        name: ["" if value is np.ma.masked else str(value).strip() for value in table[name]]
        for name in columns
        if name in table.colnames
    }
    # Of an absolute path, so that a row means the same on every machine and in every directory.
    folder = Path(os.path.abspath(path)).parent
    for n in range(len(table)):
        yield Row({name: cells[name][n] for name in cells}, folder, f"{path}: row {n + 1}")


@dataclass(frozen=True)
class Row:
    """The cells of a row, as text.

    Attributes
    ----------
    cells : dict [str, str]
        By the names of their columns.
    folder : Path
        Directory from which files are named.
    where : str
        Table and row, for messages.
    """

    cells: dict[str, str]
    folder: Path
    where: str

    def text(self, name: str) -> str:
        """Give what a cell holds; nothing if it is empty, or there is no such column."""
        return self.cells.get(name, "")

    def file(self, name: str) -> Path | None:
        """Give the file that a cell names, if it is not empty."""
        return self.folder / self.text(name) if self.text(name) else None

    def files(self, name: str) -> list[Path]:
        """Give the files that a cell names, one behind the other with semicolons between them."""
        names = (part.strip() for part in self.text(name).split(";"))
        return [self.folder / part for part in names if part]

    def number(self, name: str) -> float | None:
        """Give the number in a cell, if it is not empty.

        Raises
        ------
        ValueError
            If it holds something else.
        """
        try:
            return float(self.text(name)) if self.text(name) else None
        except ValueError:
            raise ValueError(
                f"{self.where}: {name} must be a number, got {self.text(name)}"
            ) from None

    def noise(self, name: str, columns: Mapping[str, str]) -> float | Path | NoiseFile | None:
        """Give the noise of an image, a number or a file, if it is said.

        Parameters
        ----------
        name : str
            The image.
        columns : mapping of str to str
            By the kinds of `NOISE_KINDS`, the columns that may say it.

        Raises
        ------
        ValueError
            If it is a number that no noise can have, or said in several ways.
        """
        given: dict[str, Any] = {}
        for kind, column in columns.items():
            try:
                number = noise_number(self.text(column))
            except ValueError as error:
                raise ValueError(f"{self.where}: {column} must be {error}") from None
            given[f"{name}_{kind}"] = self.file(column) if number is None else number
        try:
            return noise_of(name, given)
        except ValueError as error:
            raise ValueError(f"{self.where}: {error}") from None

    def covariance(self, name: str) -> InputCovariance | None:
        """Give the covariance of an input image in a cell, if it is not empty.

        Raises
        ------
        ValueError
            If the phases of a resampling are none.
        """
        try:
            return input_covariance(self.text(name), self.folder) if self.text(name) else None
        except ValueError as error:
            raise ValueError(f"{self.where}: {name}: {error}") from None
