"""``python -m whitediff.cli``: the same as the command ``whitediff``."""

from . import main

main()
