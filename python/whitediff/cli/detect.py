"""The command ``whitediff detect``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from .files import INPUT, OUTPUT, check_outputs

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["detect"]

_MOST_SHOWN = 20


@click.command()
@click.argument("score", type=INPUT)
@click.option(
    "-o", "--output", type=OUTPUT, required=True, help="Catalogue to write: .ecsv or .fits."
)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="NUMBER",
    help="Least absolute significance of a detection.",
)
@click.option(
    "--positions",
    type=INPUT,
    help="Table with columns x and y, pixels counted from 0: measure there, and detect nothing.",
)
@click.option("--overwrite", is_flag=True, help="Replace a catalogue that exists.")
def detect(
    score: Path, output: Path, threshold: float, positions: Path | None, overwrite: bool
) -> None:
    """Find point sources, positive and negative, in SCORE, or measure them at given positions.

    SCORE is an image of 'whitediff decorrelate --mode score'. The catalogue has position, in pixels
    and on the sky, flux, error, significance, and flags of what may be wrong with them.
    """
    if output.suffix not in (".ecsv", ".fits"):
        raise click.UsageError(f"output must be an .ecsv or a .fits file, got '{output}'")
    inputs = [score, *([positions] if positions is not None else [])]
    check_outputs([output], inputs, overwrite=overwrite)

    from ..io.atomic import replace_file, writing
    from ..io.reading import naming
    from ..subtraction.catalogue import source_table
    from .tables import read_positions

    given = None if positions is None else read_positions(positions)
    with naming(positions=positions):
        table = source_table(score, threshold, given)
    with writing(output), replace_file(output, overwrite=overwrite) as file:
        if output.suffix == ".fits":
            _write_fits(table, file)
        else:
            text = io.StringIO()
            table.write(text, format="ascii.ecsv")
            file.write(text.getvalue().encode())
    _print_brightest(table)
    flagged = table["near_edge"] | table["saturated"] | table["dipole"]
    what = "positions" if positions is not None else "sources"
    click.echo(f"{output}: {len(table)} {what}, {int(flagged.sum())} of them with flags")


def _print_brightest(table: Table) -> None:
    """Show those of which is most sure."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table as Shown

    from ..statistics import with_error

    order = np.argsort(-np.nan_to_num(np.abs(table["significance"])))[:_MOST_SHOWN]
    more = f"the first {_MOST_SHOWN} of {len(table)}" if len(table) > _MOST_SHOWN else None
    shown = Shown(title="The surest", caption=more)
    for head in ("x", "y", f"flux ({table['flux'].unit})", "S/N"):
        shown.add_column(head, justify="right")
    shown.add_column("flags")
    for row in table[order]:
        flags = (name for name in ("near_edge", "saturated", "dipole") if row[name])
        shown.add_row(
            f"{row['x']:.2f}",
            f"{row['y']:.2f}",
            with_error(float(row["flux"]), float(row["flux_error"])),
            f"{row['significance']:.1f}",
            " ".join(flags),
        )
    Console(markup=False, highlight=False).print(shown)


def _write_fits(table: Table, file: BinaryIO) -> None:
    """Write a table with its units as they are called, whether FITS knows them or not."""
    from astropy.io import fits

    from ..io.header_cards import card_text

    units = {name: str(table[name].unit) for name in table.colnames if table[name].unit}
    bare = table.copy()
    bare.meta.clear()
    for name in units:
        bare[name].unit = None
    hdu = fits.table_to_hdu(bare)
    for name, value in table.meta.items():
        # Names of files may hold what a card cannot.
        card = card_text(value) if isinstance(value, str) else value
        hdu.header[f"HIERARCH {name}" if len(name) > 8 else name] = card
    for name, unit in units.items():
        hdu.columns[name].unit = unit
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
