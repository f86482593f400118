"""Write the pages of the manual about the command, one for each of its commands: `make man`.

usage: man.py FOLDER
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import click
from click_man.core import write_man_pages

from whitediff.cli.app import app

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    # The group imports its commands when they run, and has none until then.
    context = click.Context(app)
    for name in app.list_commands(context):
        app.add_command(app.get_command(context, name), name)
    write_man_pages("whitediff", app, version=version("whitediff"), target_dir=str(folder))
