"""The command line, run inside of the test's process, and input files for it."""

from __future__ import annotations

import math

import numpy as np
from astropy.io import fits

import whitediff.cli.batch.display as batch_display
from whitediff.cli.app import run

# Lines about how far a batch is come by the clock, and tests on busy machines.
batch_display._LINE_SECONDS = math.inf

# Wide enough for several cells.
SHAPE = (310, 900)


def options(directory, **changed):
    """Options of ``whitediff decorrelate`` for the files of a simulation, some of them changed."""
    files = {name: directory / f"{name}.fits" for name in ("science", "template", "difference")}
    given = files | {"kernel": directory / "kernel.fits"} | changed
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def run_command(*arguments):
    """Exit status of ``whitediff``."""
    return run([str(argument) for argument in arguments])


def succeed(capsys, *arguments):
    """What ``whitediff`` prints, if all goes well."""
    status = run_command(*arguments)
    captured = capsys.readouterr()
    assert status == 0 and not captured.err, captured.err
    return captured.out


def fail(capsys, *arguments, status=2):
    """The message with which ``whitediff`` fails: one line."""
    found = run_command(*arguments)
    captured = capsys.readouterr()
    assert (found, captured.out) == (status, ""), captured
    assert captured.err.startswith("whitediff: ") and captured.err.count("\n") == 1, captured
    return captured.err


def write_plain(path, image, **header):
    """A FITS file with one image, as most programs write it."""
    fits.PrimaryHDU(np.asarray(image), fits.Header(header)).writeto(path)
    return path
