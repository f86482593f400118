"""Whether a difference image is what its images and its kernel make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernel import Kernel
from .files import Pair, Subtraction
from .job import Side
from .meshes import spread_meshes

__all__ = ["Agreement", "agreement"]

Floats = NDArray[np.float64]

# Nine meshes of so many pixels on a side, or so many times as many as a kernel reaches over.
_SIDE, _REACHES, _MESHES = 112, 5, 9
# Medians are those of every so many-th pixel.
_STEP = 4
_LEAST_PIXELS = 2000
_SIGMA_OF_MAD = 1.4826
_CLIP_SIGMAS, _CLIP_ROUNDS = 5.0, 3
# Right sets leave 0.005 of the scatter of the difference, or less, where they are simulated, and
# up to a tenth where backgrounds, moving stars and truncated kernels come in.
_CLEAR, _FAIR = 0.01, 0.2
# What another filter leaves of a difference that it was applied to: 0.25 at most, as its reach is
# cut off by the meshes and by gaps, where unrelated images leave 0.9.
_COHERENT = 0.4
# Another hypothesis has to be so much better.
_BETTER = 0.5
_FACTOR_ERROR = 0.02
# Where a kernel jumps, that in the middle is not the mean of the corners, by so much of it.
_JUMP = 0.05
# Neighbouring pixels of noise that is white already.
_WHITE_LAG = 0.03


@dataclass(frozen=True)
class Agreement:
    """How far a difference image is what its images and its kernel make.

    Attributes
    ----------
    scatter : float
        Of what is left of the difference when scale (S - K*T) and a background are taken off, over
        its own.
    cause : str
        What is wrong, in words; empty if nothing is.
    is_white_already : bool
        Whether the difference is what they make, but for a filter that has whitened it.
    """

    scatter: float
    cause: str = ""
    is_white_already: bool = False


class _Corners(NamedTuple):
    """A kernel in the corners of a mesh: [2, 2, v, u], and row and column of its centre."""

    images: Floats
    center: tuple[int, int]


@dataclass(frozen=True)
class _Mesh:
    """A part of the frame: flat pixels of the images, zero where one has none.

    The kernels are those of every component, or, of science image and template, that of the pair
    with the second.
    """

    images: tuple[Floats, ...]
    difference: Floats
    usable: NDArray[np.bool_]
    kernels: tuple[tuple[_Corners, ...], ...]


_Model = Callable[[_Mesh], Floats]


def agreement(subtraction: Subtraction) -> Agreement | None:
    """Compare a difference image with what its images and kernels make, on parts of the frame.

    Parameters
    ----------
    subtraction : Subtraction
        The difference, and what it was made of.

    Returns
    -------
    Agreement or None
        None if nothing is known of what it was made of, it is no linear combination, too few
        pixels have a value, or all have the same.
    """
    pair, components = subtraction.pair, subtraction.components.values()
    if any(component.variance_factor != 1 for component in components):
        return None
    kernels = ((), (pair.kernel,)) if pair is not None else [part.kernels for part in components]
    if not kernels:
        return None
    reach = 1 + max(sum(max(kernel.shape) // 2 for kernel in of_image) for of_image in kernels)
    side = max(_SIDE, _REACHES * reach)
    meshes = [
        mesh
        for part in spread_meshes(subtraction.difference.shape, side, _MESHES)
        if (mesh := _mesh(subtraction, kernels, reach, part)) is not None
    ]
    pixels = [mesh.difference[mesh.usable] for mesh in meshes]
    if sum(map(len, pixels)) < _LEAST_PIXELS or not _scatter(np.concatenate(pixels)) > 0:
        return None
    if pair is None:
        weights = {name: part.weight for name, part in subtraction.components.items()}
        other_sign = partial(_other_sign, meshes, weights)
        return _judged(meshes, _combination(weights.values()), 1.0, other_sign, of_pair=False)
    other_way = partial(_other_way, meshes, pair.convolved)
    return _judged(meshes, _pair(pair.convolved), _scale(pair, meshes), other_way, of_pair=True)


def _scale(pair: Pair, meshes: list[_Mesh]) -> float:
    if pair.scale is not None:
        return pair.scale
    sums = [mesh.kernels[1][0].images.sum(axis=(2, 3)).mean() for mesh in meshes]
    return 1.0 if pair.convolved == "template" else 1.0 / float(np.mean(sums))


def _judged(
    meshes: list[_Mesh],
    model: _Model,
    scale: float,
    other_way: Callable[[float], str],
    *,
    of_pair: bool,
) -> Agreement:
    factor, scatter = _fit(meshes, model)
    if scatter >= _CLEAR:
        if cause := other_way(scatter):
            return Agreement(scatter, cause)
        filtered, is_white = _filtered(meshes, model)
        if is_white and filtered < _COHERENT:
            return Agreement(scatter, "the difference is white already", True)
        if scatter >= _FAIR and filtered < _COHERENT:
            return Agreement(scatter, "the difference was filtered after the subtraction")
    if scatter >= _FAIR:
        return Agreement(
            scatter,
            f"the difference is not what images and kernel make: {scatter:.2g} of its scatter is "
            "left",
        )
    if abs(factor / scale - 1) < _FACTOR_ERROR:
        return Agreement(scatter)
    if factor * scale < 0:
        way = "template minus science" if of_pair else "minus what images and weights make"
        return Agreement(scatter, f"the difference is {way}")
    remedy = f": give --scale {factor:.4g}" if of_pair else ""
    return Agreement(
        scatter, f"the difference was multiplied by {factor:.4g}, not {scale:.4g}{remedy}"
    )


def _other_way(meshes: list[_Mesh], convolved: Side, scatter: float) -> str:
    """How images and kernel make the difference much better, in words; empty if they do not."""
    other: Side = "science" if convolved == "template" else "template"
    factor, left = _fit(meshes, _pair(other))
    direction = (
        f"the {other} was convolved: give --convolved {other}"
        if factor > 0
        else "science and template are exchanged"
    )
    found = {direction: left}
    for name, turned in _TURNS.items():
        _, found[f"the kernel is {name}"] = _fit(meshes, _pair(convolved, turned))
    return _much_better(found, scatter)


def _other_sign(meshes: list[_Mesh], weights: dict[str, float], scatter: float) -> str:
    """Which component has the other sign, in words; empty if none has."""
    found = {}
    for name, weight in weights.items():
        factor, left = _fit(meshes, _combination((weights | {name: -weight}).values()))
        if factor > 0:
            found[f"the weight of {name} has the other sign"] = left
    return _much_better(found, scatter)


def _much_better(found: Mapping[str, float], scatter: float) -> str:
    best = min(found, key=lambda name: found[name], default="")
    return best if best and found[best] < min(_BETTER * scatter, _FAIR) else ""


_TURNS: Mapping[str, Callable[[Floats], Floats]] = {
    "transposed (x and y exchanged)": lambda k: k.swapaxes(-1, -2),
    "turned by 180 degrees": lambda k: k[..., ::-1, ::-1],
    "mirrored in x": lambda k: k[..., ::-1],
    "mirrored in y": lambda k: k[..., ::-1, :],
    "turned by 90 degrees": lambda k: np.rot90(k, 1, axes=(-2, -1)),
    "turned by 270 degrees": lambda k: np.rot90(k, -1, axes=(-2, -1)),
}


def _mesh(
    subtraction: Subtraction,
    kernels: Sequence[Sequence[Kernel]],
    reach: int,
    part: tuple[slice, slice],
) -> _Mesh | None:
    images = [
        exposure.image[part].astype(np.float64)
        for exposure in (*subtraction.images.values(), subtraction.difference)
    ]
    # Squares of what no telescope gives have no room in a double.
    known = [np.isfinite(image) & (abs(image) < 1e25) for image in images]
    height, width = images[0].shape
    if min(height, width) < 4 * reach or not known[-1].any():
        return None
    inside = np.zeros((height, width), bool)
    inside[reach:-reach, reach:-reach] = True
    usable = inside & known[-1]
    unknown = ~np.logical_and.reduce(known[:-1])
    if unknown.any():
        # It spreads as far as the kernel reaches.
        box = np.ones((2 * reach + 1, 2 * reach + 1))
        usable &= _convolved(unknown.astype(np.float64), box, (reach, reach)) < 0.5
    *flat, difference = (
        np.where(seen, image - _level(image[seen]), 0.0)
        for image, seen in zip(images, known, strict=True)
    )
    x0, y0 = subtraction.difference.xy0
    rows, columns = part
    ends_y, ends_x = (
        (y0 + rows.start, y0 + rows.stop - 1),
        (x0 + columns.start, x0 + columns.stop - 1),
    )
    x = np.array([*ends_x, *ends_x, sum(ends_x) / 2], float)
    y = np.repeat([*ends_y, sum(ends_y) / 2], (2, 2, 1)).astype(float)
    corners = []
    for of_image in kernels:
        found = [(kernel.evaluate(x, y), kernel.center) for kernel in of_image]
        if subtraction.grid is not None and any(_jumps(images) for images, _ in found):
            return None
        corners.append(
            tuple(_Corners(k[:4].reshape(2, 2, *k.shape[1:]), center) for k, center in found)
        )
    return _Mesh(tuple(flat), difference, usable, tuple(corners))


def _jumps(images: Floats) -> bool:
    """Whether the last kernel, in the middle, is not what lies between the others."""
    between = images[:4].mean(axis=0)
    return bool(abs(images[4] - between).sum() > _JUMP * abs(between).sum())


def _pair(convolved: Side, turned: Callable[[Floats], Floats] | None = None) -> _Model:
    """S - K*T, or K*S - T."""

    def model(mesh: _Mesh) -> Floats:
        science, template = mesh.images
        ((kernels, center),) = mesh.kernels[1]
        if turned is not None:
            kernels = turned(kernels)
            center = (kernels.shape[2] - 1) // 2, (kernels.shape[3] - 1) // 2
        if convolved == "template":
            return science - _matched(template, kernels, center)
        return _matched(science, kernels, center) - template

    return model


def _combination(weights: Collection[float]) -> _Model:
    """The images, each convolved with its kernels, times their weights."""

    def model(mesh: _Mesh) -> Floats:
        total = np.zeros_like(mesh.difference)
        for weight, image, kernels in zip(weights, mesh.images, mesh.kernels, strict=True):
            matched = image
            for corners in kernels:
                matched = _matched(matched, *corners)
            total += weight * matched
        return total

    return model


def _matched(image: Floats, kernels: Floats, center: tuple[int, int]) -> Floats:
    """Convolve with the kernels of the corners, a mean between them; with one if they agree."""
    if (kernels == kernels[0, 0]).all():
        return _convolved(image, kernels[0, 0], center)
    height, width = image.shape
    down, right = np.linspace(0, 1, height)[:, np.newaxis], np.linspace(0, 1, width)
    matched = np.zeros_like(image)
    for row, in_y in enumerate((1 - down, down)):
        for column, in_x in enumerate((1 - right, right)):
            matched += in_y * in_x * _convolved(image, kernels[row, column], center)
    return matched


def _convolved(image: Floats, kernel: Floats, center: tuple[int, int]) -> Floats:
    """Give the convolution, which comes round at the edges."""
    padded = np.zeros_like(image)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    padded = np.roll(padded, (-center[0], -center[1]), axis=(0, 1))
    # Of a kernel of numbers beyond reason, which is refused elsewhere, nothing is known.
    with np.errstate(over="ignore", invalid="ignore"):
        result: Floats = np.fft.irfft2(np.fft.rfft2(image) * np.fft.rfft2(padded), s=image.shape)
    return result


def _fit(meshes: list[_Mesh], made_by: _Model) -> tuple[float, float]:
    """Factor of the model that is in the difference, and scatter of the rest over its own."""
    seen, made = [], []
    for mesh in meshes:
        model = made_by(mesh)
        seen.append(_without_background(mesh.difference, mesh.usable))
        made.append(_without_background(model, mesh.usable))
    difference, model = np.concatenate(seen), np.concatenate(made)
    noise = abs(difference) < _CLIP_SIGMAS * _scatter(difference)
    noise &= abs(model) < _CLIP_SIGMAS * _scatter(model)
    power = (model[noise] ** 2).sum()
    factor = float((difference[noise] * model[noise]).sum() / power) if power > 0 else 0.0
    return factor, _scatter(difference - factor * model) / _scatter(difference)


def _without_background(image: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Usable pixels in a row, less a plane through the faint ones."""
    if not usable.any():
        return np.zeros(0)
    y, x = np.nonzero(usable)
    pixels = image[usable]
    terms = np.stack([np.ones(len(x)), x / image.shape[1], y / image.shape[0]])
    offset = pixels - _level(pixels)
    for _ in range(_CLIP_ROUNDS):
        faint = abs(offset) < _CLIP_SIGMAS * _scatter(offset)
        if faint.sum() <= len(terms):
            break
        of_faint, values = terms[:, faint], pixels[faint]
        # Sums, not products of matrices, whose threads would spin for so little.
        normal = np.array([[(a * b).sum() for a in of_faint] for b in of_faint])
        right = np.array([(a * values).sum() for a in of_faint])
        plane = np.linalg.solve(normal, right)
        offset = pixels - (plane[:, np.newaxis] * terms).sum(axis=0)
    return offset


