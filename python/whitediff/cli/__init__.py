"""The command ``whitediff``."""

import os
import signal
import sys
from io import TextIOWrapper

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
    for name in ("SIGTERM", "SIGHUP"):
        # As a batch system sends them when time is up, or a terminal that is closed; `nohup` has
        # the second ignored. They end a run as Ctrl-C does, through whatever is to be tidied up.
        number = getattr(signal, name)
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names of files may hold what the terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    try:
        from .app import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        # While the command is still being loaded.
        print("\nwhitediff: interrupted", file=sys.stderr)
        status = 130
    except ModuleNotFoundError as error:
        parts = (error.name or "").split(".")
        names = (".".join(parts[:2]), parts[0])
        package = next((name for name in names if name in _EXTRAS), None)
        if package is None:
            raise
        extra = _EXTRAS[package]
        print(
            f"whitediff: the package {package} is missing: pip install 'whitediff[{extra}]'",
            file=sys.stderr,
        )
        status = 1
    sys.exit(_flushed(status))


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
