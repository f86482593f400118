"""The package built in some other way than it is installed, and new processes that use it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

BENCH = Path(__file__).resolve().parent


def install(target: Path, settings: Mapping[str, str], source: Path = BENCH.parent) -> None:
    """Build into a folder of its own, with these settings of the build backend."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    options = [f"--config-settings={name}={value}" for name, value in settings.items()]
    options.append(f"--config-settings=build-dir={target}-build")
    subprocess.run([*command, *options, "--target", target, source], check=True)


def unpack(revision: str, folder: Path) -> None:
    """Write the files of a revision into a folder.

    Raises
    ------
    ValueError
        If git knows no such revision.
    """
    command = ["git", "-C", str(BENCH.parent), "archive", "--format=tar", revision]
    archive = subprocess.run(command, capture_output=True)
    if archive.returncode != 0:
        reason = archive.stderr.decode().strip()
        raise ValueError(f"revision must be one that git knows here, got {revision}: {reason}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def python(target: Path, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Give command and environment of a Python that finds the package in this folder first.

    It runs without the `site` module, as the hook of an editable installation would get in the
    way, and looks where this process looks, in folders too that site has found in .pth files.
    """
    path = os.pathsep.join([str(target), str(BENCH), *filter(None, sys.path)])
    return [sys.executable, "-S", *arguments], {**os.environ, "PYTHONPATH": path}
