"""What the package shows before anything is computed: imports, names, stubs."""

import ast
import dataclasses
import inspect
import pydoc
import shutil
import subprocess
import sys
import typing
from importlib import resources

import pytest

import whitediff
from whitediff import _core
from whitediff.options import WhitenKeywords

HEAVY = {"astropy", "matplotlib", "rich", "click", "pydantic", "lsst", "scipy"}


def test_import_needs_numpy_only():
    code = f"import sys, whitediff; print({HEAVY!r} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("name", whitediff.__all__)
def test_public_names_exist(name):
    assert hasattr(whitediff, name)
    assert name in dir(whitediff)


@pytest.mark.parametrize("name", ["detection", "report", "simulate", "subtraction", "whiteness"])
def test_modules_need_no_import_of_their_own(name):
    code = f"import whitediff; print(name in dir(whitediff), whitediff.{name}.__name__)"
    code = f"name = {name!r}; {code}"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["True", f"whitediff.{name}"]


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
            stub[node.name] = {name for name in map(_name_of, node.body) if name}
        elif isinstance(node, ast.FunctionDef):
            stub[node.name] = set()
        elif isinstance(node, ast.AnnAssign) and not node.target.id.startswith("_"):
            stub[node.target.id] = _public_members(getattr(_core, node.target.id))
    core = {
        name: _public_members(value)
        for name, value in vars(_core).items()
        if not name.startswith("_")
    }
    assert stub == core


def _name_of(statement):
    """The public name that a statement of a class body makes."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            pass
        case ast.Assign(targets=[ast.Name(id=name)]):
            pass
        case _:
            return None
    return None if name.startswith("_") else name


def _public_members(value):
    if not isinstance(value, type):
        return set()
    return {member for member in vars(value) if not member.startswith("_")}


@pytest.mark.parametrize(
    "function",
    [
        whitediff.decorrelate,
        whitediff.decorrelate_bands,
        whitediff.whiten,
        whitediff.whiten_bands,
    ],
)
class TestOptions:
    """The keywords that the functions which whiten have in common."""

    def test_are_shown_with_their_defaults(self, function):
        parameters = inspect.signature(function).parameters
        for field in dataclasses.fields(whitediff.WhitenOptions):
            assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
            assert parameters[field.name].default == field.default
        assert not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        assert "spatially_varying: 'bool' = True" in pydoc.plain(pydoc.render_doc(function))

    def test_have_no_other_names(self, function):
        parameters = inspect.signature(function).parameters.values()
        arguments = [1.0 for parameter in parameters if parameter.default is parameter.empty]
        with pytest.raises(
            TypeError,
            match=rf"option of {function.__name__} must be one of .*psf.*mode.*, got moed",
        ):
            function(*arguments, moed="score")


def test_types_of_keywords_are_those_of_the_options():
    options = typing.get_type_hints(whitediff.WhitenOptions)
    assert typing.get_type_hints(WhitenKeywords) == options


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"mode": "snr"}, ValueError, "mode must be one of 'difference', 'score', got 'snr'"),
        ({"variance": "all"}, ValueError, "variance must be one of 'estimate', 'full', got 'all'"),
        ({"n_threads": 0.5}, TypeError, "n_threads must be an integer, got 0.5"),
        ({"ignore_mask": "BAD"}, TypeError, "ignore_mask must be an integer, got 'BAD'"),
        ({"grid": (3, 3)}, TypeError, "grid must be a Grid, got tuple"),
        ({"progress": True}, TypeError, "progress must be callable, got True"),
    ],
)
def test_options_are_checked_when_they_are_made(changed, error, message):
    with pytest.raises(error, match=message):
        whitediff.WhitenOptions(**changed)


@pytest.mark.skipif(shutil.which("nm") is None, reason="there is no nm")
def test_the_compiled_module_exports_nothing_but_its_beginning():
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", _core.__file__]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["PyInit__core"]
