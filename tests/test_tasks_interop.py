"""Our tasks beside those of lsst.pipe.base: in one tree, in one file, and side by side."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lsst.pex.config import Config, ConfigurableField, Field, makeRegistry

import whitediff.tasks as ours
from whitediff.exposure import Exposure

real: Any = pytest.importorskip("lsst.pipe.base", reason="lsst.pipe.base is not installed")


class LeafConfig(Config):
    power = Field[int](doc="An exponent.", default=2)


class OurLeaf(ours.Task):
    ConfigClass = LeafConfig
    _DefaultName = "leaf"

    @ours.timeMethod
    def run(self, x: float) -> ours.Struct:
        _record(self, x)
        return ours.Struct(y=x**self.config.power)


class RealLeaf(real.Task):
    ConfigClass = LeafConfig
    _DefaultName = "leaf"

    @ours.timeMethod
    def run(self, x: float) -> Any:
        _record(self, x)
        return real.Struct(y=x**self.config.power)


def _record(task: Any, x: float) -> None:
    task.metadata["x"] = x
    task.metadata["single"] = [1]
    task.metadata["nested.values"] = [math.nan, math.inf, -math.inf]
    task.metadata.add("several", np.float32(0.5))


class OurParentConfig(Config):
    """Configuration of one of our tasks with subtasks from both sides."""

    ours = ConfigurableField[Any](doc="A task of ours.", target=OurLeaf)
    real = ConfigurableField[Any](doc="A task of lsst.pipe.base.", target=RealLeaf)


class OurParent(ours.Task):
    ConfigClass = OurParentConfig
    _DefaultName = "parent"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.makeSubtask("ours")
        self.makeSubtask("real")

    @ours.timeMethod
    def run(self, x: float) -> tuple[float, float]:
        with self.timer("both"):
            return self.ours.run(x).y, self.real.run(x).y  # type: ignore[attr-defined]


class RealParent(real.Task):
    ConfigClass = OurParentConfig
    _DefaultName = "parent"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.makeSubtask("ours")
        self.makeSubtask("real")

    @ours.timeMethod
    def run(self, x: float) -> tuple[float, float]:
        with self.timer("both"):
            return self.ours.run(x).y, self.real.run(x).y


BOTH_PARENTS = pytest.mark.parametrize("parent_class", [OurParent, RealParent])
METADATA_CLASSES = [ours.TaskMetadata, real.TaskMetadata]


@BOTH_PARENTS
def test_subtasks_of_both_kinds_run(parent_class: type[Any]) -> None:
    config = OurParentConfig()
    config.ours.power = 3
    config.real.power = 4
    assert parent_class(config=config).run(2.0) == (8.0, 16.0)


@BOTH_PARENTS
def test_names_and_loggers(parent_class: type[Any]) -> None:
    parent = parent_class(name="top")
    tasks = [parent, parent.ours, parent.real]
    package = __name__.partition(".")[0]
    assert [task.getFullName() for task in tasks] == ["top", "top.ours", "top.real"]
    assert [task.log.name for task in tasks] == [
        f"{package}.top",
        f"{package}.top.ours",
        f"{package}.top.real",
    ]
    for task in tasks:
        assert [reference() for reference in task.getTaskDict().values()] == tasks


@BOTH_PARENTS
@pytest.mark.parametrize("teller", ["parent", "ours", "real"])
def test_full_metadata_merges(parent_class: type[Any], teller: str) -> None:
    parent = parent_class()
    parent.run(2.0)
    metadata = (parent if teller == "parent" else getattr(parent, teller)).getFullMetadata()
    assert set(metadata.keys()) == {"parent", "parent:ours", "parent:real"}
    for subtask in ("parent:ours", "parent:real"):
        assert metadata[f"{subtask}.x"] == 2.0
        assert metadata[subtask].arrays["single"] == [1]
        assert metadata.getArray(f"{subtask}.several") == [0.5]
        np.testing.assert_array_equal(
            metadata.getArray(f"{subtask}.nested.values"), [np.nan, np.inf, -np.inf]
        )
        assert len(metadata.getArray(f"{subtask}.runEndUtc")) == 1
    assert "parent.bothEndCpuTime" in metadata.names()


@BOTH_PARENTS
@pytest.mark.parametrize("reader", METADATA_CLASSES)
def test_json_is_read_by_both_sides(parent_class: type[Any], reader: type[Any]) -> None:
    parent = parent_class()
    parent.run(2.0)
    text = parent.getFullMetadata().model_dump_json()
    again = reader.model_validate_json(text).model_dump_json()
    # Of numbers the real one makes floats when it reads; NaN is equal to NaN here.
    np.testing.assert_equal(json.loads(again), json.loads(text))
    if reader is ours.TaskMetadata:
        assert again == text


@BOTH_PARENTS
@pytest.mark.parametrize("caller", ["parent", "ours", "real"])
def test_metadata_is_emptied_and_filled_again(parent_class: type[Any], caller: str) -> None:
    parent = parent_class()
    parent.run(2.0)
    (parent if caller == "parent" else getattr(parent, caller)).emptyMetadata()
    assert [len(metadata) for _, metadata in parent.getFullMetadata().items()] == [0, 0, 0]
    parent.run(3.0)
    assert parent.getFullMetadata()["parent:ours.x"] == 3.0
    assert parent.getFullMetadata()["parent:real.x"] == 3.0


def test_emptied_metadata_stays_of_its_kind() -> None:
    parent = OurParent()
    parent.emptyMetadata()
    assert type(parent.metadata) is ours.TaskMetadata
    assert type(parent.real.metadata) is real.TaskMetadata  # type: ignore[attr-defined]


@BOTH_PARENTS
def test_pickle_of_a_mixed_tree(parent_class: type[Any]) -> None:
    config = OurParentConfig()
    config.ours.power = 3
    parent = pickle.loads(pickle.dumps(parent_class(config=config, name="mine")))
    assert parent.getFullName() == "mine"
    assert parent.run(2.0) == (8.0, 4.0)


@pytest.mark.parametrize("base", [ours.Task, real.Task])
def test_registry_with_tasks_of_both_kinds(base: type[Any]) -> None:
    registry = makeRegistry("Powers.")
    registry.register("ours", OurLeaf)
    registry.register("real", RealLeaf)

    class ChoiceConfig(Config):
        choice = registry.makeField("Which power.", default="ours")

    class Chooser(base):  # type: ignore[misc]
        ConfigClass = ChoiceConfig
        _DefaultName = "chooser"

    for name, leaf in (("ours", OurLeaf), ("real", RealLeaf)):
        config = ChoiceConfig()
        config.choice.name = name
        chooser = Chooser(config=config)
        chooser.makeSubtask("choice")
        assert type(chooser.choice) is leaf
        assert chooser.choice.run(3.0).y == 9.0
        assert chooser.getFullMetadata()["chooser:choice.x"] == 3.0


@pytest.mark.parametrize("base", [ours.Task, real.Task])
def test_retargeting_to_the_other_kind(base: type[Any]) -> None:
    class ParentConfig(Config):
        leaf = ConfigurableField[Any](doc="A power.", target=RealLeaf)

    class Parent(base):  # type: ignore[misc]
        ConfigClass = ParentConfig
        _DefaultName = "parent"

    config = ParentConfig()
    config.leaf.retarget(OurLeaf)
    config.leaf.power = 5
    parent = Parent(config=config)
    parent.makeSubtask("leaf")
    assert parent.leaf.run(2.0).y == 32.0


@pytest.mark.parametrize(("outer", "inner"), [METADATA_CLASSES, METADATA_CLASSES[::-1]])
def test_metadata_holds_that_of_the_other_kind(outer: type[Any], inner: type[Any]) -> None:
    source = inner()
    source["scalar"] = 1.5
    source["array"] = ["a"]
    source["nested.deep.flag"] = True
    target = outer()
    target["key"] = source
    assert target.to_dict() == {"key": source.to_dict()}
    assert isinstance(target["key.nested.deep"], outer)
    assert target["key"].arrays == {"array": ["a"]}
    duplicate = outer.from_metadata(source)
    assert duplicate.to_dict() == {"scalar": 1.5, "array": "a", "nested": {"deep": {"flag": True}}}


# What both sides do with each value; where they differ on purpose the value is not in the list.
VALUES: list[Any] = [
    1,
    True,
    1.5,
    "text",
    math.nan,
    -math.inf,
    2**80,
    None,
    1j,
    object,
    [],
    (),
    [1, 2],
    (1.5, 2.5),
    range(3),
    ["a"],
    [1, "a"],
    [1, 2.0],
    [True, 1],
    [None],
    [[1]],
    [{"a": 1}],
    {},
    {"a": 1},
    {"a": {"b": [2]}},
    {"a": None},
    {1: 2},
    {1, 2},
    np.int64(3),
    np.uint8(3),
    np.float32(2.5),
    np.longdouble(1.5),
    np.bool_(True),
    np.str_("text"),
    np.array([1, 2]),
    np.array(3),
    [np.float32(1.0), np.float32(2.0)],
]
OPERATIONS: dict[str, Callable[[Any, str, Any], Any]] = {
    "set": lambda m, key, value: m.__setitem__(key, value),
    "add": lambda m, key, value: m.add(key, value),
    "get": lambda m, key, value: m[key],
    "get default": lambda m, key, value: m.get(key, 17),
    "getScalar": lambda m, key, value: m.getScalar(key),
    "getArray": lambda m, key, value: m.getArray(key),
    "contains": lambda m, key, value: key in m,
    "delete": lambda m, key, value: m.__delitem__(key),
    "get_dict": lambda m, key, value: m.get_dict(key),
    "names": lambda m, key, value: (m.names(), m.paramNames(True), m.paramNames(False)),
    "keys": lambda m, key, value: (m.keys(), list(m), len(m), [k for k, _ in m.items()]),
}
KEYS = ["int", "array", "empty", "nested", "nested.x", "new", "new.x", "int.x", "", ".", "a..b"]


def _outcome(metadata_class: type[Any], name: str, key: str, value: Any) -> Any:
    """State and result after an operation, or the kind of error that it ends with."""
    metadata = metadata_class()
    for item, content in (("int", 1), ("array", [1, 2]), ("empty", []), ("nested.x", 0.5)):
        metadata[item] = content
    try:
        result = OPERATIONS[name](metadata, key, value)
    except (ValueError, KeyError) as error:
        return type(error)
    if isinstance(result, list):
        result = [r.to_dict() if hasattr(r, "to_dict") else r for r in result]
    elif hasattr(result, "to_dict"):
        result = result.to_dict()
    return repr(result), metadata.model_dump_json()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", ["set", "add"])
def test_metadata_writes_as_the_real_one_does(name: str, key: str) -> None:
    for value in VALUES:
        if name == "add" and (key == "empty" or isinstance(value, list | tuple) and not value):
            continue  # Where an array is empty the real one fails with an IndexError.
        outcomes = [_outcome(kind, name, key, value) for kind in METADATA_CLASSES]
        assert outcomes[0] == outcomes[1], (name, key, value)


# For the dictionary of what is none the real one has an AttributeError, ours a ValueError.
READS = [
    (name, key)
    for name in list(OPERATIONS)[2:-2]
    for key in KEYS
    if not (name == "get_dict" and key in ("int", "array", "nested.x"))
]


@pytest.mark.parametrize(("name", "key"), READS)
def test_metadata_reads_as_the_real_one_does(name: str, key: str) -> None:
    outcomes = [_outcome(kind, name, key, None) for kind in METADATA_CLASSES]
    assert outcomes[0] == outcomes[1]


def test_metadata_lists_names_as_the_real_one_does() -> None:
    samples = [kind() for kind in METADATA_CLASSES]
    for sample in samples:
        sample["a.b.c"] = 1
        sample["d"] = [1, 2]
        sample["e"] = "text"
        sample["a.f"] = True
    for operation in (OPERATIONS["names"], OPERATIONS["keys"]):
        assert operation(samples[0], "", None) == operation(samples[1], "", None)
    assert repr(samples[0]) == repr(samples[1])


@pytest.mark.parametrize(
    "operation",
    [
        lambda kind: repr(kind(a=1, b="text", c=[1, 2])),
        lambda kind: kind(a=1, b=2).getDict(),
        lambda kind: kind(__a=1),
        lambda kind: kind(_a=1).getDict(),
        lambda kind: kind(getDict=1),
        lambda kind: kind(copy=1),
        lambda kind: kind(a=1).mergeItems(kind(a=2), "a"),
        lambda kind: kind(a=1).mergeItems(kind(b=2), "c"),
        lambda kind: kind(a=1) == kind(a=1),
        lambda kind: kind(a=1) == kind(a=2),
        lambda kind: (len(kind()), len(kind(a=1)), bool(kind())),
        lambda kind: type(type("Sub", (kind,), {})(a=1).copy()) is kind,
    ],
)
def test_struct_does_as_the_real_one(operation: Callable[[type[Any]], Any]) -> None:
    def outcome(kind: type[Any]) -> Any:
        try:
            return operation(kind)
        except (RuntimeError, AttributeError) as error:
            return type(error)

    assert outcome(ours.Struct) == outcome(real.Struct)


def test_structs_of_both_kinds_merge_and_compare() -> None:
    assert ours.Struct(a=1) == real.Struct(a=1)
    for one, other in ((ours.Struct, real.Struct), (real.Struct, ours.Struct)):
        struct = one(a=1)
        struct.mergeItems(other(b=2), "b")
        assert struct == other(a=1, b=2)


def test_timers_record_the_same_items() -> None:
    names = []
    for leaf in (OurLeaf(), RealLeaf()):
        leaf.run(2.0)
        with leaf.timer("part"):
            pass
        names.append({(key, type(value)) for key, value in leaf.metadata.items()} - {"nested"})
    assert {key for key, _ in names[0]} == {key for key, _ in names[1]}


class RealMapper(real.Task):
    """A mapper that is a task of lsst.pipe.base."""

    ConfigClass = ours.ImageMapperConfig
    _DefaultName = "mapper"

    def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
        subExposure.image.array += 1
        self.metadata.add("columns", subExposure.getBBox().getMinX())
        return real.Struct(subExposure=subExposure)


class RealPipelineConfig(Config):
    mapReduce = ConfigurableField[Any](doc="Cell by cell.", target=ours.ImageMapReduceTask)


class RealPipeline(real.Task):
    ConfigClass = RealPipelineConfig
    _DefaultName = "pipeline"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.makeSubtask("mapReduce")


def test_map_reduce_between_real_tasks() -> None:
    config = RealPipelineConfig()
    config.mapReduce.scaleByFwhm = False
    config.mapReduce.mapper.retarget(RealMapper)
    pipeline = RealPipeline(config=config)
    exposure = Exposure(image=np.zeros((15, 25)), variance=np.ones((15, 25)))
    result = pipeline.mapReduce.run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, np.ones((15, 25)))
    metadata = pipeline.getFullMetadata()
    assert metadata["pipeline:mapReduce.nCells"] == 6
    assert metadata.getArray("pipeline:mapReduce:mapper.columns") == [0, 7, 15] * 2
    assert metadata["pipeline:mapReduce:reducer.nInvalidPixels"] == 0


def test_constructor_errors_are_of_the_same_kind() -> None:
    for base in (ours.Task, real.Task):
        unnamed = type("Unnamed", (base,), {"ConfigClass": LeafConfig})
        with pytest.raises(RuntimeError):
            unnamed()
        with pytest.raises(RuntimeError):
            unnamed(parentTask=OurParent())
        with pytest.raises(KeyError, match="missing"):
            unnamed(name="given").makeSubtask("missing")


def test_ours_are_those_of_the_framework() -> None:
    assert isinstance(ours.Struct(a=1), real.Struct)
    assert isinstance(OurLeaf(), real.Task)
    assert isinstance(OurLeaf().metadata, real.TaskMetadata)
    assert ours.TaskError is real.TaskError


def test_what_tasks_raise_is_that_of_the_framework() -> None:
    assert ours.AlgorithmError is real.AlgorithmError
    task = OurLeaf()
    error = ours.AnnotatedPartialOutputsError.annotate(ValueError("no x"), task, log=task.log)
    assert isinstance(error, real.AnnotatedPartialOutputsError)
    assert task.metadata["failure"]["message"] == "no x"
