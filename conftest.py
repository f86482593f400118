"""The code on the pages of the documentation runs, each page in a folder of its own.

Python blocks share the names of their page. `sh` blocks are scripts, of which the first command
that fails fails the block; `cpp` blocks must compile. What a page needs and need not show stands in
a comment, `<!--- invisible-code-block: python ... -->`; what a machine may lack makes the block
after `<!--- skip: next if(..., reason="...") -->` skip.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).parent
LEAVE = "_leave_page"


def enter_page(names: dict[str, Any]) -> None:
    """Go to an empty folder, and find this interpreter's programs first."""
    before, path = Path.cwd(), os.environ["PATH"]
    folder = tempfile.TemporaryDirectory(prefix="page-")

    def leave() -> None:
        os.chdir(before)
        os.environ["PATH"] = path
        folder.cleanup()
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")

    os.chdir(folder.name)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    names[LEAVE] = leave


def leave_page(names: dict[str, Any]) -> None:
    """Go back to where the page was entered."""
    names[LEAVE]()


def run_shell(example: Example) -> None:
    """Run a block as a script of bash."""
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def compile_cpp(example: Example) -> None:
    """Compile a block against the public headers."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    headers = Path("include")
    if not headers.exists():
        shutil.copytree(ROOT / "cpp/include", headers)
        template = (ROOT / "cpp/version.hpp.in").read_text()
        (headers / "whitediff/version.hpp").write_text(re.sub(r"@\w+@", "0", template))
        (headers / "whitediff/export.hpp").write_text("#define WHITEDIFF_EXPORT\n")
    run = subprocess.run(
        [compiler, "-std=c++20", "-fsyntax-only", f"-I{headers}", "-xc++", "-"],
        input=example.parsed,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser(language="sh", evaluator=run_shell),
        CodeBlockParser(language="cpp", evaluator=compile_cpp),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=enter_page,
    teardown=leave_page,
).pytest()
