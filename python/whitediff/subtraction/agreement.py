"""Whether a difference image is what its images and its kernel make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class _Mesh:
    """A part of the frame: flat pixels of the images, zero where one has none."""

    science: Floats
    template: Floats
    difference: Floats
    usable: NDArray[np.bool_]
    kernels: Floats  # in the corners, [2, 2, v, u]
    center: tuple[int, int]  # row and column of the kernels'


def agreement(subtraction: Subtraction) -> Agreement | None:
    """Compare a difference image with scale (S - K*T), or scale (K*S - T), on parts of the frame.

    Parameters
    ----------
    subtraction : Subtraction
        The difference, and what it was made of.

    Returns
    -------
    Agreement or None
        None if nothing is known of what it was made of, too few pixels have a value, or all have
        the same.
    """
    pair = subtraction.pair
    if pair is None:
        return None
    side = max(_SIDE, _REACHES * _reach(pair))
    meshes = [
        mesh
        for part in spread_meshes(subtraction.difference.shape, side, _MESHES)
        if (mesh := _mesh(subtraction, pair, part)) is not None
    ]
    pixels = [mesh.difference[mesh.usable] for mesh in meshes]
    if sum(map(len, pixels)) < _LEAST_PIXELS or not _scatter(np.concatenate(pixels)) > 0:
        return None
    scale = pair.scale
    if scale is None:
        sums = [mesh.kernels.sum(axis=(2, 3)).mean() for mesh in meshes]
        scale = 1.0 if pair.convolved == "template" else 1.0 / float(np.mean(sums))
    return _judged(meshes, pair.convolved, scale)


def _judged(meshes: list[_Mesh], convolved: Side, scale: float) -> Agreement:
    factor, scatter = _fit(meshes, convolved, _as_it_is)
    if scatter >= _CLEAR:
        if cause := _other_way(meshes, convolved, scatter):
            return Agreement(scatter, cause)
        filtered, is_white = _filtered(meshes, convolved)
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
        return Agreement(scatter, "the difference is template minus science")
    return Agreement(
        scatter,
        f"the difference was multiplied by {factor:.4g}, not {scale:.4g}: give --scale "
        f"{factor:.4g}",
    )


def _other_way(meshes: list[_Mesh], convolved: Side, scatter: float) -> str:
    """How images and kernel make the difference much better, in words; empty if they do not."""
    other: Side = "science" if convolved == "template" else "template"
    factor, left = _fit(meshes, other, _as_it_is)
    direction = (
        f"the {other} was convolved: give --convolved {other}"
        if factor > 0
        else "science and template are exchanged"
    )
    found = {direction: left}
    for name, turned in _TURNS.items():
        _, found[f"the kernel is {name}"] = _fit(meshes, convolved, turned)
    best = min(found, key=lambda name: found[name])
    return best if found[best] < min(_BETTER * scatter, _FAIR) else ""


def _as_it_is(kernels: Floats) -> Floats:
    return kernels


_TURNS: Mapping[str, Callable[[Floats], Floats]] = {
    "transposed (x and y exchanged)": lambda k: k.swapaxes(-1, -2),
    "turned by 180 degrees": lambda k: k[..., ::-1, ::-1],
    "mirrored in x": lambda k: k[..., ::-1],
    "mirrored in y": lambda k: k[..., ::-1, :],
    "turned by 90 degrees": lambda k: np.rot90(k, 1, axes=(-2, -1)),
    "turned by 270 degrees": lambda k: np.rot90(k, -1, axes=(-2, -1)),
}


def _mesh(subtraction: Subtraction, pair: Pair, part: tuple[slice, slice]) -> _Mesh | None:
    images = [
        image[part].astype(np.float64)
        for image in (pair.science.image, pair.template.image, subtraction.difference.image)
    ]
    # Squares of what no telescope gives have no room in a double.
    known = [np.isfinite(image) & (abs(image) < 1e25) for image in images]
    height, width = images[0].shape
    reach = _reach(pair)
    if min(height, width) < 4 * reach or not known[2].any():
        return None
    inside = np.zeros((height, width), bool)
    inside[reach:-reach, reach:-reach] = True
    usable = inside & known[2]
    unknown = ~(known[0] & known[1])
    if unknown.any():
        # It spreads as far as the kernel reaches.
        box = np.ones((2 * reach + 1, 2 * reach + 1))
        usable &= _convolved(unknown.astype(np.float64), box, (reach, reach)) < 0.5
    flat = [
        np.where(seen, image - _level(image[seen]), 0.0)
        for image, seen in zip(images, known, strict=True)
    ]
    x0, y0 = subtraction.difference.xy0
    rows, columns = part
    corners = [
        (y, x) for y in (rows.start, rows.stop - 1) for x in (columns.start, columns.stop - 1)
    ]
    kernels = pair.kernel.evaluate(
        np.array([x0 + float(x) for _, x in corners]), np.array([y0 + float(y) for y, _ in corners])
    )
    science, template, difference = flat
    kernels = kernels.reshape(2, 2, *kernels.shape[1:])
    return _Mesh(science, template, difference, usable, kernels, pair.kernel.center)


def _reach(pair: Pair) -> int:
    return 1 + max(pair.kernel.shape) // 2


def _model(mesh: _Mesh, convolved: Side, turned: Callable[[Floats], Floats]) -> Floats:
    """S - K*T, or K*S - T, the kernel between the corners being a mean of theirs."""
    kernels = turned(mesh.kernels)
    center = mesh.center
    if turned is not _as_it_is:
        center = (kernels.shape[2] - 1) // 2, (kernels.shape[3] - 1) // 2
    if convolved == "template":
        return mesh.science - _matched(mesh.template, kernels, center)
    return _matched(mesh.science, kernels, center) - mesh.template


def _matched(image: Floats, kernels: Floats, center: tuple[int, int]) -> Floats:
    """Convolve with the kernels of the corners, blended; with one if they are the same."""
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
    result: Floats = np.fft.irfft2(np.fft.rfft2(image) * np.fft.rfft2(padded), s=image.shape)
    return result


def _fit(
    meshes: list[_Mesh], convolved: Side, turned: Callable[[Floats], Floats]
) -> tuple[float, float]:
    """Factor of the model that is in the difference, and scatter of the rest over its own."""
    seen, made = [], []
    for mesh in meshes:
        model = _model(mesh, convolved, turned)
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


def _filtered(meshes: list[_Mesh], convolved: Side) -> tuple[float, bool]:
    """What is left of the difference after the filter of the model that is most like it.

    And whether the noise of the difference is white, where that of the model is not.
    """
    side = min(min(mesh.science.shape) for mesh in meshes)
    window = np.hanning(side)[:, np.newaxis] * np.hanning(side)
    cross: Any = 0.0
    of_model: Any = 0.0
    of_difference: Any = 0.0
    neighbours, squares = np.zeros(2), np.zeros(2)
    for mesh in meshes:
        part = np.s_[:side, :side]
        model = _model(mesh, convolved, _as_it_is)
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
