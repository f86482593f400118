"""The code keeps to the floors of docs/architecture.md."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python/whitediff"
PAGE = (ROOT / "docs/architecture.md").read_text()
TABLE = PAGE.partition("<!-- floors -->")[2].partition("<!-- /floors -->")[0]
FLOORS = {
    module: int(floor)
    for floor, modules in re.findall(r"^\| (\d+) \| ([^|]+) \|", TABLE, flags=re.M)
    for module in re.findall(r"`(\w+)`", modules)
}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path):
    """The dotted name of a file, a package by its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path): path for path in FILES}


def imports(path):
    """Modules of the package that a file imports, wherever in it; "" is the package's face."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("whitediff")]
            assert not names, f"{path.name}: imports inside the package are relative, got {names}"
        if not isinstance(node, ast.ImportFrom) or not (node.level or node.module == "whitediff"):
            continue
        above = package[: len(package) - node.level + 1]
        base = [*above, *(node.module.split(".") if node.module else ())]
        for alias in node.names:
            full = ".".join([*base, alias.name])
            known = full in MODULES or full == "_core"
            target = full if known else ".".join(base)
            if not (target == "" and alias.name == "__version__"):
                yield target


def floor(module):
    return FLOORS[module.partition(".")[0]]


def test_every_room_has_a_floor():
    rooms = {module.partition(".")[0] for module in MODULES} | {"_core"}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    for imported in imports(MODULES[module]):
        assert imported, f"{module} imports the face of the package"
        assert floor(imported) <= floor(module), f"{module} imports {imported} from above it"


def test_no_circle():
    graph = {
        module: {name for name in imports(path) if name in MODULES and name != module}
        for module, path in MODULES.items()
    }
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`((?:\w+/)+\w+\.\w+)`", PAGE))))
def test_places_that_the_page_names_exist(place):
    assert any((folder / place).exists() for folder in (ROOT, PACKAGE))
