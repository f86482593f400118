"""The instrument of simulated visits, as a repository knows it."""

from __future__ import annotations

from typing import Any

from lsst.pipe.base import Instrument
from lsst.utils.introspection import get_full_type_name

from .simulated import BAND, FILTER, INSTRUMENT, detector_name

__all__ = ["SimulatedInstrument"]

_LARGEST_VISIT = 2**31


class SimulatedInstrument(Instrument):
    """A camera of two detectors and one filter."""

    detectors = (0, 1)

    @classmethod
    def getName(cls) -> str:
        """Give its name in data IDs."""
        return INSTRUMENT

    def register(self, registry: Any, *, update: bool = False) -> None:
        """Insert the instrument, its detectors and its filter."""
        instrument = {
            "name": INSTRUMENT,
            "class_name": get_full_type_name(type(self)),
            "detector_max": len(self.detectors),
            "visit_max": _LARGEST_VISIT,
            "exposure_max": _LARGEST_VISIT,
        }
        with registry.transaction():
            registry.syncDimensionData("instrument", instrument, update=update)
            for number in self.detectors:
                record = {
                    "instrument": INSTRUMENT,
                    "id": number,
                    "full_name": detector_name(number),
                    "purpose": "SCIENCE",
                }
                registry.syncDimensionData("detector", record, update=update)
            record = {"instrument": INSTRUMENT, "name": FILTER, "band": BAND}
            registry.syncDimensionData("physical_filter", record, update=update)

    def getRawFormatter(self, dataId: Any) -> Any:
        """Raw images are not simulated."""
        raise NotImplementedError("raw images are not simulated")
