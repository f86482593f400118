"""On what machine, with what software a figure was measured."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import fftw
import whitediff
from whitediff import _core


def _first(path: str, pattern: str, otherwise: str) -> str:
    try:
        match = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return otherwise
    return match[1] if match else otherwise


def _recorded(pattern: bytes) -> str:
    """Find what the compiler left about itself in the compiled module; the longest is the most."""
    found = re.findall(pattern, Path(_core.__file__).read_bytes())
    return max((text.decode() for text in found), key=len, default="not recorded")


def _loads() -> str:
    """Give the mean numbers of running processes over 1, 5 and 15 minutes."""
    try:
        return ", ".join(f"{load:.2f}" for load in os.getloadavg())
    except OSError:
        return "unknown"


def core_count() -> int:
    """Count the cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def available_memory() -> float:
    """Give the bytes that a new array may take, infinity where the system does not say."""
    kibibytes = _first("/proc/meminfo", r"^MemAvailable:\s+(\d+)", "inf")
    return float(kibibytes) * 1024


def describe() -> dict[str, str]:
    """Describe machine and software."""
    kibibytes = _first("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _first("/proc/cpuinfo", r"^model name\s*:\s*(.*)$", platform.processor()),
        "cores": f"{core_count()} of {os.cpu_count()}",
        "memory": f"{int(kibibytes) / 2**20:.0f} GiB" if kibibytes != "0" else "unknown",
        "load before": _loads(),
        "system": f"{platform.system()} {platform.release()}",
        "compiler": _recorded(rb"GCC: \([^)]*\) [\d.]+|[\w ]*clang version [\d.]+"),
        # Where it was told to: -frecord-gcc-switches.
        "flags": _recorded(rb"GNU C\+\+\d+ [\d.]+ (-[ -~]+)"),
        "whitediff": whitediff.__version__,
        "FFTW": fftw.version(),
        "numpy": np.__version__,
        "Python": platform.python_version(),
    }
