"""What the package shows before anything is computed: imports, names, stubs."""

import ast
import subprocess
import sys
from importlib import resources

import pytest

import whitediff
from whitediff import _core

HEAVY = {"astropy", "matplotlib", "rich", "click", "pydantic", "lsst", "scipy"}


def test_import_needs_numpy_only():
    code = f"import sys, whitediff; print({HEAVY!r} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("name", whitediff.__all__)
def test_public_names_exist(name):
    assert hasattr(whitediff, name)
    assert name in dir(whitediff)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'decorelate'"):
        whitediff.decorelate  # noqa: B018


def test_the_stub_names_what_the_core_has():
    package = resources.files(whitediff)
    assert (package / "py.typed").is_file()
    tree = ast.parse((package / "_core.pyi").read_text())
    stub = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            members = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            stub[node.name] = {member for member in members if not member.startswith("_")}
        elif isinstance(node, ast.FunctionDef):
            stub[node.name] = set()
    core = {
        name: _public_members(value)
        for name, value in vars(_core).items()
        if not name.startswith("_")
    }
    enumeration = core.pop("Reduction")
    assert stub.pop("Reduction") == set()
    assert {"crossfade", "average", "copy"} <= enumeration
    assert stub == core


def _public_members(value):
    if not isinstance(value, type):
        return set()
    return {member for member in vars(value) if not member.startswith("_")}