def _level(values: Floats) -> float:
    return float(np.median(values[::_STEP])) if values.size else 0.0


def _scatter(values: Floats) -> float:
    """Give the standard deviation as the median deviation tells it."""
    return _SIGMA_OF_MAD * _level(abs(values))


def _filtered(meshes: list[_Mesh], made_by: _Model) -> tuple[float, bool]:
    """What is left of the difference after the filter of the model that is most like it.

    And whether the noise of the difference is white, where that of the model is not.
    """
    side = min(min(mesh.difference.shape) for mesh in meshes)
    window = np.hanning(side)[:, np.newaxis] * np.hanning(side)
    cross: Any = 0.0
    of_model: Any = 0.0
    of_difference: Any = 0.0
    neighbours, squares = np.zeros(2), np.zeros(2)
    for mesh in meshes:
        part = np.s_[:side, :side]
        model = made_by(mesh)
        spectra = []
        for n, image in enumerate((mesh.difference, model)):
            limit = _CLIP_SIGMAS * _scatter(image[mesh.usable])
            flat = np.where(mesh.usable & (abs(image) < limit), image, 0.0)
            spectra.append(np.fft.rfft2(window * flat[part]))
            neighbours[n] += (flat[:, 1:] * flat[:, :-1]).sum() + (flat[1:] * flat[:-1]).sum()
            squares[n] += 2 * (flat**2).sum()
        cross = cross + spectra[0] * spectra[1].conj()
        of_model = of_model + abs(spectra[1]) ** 2
        of_difference = of_difference + abs(spectra[0]) ** 2
    tiny = np.finfo(float).tiny
    left = of_difference - abs(cross) ** 2 / np.maximum(of_model, tiny)
    share = float(np.sqrt(max(0.0, left.sum()) / max(of_difference.sum(), tiny)))
    seen, made = abs(neighbours) / np.maximum(squares, tiny)
    return share, bool(seen < _WHITE_LAG < made / 2)
