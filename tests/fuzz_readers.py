"""Fuzzes what reads files: a result, or one line that names the file.

usage: fuzz_readers.py kernel_files|exposure_files|psf_files CORPUS [OPTIONS OF LIBFUZZER...]

CORPUS becomes a directory that begins with small sound files of every format. Every second change
to an input is one of headers and of tables, which changes of bytes alone would take ages to find.
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
from pathlib import Path
from types import FunctionType

import atheris

import faults
import sound_files
from whitediff.io import read_exposure, read_kernel, read_psf

READERS = {
    "kernel_files": (read_kernel, sound_files.kernel_files),
    "exposure_files": (read_exposure, sound_files.exposure_files),
    "psf_files": (read_psf, sound_files.psf_files),
}


def main() -> None:
    """Run until the time is up, or something is found."""
    kind, corpus, *options = sys.argv[1:]
    read, write_seeds = READERS[kind]
    directory = Path(corpus)
    if not directory.exists():
        directory.mkdir(parents=True)
        write_seeds(directory)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "input"

        def trial(content: bytes) -> None:
            path.write_bytes(content)
            try:
                read(path)
            except (OSError, ValueError) as error:
                message = str(error)
                assert str(path) in message and message.isprintable(), message

        # The hook for imports does not see what is installed for editing.
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and str(found.__module__).startswith("whitediff"):
                atheris.instrument_func(found)
        atheris.Setup([sys.argv[0], *options, corpus], trial, custom_mutator=mutate)
        atheris.Fuzz()


def mutate(content: bytes, most: int, seed: int) -> bytes:
    """Change an input."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        return bytes(atheris.Mutate(content, most))
    return faults.mutate_any(content, rng)[:most]


if __name__ == "__main__":
    main()
