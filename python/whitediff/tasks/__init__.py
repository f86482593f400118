"""Tasks with the interface of the Rubin pipelines.

The framework behaves as ``lsst.pipe.base`` does, without depending on it; the map-reduce tasks
and decorrelation tasks follow ``lsst.ip.diffim``.
"""

from contextlib import suppress

from lsst.utils.timer import timeMethod

from .decorrelate_al_kernel import (
    DecorrelateALKernelConfig,
    DecorrelateALKernelTask,
)
from .decorrelate_al_kernel_spatial import (
    DecorrelateALKernelMapper,
    DecorrelateALKernelMapperConfig,
    DecorrelateALKernelMapReduceConfig,
    DecorrelateALKernelSpatialConfig,
    DecorrelateALKernelSpatialTask,
)
from .framework import TaskError
from .image_map_reduce import ImageMapReduceConfig, ImageMapReduceTask
from .image_mapper import ImageMapper, ImageMapperConfig
from .image_reducer import ImageReducer, ImageReducerConfig
from .metadata import TaskMetadata
from .struct import Struct
from .task import Task

__all__ = [
    "DecorrelateALKernelConfig",
    "DecorrelateALKernelMapReduceConfig",
    "DecorrelateALKernelMapper",
    "DecorrelateALKernelMapperConfig",
    "DecorrelateALKernelSpatialConfig",
    "DecorrelateALKernelSpatialTask",
    "DecorrelateALKernelTask",
    "ImageMapReduceConfig",
    "ImageMapReduceTask",
    "ImageMapper",
    "ImageMapperConfig",
    "ImageReducer",
    "ImageReducerConfig",
    "Struct",
    "Task",
    "TaskError",
    "TaskMetadata",
    "timeMethod",
]

with suppress(ImportError):
    # What tasks raise in pipelines; there are none without lsst.pipe.base.
    from lsst.pipe.base import AlgorithmError, AnnotatedPartialOutputsError

    __all__ += ["AlgorithmError", "AnnotatedPartialOutputsError"]
