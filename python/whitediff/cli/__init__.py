"""The command ``whitediff``."""

import os
import sys
from io import TextIOWrapper

from .interrupts import interrupted, raise_interrupts

__all__ = ["main"]

# The extra of this package that brings each package in.
_EXTRAS = {
    "click": "cli",
    "rich": "cli",
    "astropy": "cli",
    "matplotlib": "plot",
    "distributed": "dask",
    "jinja2": "report",
    "photutils": "detect",
    "scipy": "report",
    "lsst": "tasks",
    "lsst.daf": "rubin",
    "lsst.images": "rubin",
    "lsst.pipe": "rubin",
    "piff": "rubin",
    "pydantic": "tasks",
}


def main() -> None:
    """Run the command with the arguments of the process, and leave with its exit status."""
    _complete_streams()
    raise_interrupts()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names of files may hold what the terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    try:
        from .app import run

        status = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        status = _missing(error)
    except BaseException as error:
        # While the command is being loaded.
        if not interrupted(error):
            raise
        print("\nwhitediff: interrupted", file=sys.stderr)
        status = 130
    sys.exit(_flushed(status))


def _missing(error: ModuleNotFoundError) -> int:
    """Say which extra brings a package that is not there."""
    parts = (error.name or "").split(".")
    names = (".".join(parts[:2]), parts[0])
    package = next((name for name in names if name in _EXTRAS), None)
    if package is None:
        raise error
    print(
        f"whitediff: the package {package} is missing: pip install 'whitediff[{_EXTRAS[package]}]'",
        file=sys.stderr,
    )
    return 1


def _flushed(status: int) -> int:
    """Print what is left to be printed; what cannot be is not tried again when Python ends."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if status == 0:
            print(f"whitediff: cannot print: {error.strerror}", file=sys.stderr)
            return 1
    return status


def _complete_streams() -> None:
    """Open standard streams that the process was started without on nothing.

    The first file that is opened would take their place, and get what is meant for them.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))
