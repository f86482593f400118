"""The decorrelation task, configured by files and options."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

import click

from ..subtraction.masks import FILTER_EDGE
from ..tasks import DecorrelateALKernelSpatialConfig, DecorrelateALKernelSpatialTask

__all__ = ["configured_task", "task_settings"]

# The part of the configuration that a run uses, with one filter and with many.
_ONE_FILTER, _MANY_FILTERS = "decorrelateConfig", "decorrelateMapReduceConfig"


def task_settings(
    *, variance: str | None, threads: int | None, covariance: Any, ignore_planes: Sequence[str]
) -> dict[str, tuple[str, Any]]:
    """Give the fields of the task that options stand for, as `configured_task` takes them."""
    settings: dict[str, tuple[str, Any]] = {}
    if variance is not None:
        full = variance == "full"
        settings["completeVarPlanePropagation"] = (f"--variance {variance}", full)
    if threads is not None:
        settings["nThreads"] = (f"--threads {threads}", threads)
    if isinstance(covariance, str):
        settings["covariance"] = (f"--covariance {covariance}", covariance)
    if ignore_planes:
        settings["ignoreMaskPlanes"] = ("--ignore-plane", list(ignore_planes))
    return settings


def configured_task(
    file: Path | None,
    overrides: Sequence[str],
    settings: Mapping[str, tuple[str, Any]],
    *,
    constant: bool,
) -> DecorrelateALKernelSpatialTask:
    """Make a task from the default configuration, options, a file and single values.

    Parameters
    ----------
    file : Path, optional
        Overrides in the manner of lsst.pex.config: Python code that changes ``config``.
    overrides : sequence of str
        ``name=value``, applied after the file.
    settings : mapping of str to (str, object)
        Fields of the part that whitens, each with the option that stands for it, and its value;
        without an option it is a default that the configuration may change.
    constant : bool
        Whether the run is to use one filter for the frame.

    Raises
    ------
    click.UsageError
        If an override is not ``name=value``, or names what the run does not use; if file or
        overrides contradict an option.
    ValueError, OSError
        If the file cannot be read or fails; if a field is unknown or a value is not what it takes.
    """
    config = DecorrelateALKernelSpatialConfig()
    part = _ONE_FILTER if constant else f"{_MANY_FILTERS}.mapper"
    _member(config, part).filterEdgePlane = FILTER_EDGE
    for field, (_, value) in settings.items():
        setattr(_member(config, part), field, value)
    if file is not None:
        _load(config, file)
    for override in overrides:
        _override(config, override, constant=constant)
    if config.spatiallyVarying is constant:
        raise click.UsageError(
            f"the configuration has spatiallyVarying={constant}: "
            f"{'do not give' if constant else 'give'} --constant"
        )
    with _as_value_error("configuration"):
        for field, (option, value) in settings.items():
            found = getattr(_member(config, part), field)
            if option and found != value:
                raise click.UsageError(
                    f"{option} contradicts the configuration, in which {part}.{field} is {found}"
                )
        return DecorrelateALKernelSpatialTask(config=config)


def _member(config: Any, names: str) -> Any:
    return reduce(getattr, names.split("."), config)


def _load(config: Any, file: Path) -> None:
    text = file.read_bytes()
    with _as_value_error(str(file)):
        config.loadFromStream(compile(text, str(file), "exec"), filename=str(file))


def _override(config: Any, override: str, *, constant: bool) -> None:
    name, equals, text = (part.strip() for part in override.partition("="))
    if not (name and equals):
        raise click.UsageError(f"--config-override must be NAME=VALUE, got '{override}'")
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        # Text need not stand in quotes.
        value = text
    owner, _, field = name.rpartition(".")
    with _as_value_error(f"--config-override {override}"):
        setattr(_member(config, owner) if owner else config, field, value)
    unused = _MANY_FILTERS if constant else _ONE_FILTER
    if name.startswith(unused):
        raise click.UsageError(
            f"--config-override {override}: {unused} is not used "
            f"{'with' if constant else 'without'} --constant"
        )


@contextmanager
def _as_value_error(where: str) -> Iterator[None]:
    """Turn whatever a configuration raises into a ValueError that says where."""
    try:
        yield
    except click.UsageError:
        raise
    except Exception as error:
        # What follows in the messages of lsst.pex.config is the source code of the field.
        message = str(error).partition("\nFor more information")[0]
        if not isinstance(error, (AttributeError, ValueError)):
            message = f"{type(error).__name__}: {message}"
        raise ValueError(f"{where}: {message}") from error
