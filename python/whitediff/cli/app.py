"""The commands, put together; what goes wrong becomes one line and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from .._core import __version__
from .errors import reason
from .interrupts import interrupted

__all__ = ["app", "run"]

_FAILED, _BAD_INPUT, _INTERRUPTED = 1, 2, 130


class _Commands(click.Group):
    """The modules of the commands, of which only that of the command that runs is imported."""

    _NAMES = ("batch", "check", "decorrelate", "detect", "simulate", "whiten")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._NAMES:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
        return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """White noise, right variance and right PSF for astronomical difference images.

    Exit status: 0 if all went well, 2 for bad input, 3 for a result likely to be wrong (with
    --strict), 130 if it was interrupted, 1 for any other failure.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str
        What stands behind ``whitediff`` on the command line.

    Returns
    -------
    int
        The exit status.
    """
    try:
        status = app.main(list(arguments), prog_name="whitediff", standalone_mode=False)
    except BaseException as error:
        if isinstance(error, click.Abort):
            return _complain("interrupted", _INTERRUPTED)
        if interrupted(error):
            # As click begins a line.
            print(file=sys.stderr)
            return _complain("interrupted", _INTERRUPTED)
        if not isinstance(error, Exception) or isinstance(error, ModuleNotFoundError):
            raise
        return _complain(*_what_failed(error))
    # A command that leaves by `Context.exit` gives the status that it left with.
    return status or 0


def _what_failed(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.ClickException):
        return error.format_message(), _BAD_INPUT
    is_input = isinstance(error, TypeError | ValueError)
    if isinstance(error, OSError):
        # What cannot be read has a name; what cannot be written there, as the terminal, has none.
        is_input = error.errno is None or error.filename is not None
    return reason(error), _BAD_INPUT if is_input else _FAILED


def _complain(message: str, status: int) -> int:
    print("whitediff:", " ".join(message.split()), file=sys.stderr)
    return status
