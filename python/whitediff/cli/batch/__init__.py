"""The command ``whitediff batch``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..files import INPUT, OUTPUT
from ..options import (
    constant_option,
    covariance_option,
    ignore_plane_option,
    mode_option,
    no_value_plane_option,
    preconvolved_option,
    variance_option,
)

__all__ = ["batch"]


@click.command()
@click.argument("manifest", type=INPUT)
@mode_option
@preconvolved_option
@constant_option
@variance_option
@covariance_option
@ignore_plane_option
@no_value_plane_option
@click.option(
    "--carry",
    "carried",
    multiple=True,
    metavar="COLUMN",
    help="Column that is only taken along into the results; may be given several times.",
)
@click.option(
    "--results",
    "results_path",
    type=OUTPUT,
    help="Table of results to write.  [default: NAME.results.ecsv beside a manifest NAME.csv]",
)
@click.option(
    "--report",
    "report_folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Directory for pages (html) to write: one about each result, and index.html, a table from "
    "which they are reached, the worst first.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes.  [default: cores over threads, no more than rows]",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of threads of each process.  [default: cores over processes; on a cluster "
    "those of a worker]",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Scheduler of a dask.distributed cluster that does the work, in place of processes of "
    "this machine. It runs what it is sent, as its workers do: use it in a network that you trust.",
)
@click.pass_context
def batch(
    context: click.Context,
    manifest: Path,
    mode: str,
    preconvolved: bool,
    constant: bool,
    variance: str | None,
    covariance: str | Path | None,
    ignore_planes: tuple[str, ...],
    no_value_planes: tuple[str, ...],
    carried: tuple[str, ...],
    results_path: Path | None,
    report_folder: Path | None,
    overwrite: bool,
    jobs: int | None,
    threads: int | None,
    scheduler: str | None,
) -> None:
    """Make the noise of many difference images white again.

    MANIFEST is a table, CSV or ECSV, with the columns science, template, difference, kernel and
    output: files, named from the directory of the table; difference and output are enough where
    nothing else is known. The columns convolved, scale, science_variance, template_variance (or
    _sigma, or _weight), science_mask, template_mask, difference_mask, shared_variance, covariance,
    science_covariance, template_covariance, psf and compress are options of 'whitediff decorrelate'
    for one row; an empty cell stands for the default.

    So are plot, report, save_metadata, config and config_override (several with ';' between them):
    the last three have the decorrelation task do the row.

    The table of results says of each row whether it is done, or why not, and how white the noise
    was before and is after, sampled in a million pixels. A row that fails stops no other; one whose
    process dies is begun up to three times.

    The same command goes on where it stopped, was interrupted or killed: rows are done again that
    failed, whose cells or input files have changed, or whose output is gone or has changed (files
    are told by size, time of change and inode). With another --mode, --preconvolved, --constant,
    --variance, --covariance, --ignore-plane or --no-value-plane than that of the table it refuses,
    and with --overwrite does all of it again. Outputs that the batch did not make are kept unless
    --overwrite is given.

    Exit status: 0 if all rows are done, 1 if any failed.
    """
    if scheduler is not None and jobs is not None:
        raise click.UsageError("--jobs is for this machine, and not used with --scheduler")
    if results_path is None:
        results_path = manifest.with_name(f"{manifest.stem}.results.ecsv")
    if scheduler is None:
        from .fork_server import start_server

        # It imports while this process does, and reads the tables.
        start_server()

    from .cores import shares_of_cores
    from .lock import locked
    from .manifest import read_manifest
    from .results import RESULT_COLUMNS, Results
    from .row_job import check_extras
    from .run import run_batch

    settings: dict[str, Any] = {
        "mode": mode,
        "preconvolved": preconvolved,
        "constant": constant,
        "variance": variance or ("full" if mode == "score" else "estimate"),
        "covariance": ""
        if covariance is None
        else os.path.abspath(covariance)
        if isinstance(covariance, Path)
        else covariance,
        "ignore_planes": sorted(set(ignore_planes)),
        "no_value_planes": sorted(set(no_value_planes)),
    }
    table = read_manifest(manifest, carried, RESULT_COLUMNS, results_path)
    if report_folder is not None:
        from .pages import with_pages

        table = with_pages(table, report_folder, results_path, overwrite=overwrite)
    check_extras(table.rows)
    with locked(results_path):
        results = Results(results_path, table, settings, overwrite=overwrite)
        n_before = results.n_done
        if scheduler is None:
            jobs, threads = shares_of_cores(jobs, threads, len(results.unfinished))
        try:
            run_batch(
                table,
                results,
                settings,
                jobs=jobs or 1,
                threads=threads or 0,
                scheduler=scheduler,
                overwrite=overwrite,
            )
        finally:
            if report_folder is not None:
                from .pages import write_pages_index

                write_pages_index(table, results, report_folder, carried)
    before = f" ({n_before} of them before)" if n_before else ""
    click.echo(
        f"{results_path}: {results.n_done} of {len(table.rows)} rows done{before}, "
        f"{results.n_failed} failed"
    )
    if results.n_failed:
        context.exit(1)
