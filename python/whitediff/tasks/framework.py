"""The classes of lsst.pipe.base where it is installed: bases of ours, which are told by them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from pydantic import BaseModel

__all__ = ["MetadataBase", "StructBase", "TaskBase", "TaskError"]


if TYPE_CHECKING:
    MetadataBase = BaseModel
    StructBase = SimpleNamespace
    TaskBase = object

    class TaskError(Exception):
        """What a task raises where the message says all, and a traceback nothing."""

else:
    try:
        from lsst.pipe.base import Struct as StructBase
        from lsst.pipe.base import Task as TaskBase
        from lsst.pipe.base import TaskError
        from lsst.pipe.base import TaskMetadata as MetadataBase
    except ImportError:
        MetadataBase, StructBase, TaskBase = BaseModel, SimpleNamespace, object

        class TaskError(Exception):
            """What a task raises where the message says all, and a traceback nothing."""
