"""One version number, told by all."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import whitediff

ROOT = Path(__file__).parents[1]


def project_version() -> str:
    """The number in project() of CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text()
    found = re.search(r"project\(\s*whitediff\s+VERSION\s+([0-9]+\.[0-9]+\.[0-9]+)\s", text)
    assert found is not None
    return found[1]


def test_module_and_metadata_tell_the_version_of_the_project() -> None:
    assert whitediff.__version__ == project_version()
    assert version("whitediff") == project_version()


def test_changelog_has_the_version() -> None:
    headings = re.findall(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == project_version()
    assert len(headings) == len(set(headings))
