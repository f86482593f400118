"""The package as it is installed against another revision of it: the rows of `run.py --against`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import builds
from cases import STAMP, Case, Measured, Settings, fresh
from remote import Remote
from timing import take_turns

# What tells little once the rounds have taken so many seconds.
_PATIENCE = 120.0


def _calls(target: Path, contestant: str, size: int | None = None) -> Callable[..., Measured]:
    def measure(settings: Settings) -> Measured:
        what = (contestant, size or settings.size, settings.threads)
        old, environment = builds.python(target, [])
        with (
            Remote([sys.executable], os.environ, *what) as new,
            Remote(old, environment, *what) as other,
        ):
            above, below = take_turns(
                [new, other], settings.repeat, settings.clock, patience=_PATIENCE
            )
        return _ratios(above, below)

    return measure


def _processes(target: Path, name: str) -> Callable[..., Measured]:
    def measure(settings: Settings) -> Measured:
        commands = [([sys.executable], dict(os.environ)), builds.python(target, [])]
        seconds: list[list[float]] = [[], []]
        # The first processes find files that are not in memory yet.
        for turn in range(settings.repeat + 1):
            for n in (0, 1) if turn % 2 else (1, 0):
                answer = fresh(*commands[n], name, "--size", str(settings.size))
                if turn > 0:
                    seconds[n].append(answer["value"])
        return _ratios(*seconds)

    return measure


def _ratios(new: Sequence[float], old: Sequence[float]) -> Measured:
    ratios = [a / b for a, b in zip(new, old, strict=True)]
    return Measured(ratios, {"new": median(new), "old": median(old)})


@contextmanager
def cases_against(revision: str) -> Iterator[tuple[Case, ...]]:
    """Build a revision in a temporary folder, and give the cases that compare with it: new / old.

    Parameters
    ----------
    revision : `str`
        What git knows, or a folder in which the package lies as it was installed.

    Raises
    ------
    ValueError
        If git knows no such revision.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(revision).resolve()
        if not (target / "whitediff").is_dir():
            source, target = Path(folder, "source"), Path(folder, "package")
            builds.unpack(revision, source)
            builds.install(target, {}, source)
        measures = {
            "decorrelate": _calls(target, "decorrelate"),
            "planes": _calls(target, "decorrelate, variance planes"),
            "task": _calls(target, "DecorrelateALKernelSpatialTask"),
            "full-variance": _calls(target, "decorrelate, full variance"),
            "stamp": _calls(target, "decorrelate", STAMP),
            "stack": _calls(target, "whiten_stack", 64),
            "import": _processes(target, "import"),
            "help": _processes(target, "help"),
        }
        yield tuple(
            Case(name, f"{name}, new / {revision}", measure) for name, measure in measures.items()
        )
