"""Whether a difference image is what its images and its kernel make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernel import Kernel, Side, flux_scale, transform_size
from .meshes import spread_meshes

__all__ = ["Agreement", "Subtracted", "Term", "agreement"]

Floats = NDArray[np.float64]
Part = tuple[slice, slice]

# Nine meshes of so many pixels on a side, or so many times as many as a kernel reaches over; large
# ones where small ones do not agree, so that filters of some reach can be told.
_SMALL, _LARGE, _REACHES, _MESHES = 64, 112, 5, 9
# Medians and backgrounds are those of every so many-th pixel.
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
        Of what is left of the difference when what images and kernels make and a background are
        taken off, over its own.
    cause : str
        What is wrong, in words; empty if nothing is.
    is_white_already : bool
        Whether the difference is what they make, but for a filter that has whitened it.
    """

    scatter: float
    cause: str = ""
    is_white_already: bool = False


class Term(NamedTuple):
    """An image that a difference is made of, what it was convolved with, and its weight."""

    image: Any
    kernels: tuple[Kernel, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Subtracted:
    """A difference image with what it was made of, as far as they have to be looked at.

    Images are anything with a shape that two slices, of rows and of columns, cut.

    Attributes
    ----------
    difference : array-like, [y, x]
        Pixels that have no value are not finite.
    terms : mapping [str, Term]
        The images before any convolution, in the order of the sources of noise.
    convolved : {"template", "science"} or None
        Which image of a pair "science", "template" the matching kernel was applied to; None for
        any other combination.
    scale : float
        The factor by which the sum of the terms was multiplied.
    xy0 : tuple of float
        Position (x, y) of pixel [0, 0] in the coordinates of the kernels.
    has_seams : bool
        Whether kernels change from one pixel to the next somewhere.
    ignored : mapping [str, array-like of bool]
        Of each image, pixels to leave out of its sky, if there are any.
    described : sequence of str
        Images whose variance was given, and not measured in their sky.
    shared_variance : float
        What the variances of a pair have in common.
    """

    difference: Any
    terms: Mapping[str, Term]
    convolved: Side | None = None
    scale: float = 1.0
    xy0: tuple[float, float] = (0.0, 0.0)
    has_seams: bool = False
    ignored: Mapping[str, Any] = field(default_factory=dict)
    described: tuple[str, ...] = ("science", "template")
    shared_variance: float = 0.0

    @classmethod
    def of_pair(
        cls,
        difference: Any,
        science: Any,
        template: Any,
        kernel: Kernel,
        convolved: Side,
        scale: float | None = None,
        xy0: tuple[float, float] = (0.0, 0.0),
        **others: Any,
    ) -> Subtracted:
        """Give it of S - K*T, or of K*S - T; by default with the scale of `flux_scale`."""
        matched = {"science": (), "template": (), convolved: (kernel,)}
        terms = {
            "science": Term(science, matched["science"], 1.0),
            "template": Term(template, matched["template"], -1.0),
        }
        if scale is None:
            scale = flux_scale(kernel, convolved, difference.shape, xy0)
        return cls(difference, terms, convolved, scale, xy0, **others)

    @cached_property
    def agreement(self) -> Agreement | None:
        """How far they agree, as of `agreement`, looked at once."""
        return agreement(self)

    def kernels_at(self, name: str, positions: list[tuple[float, float]]) -> list[Floats]:
        """Give the kernels of an image at positions (row, column) of the frame, [n, v, u]."""
        rows, columns = np.array(positions, dtype=float).T
        x, y = self.xy0[0] + columns, self.xy0[1] + rows
        return [kernel.evaluate(x, y) for kernel in self.terms[name].kernels]

    @property
    def reach(self) -> int:
        """Pixels that kernels reach over, and one."""
        return 1 + max(
            sum(max(kernel.shape) // 2 for kernel in term.kernels) for term in self.terms.values()
        )


# Of pixels and kernels of numbers beyond reason, which are refused elsewhere, nothing is known.
@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def agreement(subtracted: Subtracted) -> Agreement | None:
    """Compare a difference image with what its images and kernels make, on parts of the frame.

    Parameters
    ----------
    subtracted : Subtracted
        The difference, and what it was made of.

    Returns
    -------
    Agreement or None
        None if too few pixels have a value, or all should have the same.
    """
    found = None
    for side in (_SMALL, _LARGE):
        look = _Look.at(subtracted, side)
        if look is None:
            return found
        found = look.judged()
        if found is None or found.scatter < _CLEAR:
            return found
    return found


class _Corners(NamedTuple):
    """A kernel in the corners of a mesh, [4, v, u], and row and column of its centre."""

    images: Floats
    center: tuple[int, int]


Kernels = Mapping[str, list[_Corners]]


class _Mesh:
    """A part of the frame: pixels of the images, zero where one has none."""

    def __init__(self, subtracted: Subtracted, part: Part, kernels: Kernels) -> None:
        terms = subtracted.terms
        planes = (*(term.image for term in terms.values()), subtracted.difference)
        images = [plane[part].astype(np.float64) for plane in planes]
        # Squares of what no telescope gives have no room in a double.
        known = [np.isfinite(image) & (abs(image) < 1e25) for image in images]
        self.shape = images[0].shape
        *flat, self.difference = (
            np.where(seen, image - _level(image[seen]), 0.0)
            for image, seen in zip(images, known, strict=True)
        )
        self.images = dict(zip(terms, flat, strict=True))
        self.weights = {name: term.weight for name, term in terms.items()}
        self.kernels = kernels
        self.usable = self._usable(known, subtracted.reach)
        self.pixels = self.difference[self.usable]
        self._see_background()

    def _usable(self, known: list[NDArray[np.bool_]], reach: int) -> NDArray[np.bool_]:
        usable = np.zeros(self.shape, bool)
        inside = np.s_[reach:-reach, reach:-reach]
        usable[inside] = known[-1][inside]
        unknown = ~np.logical_and.reduce(known[:-1])
        if usable.any() and unknown.any():
            # It spreads as far as the kernel reaches.
            box = np.ones((1, 2 * reach + 1, 2 * reach + 1))
            usable &= _convolved(unknown.astype(np.float64), box, (reach, reach))[0] < 0.5
        return usable

    def _see_background(self) -> None:
        """Find faint pixels, and a plane through those of the difference."""
        y, x = (at / size for at, size in zip(np.nonzero(self.usable), self.shape, strict=True))
        self._terms = np.stack([np.ones(len(x)), x, y])
        self._sample = np.arange(0, len(x), _STEP)
        offset = self.pixels - _level(self.pixels)
        for _ in range(_CLIP_ROUNDS):
            near = offset[self._sample]
            sample = np.flatnonzero(abs(near) < _CLIP_SIGMAS * _scatter(offset)) * _STEP
            if len(sample) <= len(self._terms):
                break
            self._sample = sample
            offset = self.without_background(self.pixels)
        self.pixels = offset

    def without_background(self, pixels: Floats) -> Floats:
        """Take a plane, which goes through the faint pixels, off usable ones."""
        terms, values = self._terms[:, self._sample], pixels[self._sample]
        if len(values) <= len(terms):
            return pixels - _level(pixels)
        # Sums, not products of matrices, whose threads would spin for so little.
        normal = np.einsum("ik,jk->ij", terms, terms)
        plane = np.linalg.solve(normal, np.einsum("ik,k->i", terms, values))
        background: Floats = np.einsum("i,ik->k", plane, self._terms)
        return pixels - background

    def model(self, kernels: Kernels | None = None, other_sign: str = "") -> Floats:
        """The images, each convolved with its kernels, times their weights."""
        total = np.zeros(self.shape)
        for name, image in self.images.items():
            matched = image
            for corners in (self.kernels if kernels is None else kernels)[name]:
                matched = _matched(matched, *corners)
            total += (-1 if name == other_sign else 1) * self.weights[name] * matched
        return total

    def exchanged(self) -> Floats:
        """The same of a pair, the kernel being applied to the other image."""
        science, template = self.kernels["science"], self.kernels["template"]
        return self.model({"science": template, "template": science})

    def turned(self, turn: Callable[[Floats], Floats]) -> Floats:
        """The same with kernels that are turned about the middle of their images."""
        return self.model(
            {
                name: [_Corners(k := turn(kernel.images), _middle(k)) for kernel in kernels]
                for name, kernels in self.kernels.items()
            }
        )


def _middle(kernels: Floats) -> tuple[int, int]:
    return (kernels.shape[1] - 1) // 2, (kernels.shape[2] - 1) // 2


@dataclass(frozen=True)
class _Look:
    """Parts of a difference image, and what they should be."""

    meshes: list[_Mesh]
    convolved: Side | None
    scale: float

    @classmethod
    def at(cls, subtracted: Subtracted, side: int) -> _Look | None:
        """Look at parts of about this side; None if that tells nothing."""
        side = max(side, _REACHES * subtracted.reach)
        parts = [
            part
            for part in spread_meshes(subtracted.difference.shape, side, _MESHES)
            if min(cut.stop - cut.start for cut in part) >= 4 * subtracted.reach
        ]
        if not parts:
            return None
        meshes = [
            mesh
            for part, kernels in zip(parts, _kernels_of(subtracted, parts), strict=True)
            if kernels is not None and (mesh := _Mesh(subtracted, part, kernels)).usable.any()
        ]
        if sum(len(mesh.pixels) for mesh in meshes) < _LEAST_PIXELS:
            return None
        return cls(meshes, subtracted.convolved, subtracted.scale)

    def judged(self) -> Agreement | None:
        """Say how far they agree, and why they do not; None if all pixels should have one value."""
        models = [mesh.model() for mesh in self.meshes]
        if not _scatter(np.concatenate([mesh.pixels for mesh in self.meshes])) > 0:
            made = [model[mesh.usable] for model, mesh in zip(models, self.meshes, strict=True)]
            is_flat = not _scatter(np.concatenate(made)) > 0
            return (
                None if is_flat else Agreement(1.0, "most pixels of the difference have one value")
            )
        factor, scatter = self._fit(models)
        if scatter >= _CLEAR:
            other = self._other_sign if self.convolved is None else self._other_way
            if cause := other(scatter):
                return Agreement(scatter, cause)
            filtered, is_white = self._filtered(models)
            if is_white and filtered < _COHERENT:
                return Agreement(scatter, "the difference is white already", True)
            if scatter >= _FAIR and filtered < _COHERENT:
                return Agreement(scatter, "the difference was filtered after the subtraction")
        if scatter >= _FAIR:
            return Agreement(
                scatter,
                "the difference is not what images and kernel make: "
                f"{scatter:.2g} of its scatter is left",
            )
        if abs(factor / self.scale - 1) < _FACTOR_ERROR:
            return Agreement(scatter)
        is_pair = self.convolved is not None
        if factor * self.scale < 0:
            way = "template minus science" if is_pair else "minus what images and weights make"
            return Agreement(scatter, f"the difference is {way}")
        remedy = f": give --scale {factor:.4g}" if is_pair else ""
        return Agreement(
            scatter,
            f"the difference was multiplied by {factor:.4g}, not {self.scale:.4g}{remedy}",
        )

    def _other_way(self, scatter: float) -> str:
        """How they make the difference much better, in words; empty if they do not."""
        other = "science" if self.convolved == "template" else "template"
        factor, left = self._fit([mesh.exchanged() for mesh in self.meshes])
        direction = (
            f"the {other} was convolved: give --convolved {other}"
            if factor > 0
            else "science and template are exchanged"
        )
        found = {direction: left}
        for name, turn in _TURNS.items():
            models = [mesh.turned(turn) for mesh in self.meshes]
            _, found[f"the kernel is {name}"] = self._fit(models)
        return _much_better(found, scatter)

    def _other_sign(self, scatter: float) -> str:
        """Which image has the other sign, in words; empty if none has."""
        found = {}
        for name in self.meshes[0].weights:
            factor, left = self._fit([mesh.model(other_sign=name) for mesh in self.meshes])
            if factor > 0:
                found[f"the weight of {name} has the other sign"] = left
        return _much_better(found, scatter)

    def _fit(self, models: list[Floats]) -> tuple[float, float]:
        """Factor of the model that is in the difference, and scatter of the rest over its own."""
        made = [
            mesh.without_background(model[mesh.usable])
            for mesh, model in zip(self.meshes, models, strict=True)
        ]
        difference = np.concatenate([mesh.pixels for mesh in self.meshes])
        model = np.concatenate(made)
        noise = abs(difference) < _CLIP_SIGMAS * _scatter(difference)
        noise &= abs(model) < _CLIP_SIGMAS * _scatter(model)
        power = (model[noise] ** 2).sum()
        factor = float((difference[noise] * model[noise]).sum() / power) if power > 0 else 0.0
        return factor, _scatter(difference - factor * model) / _scatter(difference)

    def _filtered(self, models: list[Floats]) -> tuple[float, bool]:
        """What is left of the difference after the filter of the model that is most like it.

        And whether the noise of the difference is white, where that of the model is not.
        """
        side = min(min(mesh.shape) for mesh in self.meshes)
        window = np.hanning(side)[:, np.newaxis] * np.hanning(side)
        cross: Any = 0.0
        of_model: Any = 0.0
        of_difference: Any = 0.0
        neighbours, squares = np.zeros(2), np.zeros(2)
        for mesh, model in zip(self.meshes, models, strict=True):
            spectra = []
            for n, image in enumerate((mesh.difference, model)):
                limit = _CLIP_SIGMAS * _scatter(image[mesh.usable])
                flat = np.where(mesh.usable & (abs(image) < limit), image, 0.0)
                spectra.append(np.fft.rfft2(window * flat[:side, :side]))
                neighbours[n] += (flat[:, 1:] * flat[:, :-1]).sum()
                neighbours[n] += (flat[1:] * flat[:-1]).sum()
                squares[n] += 2 * (flat**2).sum()
            cross = cross + spectra[0] * spectra[1].conj()
            of_model = of_model + abs(spectra[1]) ** 2
            of_difference = of_difference + abs(spectra[0]) ** 2
        tiny = np.finfo(float).tiny
        left = of_difference - abs(cross) ** 2 / np.maximum(of_model, tiny)
        share = float(np.sqrt(max(0.0, left.sum()) / max(of_difference.sum(), tiny)))
        seen, made = abs(neighbours) / np.maximum(squares, tiny)
        return share, bool(seen < _WHITE_LAG < made / 2)


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


def _kernels_of(subtracted: Subtracted, parts: list[Part]) -> list[Kernels | None]:
    """Kernels in the corners of parts of the frame; None where one jumps in between."""
    positions = [
        position
        for rows, columns in parts
        for y, x in [((rows.start, rows.stop - 1), (columns.start, columns.stop - 1))]
        for position in [*((b, a) for b in y for a in x), (sum(y) / 2, sum(x) / 2)]
    ]
    found: list[dict[str, list[_Corners]]] = [{} for _ in parts]
    jumps = np.zeros(len(parts), bool)
    for name, term in subtracted.terms.items():
        images = subtracted.kernels_at(name, positions) if term.kernels else []
        for kernels in found:
            kernels[name] = []
        for kernel, image in zip(term.kernels, images, strict=True):
            of_parts = image.reshape(len(parts), 5, *image.shape[1:])
            corners, middle = of_parts[:, :4], of_parts[:, 4]
            for kernels, of_part in zip(found, corners, strict=True):
                kernels[name].append(_Corners(of_part, kernel.center))
            between = corners.mean(axis=1)
            left = abs(middle - between).sum(axis=(1, 2))
            jumps |= left > _JUMP * abs(between).sum(axis=(1, 2))
    if not subtracted.has_seams:
        jumps[:] = False
    return [None if jump else kernels for kernels, jump in zip(found, jumps, strict=True)]


def _matched(image: Floats, kernels: Floats, center: tuple[int, int]) -> Floats:
    """Convolve with the kernels of the corners, blended; with one if they are the same."""
    if (kernels == kernels[0]).all():
        matched: Floats = _convolved(image, kernels[:1], center)[0]
        return matched
    height, width = image.shape
    down, right = np.linspace(0, 1, height)[:, np.newaxis], np.linspace(0, 1, width)
    weights = np.stack([in_y * in_x for in_y in (1 - down, down) for in_x in (1 - right, right)])
    matched = np.einsum("nyx,nyx->yx", weights, _convolved(image, kernels, center))
    return matched


def _convolved(image: Floats, kernels: Floats, center: tuple[int, int]) -> Floats:
    """Give the convolutions with kernels [n, v, u], which come round at the edges."""
    height, width = image.shape
    shape = transform_size(height + center[0]), transform_size(width + center[1])
    inside = np.s_[:, center[0] : center[0] + height, center[1] : center[1] + width]
    # Of a kernel of numbers beyond reason, which is refused elsewhere, nothing is known.
    with np.errstate(over="ignore", invalid="ignore"):
        spectra = np.fft.rfft2(kernels, s=shape)
        spectra *= np.fft.rfft2(image, s=shape)
        convolved: Floats = np.fft.irfft2(spectra, s=shape)[inside]
    return convolved


def _level(values: Floats) -> float:
    sample = values[::_STEP]
    if not sample.size:
        return 0.0
    # numpy.median spends four times as long on a thousand numbers.
    middle = (sample.size - 1) // 2, sample.size // 2
    lower, upper = np.partition(sample, middle)[list(middle)]
    return float(lower + upper) / 2


def _scatter(values: Floats) -> float:
    """Give the standard deviation as the median deviation tells it."""
    return _SIGMA_OF_MAD * _level(abs(values))
