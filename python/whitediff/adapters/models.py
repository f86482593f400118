"""Kernels and PSFs that are models of astropy.modeling, those of photutils among them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..kernel import Kernel, KernelImages, Positions, fixed_kernel

__all__ = ["kernel_of_model", "psf_of_model"]

# The parameters that say where a model has its middle.
_MIDDLES = (("x_0", "y_0"), ("x_mean", "y_mean"))
# A model without a box is followed to where it has this part of its peak, or so many pixels.
_FAINT, _FARTHEST = 1e-5, 64
# Of a model that is still so bright there, too much would be left out.
_BRIGHT = 1e-2


def kernel_of_model(model: Any) -> Kernel:
    """Give the kernel that a model is, about its point (0, 0).

    Parameters
    ----------
    model : astropy.modeling.Model
        Of two inputs, the offsets x and y from the centre of the kernel; a middle elsewhere is a
        shift. Values at the middles of pixels count.

    Raises
    ------
    TypeError
        If it is no single model of x and y, or looks different from place to place.
    ValueError
        If it does not fall off within 64 pixels.
    """
    if _is_grid(model):
        raise TypeError(f"kernel must be one for the whole frame, got {type(model).__name__}")
    parameters = _parameters(model, "kernel")
    radius = _radius(model, parameters, (0.0, 0.0), "kernel")
    return fixed_kernel(_image(model, parameters, radius, (0.0, 0.0)))


def psf_of_model(model: Any) -> Kernel:
    """Give the PSF that a model is, about its own middle.

    Parameters
    ----------
    model : astropy.modeling.Model
        Of pixel coordinates x and y, as those of photutils; its amplitude does not count. One with
        the positions of a grid (``grid_xypos`` of GriddedPSFModel) is evaluated where the PSF is
        wanted.

    Raises
    ------
    TypeError, ValueError
        As `kernel_of_model`; and if the parts of a sum have their middles in different places.
    """
    parameters = _parameters(model, "psf")
    # Photutils shares nothing of the flux with the shape.
    parameters |= {"flux": 1.0} if "flux" in parameters else {}
    middle = _middle(model, parameters)
    radius = _radius(model, parameters, middle, "psf")
    if _is_grid(model):
        return _GriddedPsf(model, parameters, radius)
    return fixed_kernel(_image(model, parameters, radius, middle))


class _GriddedPsf(Kernel):
    """A model that looks different where its middle is."""

    def __init__(self, model: Any, parameters: dict[str, float], radius: int) -> None:
        super().__init__(shape=(2 * radius + 1,) * 2)
        self._model, self._parameters, self._radius = model, parameters, radius

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return np.stack(
            [
                _image(
                    self._model,
                    {**self._parameters, "x_0": float(u), "y_0": float(v)},
                    self._radius,
                    (float(u), float(v)),
                )
                for u, v in zip(x, y, strict=True)
            ]
        )


def _parameters(model: Any, name: str) -> dict[str, float]:
    if (model.n_inputs, model.n_outputs, len(model)) != (2, 1, 1):
        raise TypeError(
            f"{name} must be one model of x and y, got {type(model).__name__} of {model.n_inputs} "
            f"inputs, {model.n_outputs} outputs, {len(model)} models"
        )
    return {one: float(getattr(model, one).value) for one in model.param_names}


def _is_grid(model: Any) -> bool:
    return hasattr(model, "grid_xypos")


def _middle(model: Any, parameters: dict[str, float]) -> tuple[float, float]:
    """Give the point (x, y) that a PSF is about; parts of a sum have numbers in their names."""
    found = {
        (value, parameters[f"{y}{name.removeprefix(x)}"])
        for x, y in _MIDDLES
        for name, value in parameters.items()
        if re.fullmatch(rf"{x}(_\d+)?", name)
    }
    if len(found) > 1:
        raise ValueError(
            f"psf must have one middle, got {type(model).__name__} with {len(found)}: "
            f"{', '.join(f'({x:g}, {y:g})' for x, y in sorted(found))}"
        )
    return found.pop() if found else (0.0, 0.0)


def _image(
    model: Any, parameters: dict[str, float], radius: int, middle: tuple[float, ...]
) -> KernelImages:
    """Give the values of a model at offsets of whole pixels from a point."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    # As arrays, which is how models have their parameters when they are called.
    values = model.evaluate(x + middle[0], y + middle[1], *map(np.atleast_1d, parameters.values()))
    image: KernelImages = np.asarray(values, np.float64)
    return image


def _radius(model: Any, parameters: dict[str, float], middle: tuple[float, ...], name: str) -> int:
    """Give the pixels to which a model is followed: to the edge of its box, if it has one."""
    try:
        (y0, y1), (x0, x1) = model.bounding_box.bounding_box()
    except NotImplementedError:
        peak = 0.0
        for radius in range(4, _FARTHEST + 1, 4):
            image = np.abs(_image(model, parameters, radius, middle))
            peak, edge = image.max(), max(side.max() for side in _edges(image))
            if edge <= _FAINT * peak:
                return radius
        if not edge <= _BRIGHT * peak:
            raise ValueError(
                f"{name} must fall off within {_FARTHEST} pixels, got {type(model).__name__}"
            ) from None
        return _FARTHEST
    ends = (x0 - middle[0], x1 - middle[0], y0 - middle[1], y1 - middle[1])
    return max(1, math.ceil(max(abs(float(end)) for end in ends) - 0.5))


def _edges(image: KernelImages) -> tuple[KernelImages, ...]:
    return image[0], image[-1], image[:, 0], image[:, -1]
