"""The command ``whitediff``."""

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
    "lsst": "tasks",
    "lsst.daf": "rubin",
    "lsst.images": "rubin",
    "lsst.pipe": "rubin",
    "piff": "rubin",
    "pydantic": "tasks",
}


def main() -> None:
    """Run the command with the arguments of the process, and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names of files may hold what the terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    try:
        from .app import run

        status = run(sys.argv[1:])
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
    sys.exit(status)
