"""The table of what an image was made of: an input image in each row."""

from __future__ import annotations

from pathlib import Path

from ..subtraction import InputImage
from .tables import Row, read_table, rows

__all__ = ["read_inputs"]

# A weight is what an image was multiplied by here.
_NOISE = {"variance": "variance", "sigma": "sigma", "weight": "inverse_variance"}
_COLUMNS = (
    "file",
    *_NOISE.values(),
    "mask",
    "covariance",
    "kernels",
    "weight",
    "sign",
    "variance_factor",
)
_SIGNS = {"": 1.0, "+": 1.0, "-": -1.0, "1": 1.0, "+1": 1.0, "-1": -1.0}


def read_inputs(path: Path) -> list[InputImage]:
    """Read what an image was made of.

    Parameters
    ----------
    path : Path
        Table in the format CSV or ECSV.

    Raises
    ------
    OSError, ValueError
        If the file is no table, lacks rows, has columns of unknown meaning, or cells that are not
        as expected.
    """
    table = read_table(path, _COLUMNS)
    unknown = [name for name in table.colnames if name not in _COLUMNS]
    if unknown or "file" not in table.colnames:
        wrong = f"unknown column {', '.join(unknown)}" if unknown else "no column file"
        raise ValueError(f"{path}: {wrong}: expected file, and as needed {', '.join(_COLUMNS[1:])}")
    if len(table) == 0:
        raise ValueError(f"{path}: expected at least one row, got none")
    return [_input(row) for row in rows(table, _COLUMNS, path)]


def _input(row: Row) -> InputImage:
    file, weight, factor = row.file("file"), row.number("weight"), row.number("variance_factor")
    if file is None:
        raise ValueError(f"{row.where}: expected a file in the column file, got an empty cell")
    sign = _SIGNS.get(row.text("sign"))
    if sign is None:
        raise ValueError(f"{row.where}: sign must be + or -, got {row.text('sign')}")
    try:
        return InputImage(
            file=file,
            variance=row.noise(file.name, _NOISE),
            mask=row.file("mask"),
            covariance=row.covariance("covariance"),
            kernels=row.files("kernels"),
            weight=sign * (1.0 if weight is None else weight),
            variance_factor=1.0 if factor is None else factor,
        )
    except ValueError as error:
        where = "" if str(error).startswith(row.where) else f"{row.where}: "
        raise ValueError(f"{where}{error}") from None
