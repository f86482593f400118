"""One version number, told by all."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import whitediff

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "pyproject.toml"


def project_version() -> str:
    """The number in project() of CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text()
    found = re.search(r"project\(\s*whitediff\s+VERSION\s+([0-9]+\.[0-9]+\.[0-9]+)\s", text)
    assert found is not None
    return found[1]


def test_module_and_metadata_tell_the_version_of_the_project() -> None:
    assert whitediff.__version__ == project_version()
    assert version("whitediff") == project_version()


@pytest.mark.parametrize(
    "path, before",
    [
        ("CITATION.cff", "\nversion: "),
        ("codemeta.json", '"version": "'),
        ("packaging/conan/conanfile.py", 'version = "'),
        ("packaging/conda/recipe.yaml", 'version: "'),
        ("packaging/debian/changelog", "whitediff ("),
        ("packaging/vcpkg/vcpkg.json", '"version": "'),
    ],
)
def test_others_tell_the_version_of_the_project(path: str, before: str) -> None:
    found = re.search(re.escape(before) + r"([0-9.]+)", "\n" + (ROOT / path).read_text())
    assert found is not None
    assert found[1] == project_version()


@pytest.mark.parametrize("path", ["cpp/tests/consume/find_package/CMakeLists.txt", "docs/cpp.md"])
def test_consumers_ask_for_this_minor_version(path: str) -> None:
    found = re.search(r"find_package\(whitediff ([0-9.]+)", (ROOT / path).read_text())
    assert found is not None
    assert found[1] == project_version().rpartition(".")[0]


def test_the_library_of_debian_is_named_after_its_binary_interface() -> None:
    interface = project_version().rpartition(".")[0]
    name = f"libwhitediff{interface}"
    assert (ROOT / f"packaging/debian/{name}.install").exists()
    assert f"Package: {name}\n" in (ROOT / "packaging/debian/control").read_text()


def test_conda_has_what_a_build_takes() -> None:
    recipe = (ROOT / "packaging/conda/recipe.yaml").read_text()
    for needed in tomllib.loads(PROJECT.read_text())["build-system"]["requires"]:
        name, _, least = needed.partition(">=")
        assert re.search(rf"^    - {re.escape(name)} >={re.escape(least)}", recipe, re.MULTILINE)


def test_changelog_has_the_version() -> None:
    headings = re.findall(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == project_version()
    assert len(headings) == len(set(headings))


def test_changes_are_of_a_kind_that_the_changelog_has() -> None:
    kinds = {
        one["directory"] for one in tomllib.loads(PROJECT.read_text())["tool"]["towncrier"]["type"]
    }
    names = {path.name for path in (ROOT / "changelog.d").iterdir()} - {"README.md"}
    assert {
        name for name in names if name.split(".")[1:-1] not in [[kind] for kind in kinds]
    } == set()
