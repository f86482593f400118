"""The base class of tasks."""

from __future__ import annotations

import gc
import logging
import pickle
import weakref
from typing import Any

import pytest
from lsst.pex.config import (
    Config,
    ConfigurableField,
    Field,
    FieldValidationError,
    makeRegistry,
)
from lsst.utils.logging import LsstLogAdapter, getLogger

from whitediff.tasks import Struct, Task, TaskMetadata, timeMethod


class LeafConfig(Config):
    power = Field[int](doc="An exponent.", default=2)
    required = Field[str](doc="A value that must not be None.", default="given")


class Leaf(Task):
    ConfigClass = LeafConfig
    _DefaultName = "leaf"

    def __init__(self, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offset = offset

    def _reduce_kwargs(self) -> dict[str, Any]:
        return {**super()._reduce_kwargs(), "offset": self.offset}

    @timeMethod
    def run(self, x: float) -> Struct:
        self.metadata["x"] = x
        self.log.info("raising %s", x)
        return Struct(y=x**self.config.power + self.offset)


class BranchConfig(Config):
    leaf = ConfigurableField[Any](doc="A subtask.", target=Leaf)


class Branch(Task):
    ConfigClass = BranchConfig
    _DefaultName = "branch"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.leaf: Leaf
        self.makeSubtask("leaf", offset=1.0)


class TreeConfig(Config):
    branch = ConfigurableField[Any](doc="A subtask that has one itself.", target=Branch)
    number = Field[int](doc="A number.", default=0)


class Tree(Task):
    ConfigClass = TreeConfig
    _DefaultName = "tree"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.branch: Branch
        self.makeSubtask("branch")

    def run(self, x: float) -> Struct:
        with self.timer("climb"):
            return self.branch.leaf.run(x)


class Unnamed(Task):
    ConfigClass = LeafConfig


def test_names_of_a_tree() -> None:
    tree = Tree()
    tasks: list[Task] = [tree, tree.branch, tree.branch.leaf]
    assert [task.getName() for task in tasks] == ["tree", "branch", "leaf"]
    full_names = ["tree", "tree.branch", "tree.branch.leaf"]
    assert [task.getFullName() for task in tasks] == full_names
    for task in tasks:
        assert list(task.getTaskDict()) == full_names
        assert [reference() for reference in task.getTaskDict().values()] == tasks


def test_task_dict_is_a_shallow_copy_of_weak_references() -> None:
    tree = Tree()
    tasks = tree.getTaskDict()
    assert all(isinstance(reference, weakref.ref) for reference in tasks.values())
    tasks.clear()
    assert len(tree.getTaskDict()) == 3


def test_config_is_that_given_the_default_or_the_parents() -> None:
    config = LeafConfig()
    config.power = 3
    assert Leaf(config=config).config is config
    assert Leaf().config == LeafConfig()
    tree_config = TreeConfig()
    tree_config.branch.leaf.power = 5
    tree = Tree(config=tree_config)
    assert tree.branch.leaf.config.power == 5
    assert tree.run(2.0).y == 2.0**5 + 1.0


def test_subtask_made_by_hand_takes_the_config_of_its_name() -> None:
    tree_config = TreeConfig()
    tree_config.branch.leaf.power = 6
    branch = Branch(config=tree_config.branch.value)
    assert type(Leaf(parentTask=branch, name="leaf").config) is LeafConfig
    assert Leaf(parentTask=branch, name="leaf").config.power == 6


def test_config_is_validated() -> None:
    config = LeafConfig()
    config.required = None
    with pytest.raises(FieldValidationError, match="required"):
        Leaf(config=config)
    with pytest.raises(TypeError, match="must be a Config, got dict"):
        Leaf(config={"power": 3})


def test_name_by_default_and_by_hand() -> None:
    assert Leaf().getName() == "leaf"
    assert Leaf(name="mine").getFullName() == "mine"
    assert Unnamed(name="mine").getFullName() == "mine"
    with pytest.raises(RuntimeError, match="_DefaultName, got Unnamed, which has neither"):
        Unnamed()


def test_subtasks_need_a_name_although_they_have_a_default() -> None:
    with pytest.raises(RuntimeError, match="subtask must have a name"):
        Leaf(parentTask=Branch())


def test_loggers_are_children_of_the_parents() -> None:
    tree = Tree()
    top = f"{__name__.partition('.')[0]}.tree"
    names = [task.log.name for task in (tree, tree.branch, tree.branch.leaf)]
    assert names == [top, f"{top}.branch", f"{top}.branch.leaf"]
    assert isinstance(tree.branch.log, LsstLogAdapter)


@pytest.mark.parametrize("log", [logging.getLogger("given"), getLogger("given")])
def test_logger_given_is_the_parent(log: Any) -> None:
    tree = Tree(log=log, name="mine")
    assert tree.log.name == "given.mine"
    assert tree.branch.log.name == "given.mine.branch"


def test_logger_of_a_task_that_stands_alone() -> None:
    class Alone(Unnamed):
        _add_module_logger_prefix = False

    assert Alone(name="alone").log.name == "alone"
    assert Alone(name="alone", log=logging.getLogger()).log.name == "alone"


def test_messages_reach_the_tasks_logger(caplog: pytest.LogCaptureFixture) -> None:
    tree = Tree()
    with caplog.at_level(logging.INFO):
        tree.run(3.0)
    assert [(r.name, r.getMessage()) for r in caplog.records] == [
        (tree.branch.leaf.log.name, "raising 3.0")
    ]


def test_full_metadata_of_all_tasks() -> None:
    tree = Tree()
    tree.run(3.0)
    for task in (tree, tree.branch.leaf):
        metadata = task.getFullMetadata()
        assert metadata.keys() == ("tree", "tree:branch", "tree:branch:leaf")
        assert metadata["tree:branch:leaf.x"] == 3.0
        assert (
            metadata["tree:branch:leaf.runEndCpuTime"]
            >= (metadata["tree:branch:leaf.runStartCpuTime"])
        )
        assert "tree.climbEndUtc" in metadata


def test_empty_metadata_of_all_tasks() -> None:
    tree = Tree()
    tree.run(3.0)
    before = tree.metadata
    tree.branch.emptyMetadata()
    assert tree.metadata is not before and "climbStartUtc" in before
    assert [len(metadata) for _, metadata in tree.getFullMetadata().items()] == [0, 0, 0]


def test_subtask_outlives_its_parent() -> None:
    tree = Tree()
    leaf = tree.branch.leaf
    del tree
    gc.collect()
    with pytest.raises(RuntimeError, match="gone: tree, tree.branch"):
        leaf.getFullMetadata()


def test_timer_logs_and_records(caplog: pytest.LogCaptureFixture) -> None:
    task = Leaf()
    with caplog.at_level(logging.DEBUG), task.timer("part"):
        during = set(task.metadata.keys())
    assert "partStartCpuTime" in during and "partEndCpuTime" not in during
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    messages = [record.getMessage() for record in caplog.records]
    assert [m.partition("=")[0] for m in messages] == ["partStartCpuTime", "partEndCpuTime"]
    names = {name.removeprefix("part") for name in task.metadata}
    for item in ("Utc", "CpuTime", "UserTime", "SystemTime", "MaxResidentSetSize"):
        assert {f"Start{item}", f"End{item}"} <= names
    with task.timer("part"):
        pass
    assert len(task.metadata.getArray("partEndUtc")) == 2


def test_timer_level(caplog: pytest.LogCaptureFixture) -> None:
    task = Leaf()
    with caplog.at_level(logging.DEBUG), task.timer("part", logLevel=logging.INFO):
        pass
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_timer_ends_with_an_error() -> None:
    task = Leaf()
    with pytest.raises(ZeroDivisionError), task.timer("part"):
        _ = 1 / 0
    assert "partEndUtc" in task.metadata


def test_make_field() -> None:
    field = Leaf.makeField("What it does.")
    assert isinstance(field, ConfigurableField)
    assert field.target is Leaf
    assert field.doc == "What it does."


def test_make_subtask_names_a_missing_field() -> None:
    with pytest.raises(KeyError, match="field of the config of tree, got 'missing'"):
        Tree().makeSubtask("missing")


def test_retargeted_subtask() -> None:
    class Other(Leaf):
        def run(self, x: float) -> Struct:
            return Struct(y=-x)

    config = TreeConfig()
    config.branch.leaf.retarget(Other)
    assert Tree(config=config).run(2.0).y == -2.0


def test_registry_of_tasks() -> None:
    registry = makeRegistry("Things to do.")
    registry.register("leaf", Leaf)
    registry.register("unnamed", Unnamed)

    class ChoiceConfig(Config):
        choice = registry.makeField("The thing to do.", default="leaf")

    class Chooser(Task):
        ConfigClass = ChoiceConfig
        _DefaultName = "chooser"
        choice: Any

    config = ChoiceConfig()
    config.choice["leaf"].power = 4
    chooser = Chooser(config=config)
    chooser.makeSubtask("choice", offset=0.5)
    assert chooser.choice.run(2.0).y == 16.5
    assert chooser.choice.getFullName() == "chooser.choice"
    config.choice.name = "unnamed"
    chooser.makeSubtask("choice")
    assert isinstance(chooser.choice, Unnamed)


def test_pickle_keeps_config_name_and_more_arguments() -> None:
    config = LeafConfig()
    config.power = 3
    task = pickle.loads(pickle.dumps(Leaf(config=config, name="mine", offset=2.0)))
    assert (task.getName(), task.offset, task.config.power) == ("mine", 2.0, 3)
    assert task.metadata == TaskMetadata()


def test_pickle_of_a_tree() -> None:
    config = TreeConfig()
    config.branch.leaf.power = 3
    tree = pickle.loads(pickle.dumps(Tree(config=config)))
    assert tree.run(2.0).y == 9.0
    assert tree.branch.leaf.getFullName() == "tree.branch.leaf"


def test_pickle_of_a_subtask_brings_its_parent() -> None:
    tree = Tree()
    leaf = pickle.loads(pickle.dumps(tree.branch.leaf))
    assert leaf.getFullName() == "tree.branch.leaf"
