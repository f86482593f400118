"""Comments and docstrings cite equations that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/mathematics.md"
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder, pattern in (("python", "*.py"), ("cpp", "*.hpp"), ("cpp", "*.cpp"))
    for path in (ROOT / folder).rglob(pattern)
    if "docs/mathematics.md" in path.read_text()
)
CITATION = re.compile(r"docs/mathematics\.md, (Eqs?)\. (\d+(?:(?:, | and | to )\d+)*)")
EQUATION = re.compile(r"\bEqs?\. ?\d")
TECHNOTE = re.compile(r"DMTN-(?:021|179), Eqs?\. \d+(?:(?:, | and | to )\d+)*")
NUMERICAL_METHODS = {
    "computeVarianceMean": [14],
    "computeDiffimCorrection": [7, 8],
    "computeScoreCorrection": [9],
    "estimateVariancePlane": [4],
    "calculateVariancePlane": [5],
    "computeCorrectedDiffimPsf": [6],
    "computeCorrectedImage": [2, 3],
}


def prose(source):
    """The text of a file in one line, without the marks of comments."""
    return re.sub(r"\s+", " ", re.sub(r"^\s*//[/!]?<?", " ", source, flags=re.M))


def cited(text):
    """Every citation of the page in a text: its word ("Eq" or "Eqs"), and its numbers."""
    for word, numbers in CITATION.findall(text):
        ends = [int(number) for number in re.findall(r"\d+", numbers)]
        yield word, list(range(ends[0], ends[-1] + 1)) if " to " in numbers else ends


@pytest.fixture(scope="module")
def equations():
    return [int(number) for number in re.findall(r"\\tag\{(\d+)\}", PAGE.read_text())]


def test_equations_are_numbered_in_order(equations):
    assert equations == list(range(1, len(equations) + 1))
    assert PAGE.read_text().count("```math") == len(equations)


def test_the_page_refers_to_its_own_equations(equations):
    references = re.findall(r"(?<![{\w])\((\d{1,2})\)", PAGE.read_text())
    assert references
    assert {int(number) for number in references} <= set(equations)


@pytest.mark.parametrize("path", SOURCES)
def test_cited_equations_exist(path, equations):
    text = prose((ROOT / path).read_text())
    citations = list(cited(text))
    # Every mention of the page names an equation of it.
    assert len(citations) == text.count("docs/mathematics.md")
    for word, numbers in citations:
        assert set(numbers) <= set(equations)
        assert (word == "Eqs") == (len(numbers) > 1)


@pytest.mark.parametrize("path", SOURCES)
def test_no_equation_is_cited_without_its_place(path):
    text = prose((ROOT / path).read_text())
    assert not EQUATION.findall(TECHNOTE.sub("", CITATION.sub("", text)))


@pytest.mark.parametrize("name", NUMERICAL_METHODS)
def test_methods_cite_what_they_compute(name):
    source = ROOT / "python/whitediff/tasks/decorrelate_al_kernel.py"
    (method,) = (
        node
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    numbers = [numbers for _, numbers in cited(prose(ast.get_docstring(method)))]
    assert numbers == [NUMERICAL_METHODS[name]]
