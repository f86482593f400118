"""The base class of all tasks: a configured, named, logging unit of work."""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from lsst.pex.config import Config, ConfigurableField
from lsst.pex.config.configurableField import ConfigurableInstance
from lsst.utils.logging import LsstLogAdapter, getLogger
from lsst.utils.timer import logInfo

from .framework import TaskBase
from .metadata import TaskMetadata

__all__ = ["Task"]


class Task(TaskBase):
    """A unit of processing with a configuration, a name, a log, metadata and subtasks.

    A subclass sets `ConfigClass`, as a rule `_DefaultName`, and a ``run`` method that returns a
    `whitediff.tasks.Struct`. Where lsst.pipe.base is installed this is one of its tasks. Those of
    ``lsst.pipe.base`` can be subtasks of this one and the other way round.

    Parameters
    ----------
    config : lsst.pex.config.Config, optional
        The configuration. By default that of the field `name` in the parent's configuration, or
        ``ConfigClass()`` for a task with no parent.
    name : str, optional
        The brief name, by default `_DefaultName`. A subtask needs one.
    parentTask : Task, optional
        The task that this one is a part of.
    log : logging.Logger, optional
        The logger that becomes the parent of this task's. Not used for subtasks, whose loggers
        are children of their parent's.

    Attributes
    ----------
    config : lsst.pex.config.Config
        The validated configuration.
    log : lsst.utils.logging.LsstLogAdapter
        The logger.
    metadata : TaskMetadata
        What the task records about its runs.

    Raises
    ------
    RuntimeError
        If a subtask has no name, or a task has neither a name nor `_DefaultName`.
    TypeError
        If `config` is not a configuration.
    lsst.pex.config.FieldValidationError
        If the configuration is not valid.
    """

    ConfigClass: ClassVar[type[Config]]
    _DefaultName: ClassVar[str]
    # Loggers of top-level tasks stand under the package that defines the task.
    _add_module_logger_prefix = True

    # A subtask of lsst.pipe.base takes _taskDict and _computeFullName from its parent.
    _taskDict: dict[str, weakref.ReferenceType[Task]]

    def __init__(
        self,
        config: Config | None = None,
        *,
        name: str | None = None,
        parentTask: Task | None = None,
        log: logging.Logger | LsstLogAdapter | None = None,
    ) -> None:
        self.__parent = None if parentTask is None else weakref.ref(parentTask)
        self._name = _own_name(self, name, parentTask)
        self.metadata = TaskMetadata()
        if parentTask is None:
            self._fullName = self._name
            self._taskDict = {}
            self.log = self._top_level_log(log)
            config = self.ConfigClass() if config is None else config
        else:
            self._fullName = parentTask._computeFullName(self._name)
            self._taskDict = parentTask._taskDict
            self.log = parentTask.log.getChild(self._name)
            config = _subtask_config(parentTask, self._name) if config is None else config
        if not isinstance(config, Config):
            raise TypeError(f"config must be a Config, got {type(config).__name__}")
        config.validate()
        self.config: Any = config
        self._taskDict[self._fullName] = weakref.ref(self)

    @property
    def _parentTask(self) -> Task | None:
        return None if self.__parent is None else self.__parent()

    def _top_level_log(self, log: logging.Logger | LsstLogAdapter | None) -> LsstLogAdapter:
        if log is not None:
            return getLogger(self._name, logger=cast(logging.Logger, log))
        if not self._add_module_logger_prefix:
            return getLogger(self._name)
        package = type(self).__module__.partition(".")[0]
        return getLogger(f"{package}.{self._name}")

    def _computeFullName(self, name: str) -> str:
        return f"{self._fullName}.{name}"

    def getName(self) -> str:
        """Return the brief name.

        Returns
        -------
        name : str
            The name of this task alone.
        """
        return self._name

    def getFullName(self) -> str:
        """Return the name with those of the parents.

        Returns
        -------
        name : str
            The names from the top-level task down, joined by dots.
        """
        return self._fullName

    def getTaskDict(self) -> dict[str, weakref.ReferenceType[Task]]:
        """Return the top-level task and all tasks under it.

        Returns
        -------
        tasks : dict
            Weak references by full name; a shallow copy.
        """
        return self._taskDict.copy()

    def emptyMetadata(self) -> None:
        """Begin new metadata for the top-level task and all tasks under it."""
        for task in self._tasks().values():
            # A foreign subtask keeps its own kind of metadata.
            task.metadata = type(task.metadata)()

    def getFullMetadata(self) -> TaskMetadata:
        """Return the metadata of the top-level task and all tasks under it.

        Returns
        -------
        metadata : TaskMetadata
            The metadata of each task under its full name, with colons for dots, so that an item's
            key is like ``top:sub:subsub.item``.
        """
        full = TaskMetadata()
        for name, task in self._tasks().items():
            full[name.replace(".", ":")] = task.metadata
        return full

    def _tasks(self) -> dict[str, Task]:
        tasks = {name: reference() for name, reference in self._taskDict.items()}
        gone = sorted(name for name, task in tasks.items() if task is None)
        if gone:
            raise RuntimeError(f"tasks must be alive, got these that are gone: {', '.join(gone)}")
        return {name: task for name, task in tasks.items() if task is not None}

    @classmethod
    def makeField(cls, doc: str) -> ConfigurableField[Any]:
        """Return a configuration field for this task as a subtask.

        Parameters
        ----------
        doc : str
            What the subtask does.

        Returns
        -------
        field : lsst.pex.config.ConfigurableField
            A field whose target is this class.
        """
        return ConfigurableField(doc=doc, target=cls)

    def makeSubtask(self, name: str, **keyArgs: Any) -> None:
        """Make the subtask of a configuration field and store it as an attribute.

        Parameters
        ----------
        name : str
            The name of a `ConfigurableField` or `RegistryField`, and of the attribute.
        **keyArgs : object
            More arguments for the subtask, apart from ``config`` and ``parentTask``.

        Raises
        ------
        KeyError
            If the configuration has no field of that name.
        """
        field = getattr(self.config, name, None)
        if field is None:
            raise KeyError(
                f"name must be that of a field of the config of {self.getFullName()}, got {name!r}"
            )
        setattr(self, name, field.apply(name=name, parentTask=self, **keyArgs))

    @contextlib.contextmanager
    def timer(self, name: str, logLevel: int = logging.DEBUG) -> Iterator[None]:
        """Time a block of code: log and record the use of resources before and after it.

        Parameters
        ----------
        name : str
            What the metadata items begin with: ``<name>StartCpuTime``, ``<name>EndCpuTime``
            and so on.
        logLevel : int, optional
            The level to log at.
        """
        logInfo(self, f"{name}Start", logLevel=logLevel)
        try:
            yield
        finally:
            logInfo(self, f"{name}End", logLevel=logLevel)

    def _reduce_kwargs(self) -> dict[str, Any]:
        """Return the keyword arguments to make the task anew with when it is unpickled.

        A subclass with more arguments adds them to those of its base class.
        """
        return {"config": self.config, "name": self._name, "parentTask": self._parentTask}

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_task, (type(self), self._reduce_kwargs())


def _make_task(task_class: type[Task], kwargs: dict[str, Any]) -> Task:
    return task_class(**kwargs)


def _own_name(task: Task, name: str | None, parentTask: Task | None) -> str:
    if name is not None:
        return name
    if parentTask is not None:
        raise RuntimeError(f"a subtask must have a name, got {type(task).__name__}, which has none")
    default: str | None = getattr(task, "_DefaultName", None)
    if default is None:
        raise RuntimeError(
            f"a task must have a name or _DefaultName, got {type(task).__name__}, which has neither"
        )
    return default


def _subtask_config(parent: Task, name: str) -> Any:
    field = getattr(parent.config, name)
    return field.value if isinstance(field, ConfigurableInstance) else field
