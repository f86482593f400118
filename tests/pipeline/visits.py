"""Simulated detectors in a visit, for the tests."""

from __future__ import annotations

from functools import cache

from whitediff.pipeline.simulated import VisitImages, visit_images
from whitediff.simulate import Simulation, simulate

SHAPE = (256, 300)


@cache
def simulation(seed: int = 3) -> Simulation:
    return simulate(SHAPE, seed=seed)


def visit(seed: int = 3) -> VisitImages:
    """New images, which a test may change."""
    return visit_images(simulation(seed), visit=7, detector=1, detectors=(0, 1))
