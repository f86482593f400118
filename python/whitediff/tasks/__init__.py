"""Tasks with the interface of the Rubin pipelines.

The framework behaves as ``lsst.pipe.base`` does, without depending on it; the map-reduce tasks
follow ``lsst.ip.diffim``.
"""

from lsst.utils.timer import timeMethod

from whitediff.tasks.image_map_reduce import ImageMapReduceConfig, ImageMapReduceTask
from whitediff.tasks.image_mapper import ImageMapper, ImageMapperConfig
from whitediff.tasks.image_reducer import ImageReducer, ImageReducerConfig
from whitediff.tasks.metadata import TaskMetadata
from whitediff.tasks.struct import Struct
from whitediff.tasks.task import Task

__all__ = [
    "ImageMapReduceConfig",
    "ImageMapReduceTask",
    "ImageMapper",
    "ImageMapperConfig",
    "ImageReducer",
    "ImageReducerConfig",
    "Struct",
    "Task",
    "TaskMetadata",
    "timeMethod",
]
