"""``python -m whitediff``: the same as the command ``whitediff``."""

from .cli import main

try:
    main()
finally:
    # If an interrupt came while code was run from a text, as the standard library does, Python ends
    # a module that is run as a program by SIGINT, though it was caught. More such code undoes that.
    exec("")
