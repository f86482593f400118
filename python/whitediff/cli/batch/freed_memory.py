"""Memory that is freed while a row is done, and how soon the system has it back."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["freed_memory_kept"]

# Parameters of glibc's mallopt: how much may be free at the end of the heap, and what size has a
# mapping of its own, of which 32 MiB is the largest that it takes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_FREE_BYTES, _MAPPED_BYTES = 1 << 28, 1 << 25
_DEFAULT_BYTES = str(1 << 17)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let arrays have the memory of those before them, where the environment forbids that.

    dask sets ``MALLOC_TRIM_THRESHOLD_`` for its workers, so that they give back at once what they
    free. Every larger array is a new mapping then, whose pages the system clears: a row takes half
    as long again. At the end all that is free is given back. Of glibc alone; elsewhere, and without
    that variable, nothing happens.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    trim = os.environ.get("MALLOC_TRIM_THRESHOLD_", "")
    mapped = os.environ.get("MALLOC_MMAP_THRESHOLD_", _DEFAULT_BYTES)
    is_set = trim.isdecimal() and mapped.isdecimal()
    if libc is None or not is_set or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_TRIM_THRESHOLD, _FREE_BYTES)
    libc.mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
    try:
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, int(trim))
        libc.mallopt(_MMAP_THRESHOLD, int(mapped))
        libc.malloc_trim(0)
