"""Functions of position in the solutions of SFFT, polynomials and B-splines, and their kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernel import Kernel

__all__ = ["Basis", "PositionFunction", "SolutionKernel", "polynomials", "splines"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Basis:
    """Products of a function of x and one of y, which count pixels from 1.

    Attributes
    ----------
    in_x, in_y : callable
        Give the functions at positions of any shape, on a new last axis.
    terms : list of (int, int)
        Of each product, which function of x and which of y.
    is_spline : bool
        Whether they are B-splines, and no powers.
    """

    in_x: Callable[[Floats], Floats]
    in_y: Callable[[Floats], Floats]
    terms: Sequence[tuple[int, int]]
    is_spline: bool

    def factors(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Give the factors of the products, on a new last axis."""
        first, second = zip(*self.terms, strict=True)
        return self.in_x(x)[..., list(first)], self.in_y(y)[..., list(second)]


def polynomials(size: tuple[int, int], degree: int) -> Basis:
    """Powers of x / width and y / height, together up to a degree; size = (width, height)."""

    def powers(length: int) -> Callable[[Floats], Floats]:
        return lambda at: (at[..., np.newaxis] / length) ** np.arange(degree + 1)

    terms = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return Basis(powers(size[0]), powers(size[1]), terms, is_spline=False)


def splines(
    size: tuple[int, int], degree: int, knots: tuple[Sequence[float], Sequence[float]]
) -> Basis:
    """B-splines of x times B-splines of y, with inner knots in pixels; size = (width, height)."""
    in_x, in_y = (_Splines(*given, degree) for given in zip(size, knots, strict=True))
    terms = [(i, j) for i in range(in_x.number) for j in range(in_y.number)]
    return Basis(in_x, in_y, terms, is_spline=True)


class _Splines:
    """B-splines along an axis, by the recursion of de Boor; beyond it, their values at its end."""

    def __init__(self, length: int, inner: Sequence[float], degree: int) -> None:
        ends = [0.5] * (degree + 1), [length + 0.5] * (degree + 1)
        self._knots = np.array([*ends[0], *inner, *ends[1]])
        self._degree = degree
        self.number = len(inner) + degree + 1

    def __call__(self, at: Floats) -> Floats:
        knots = self._knots
        at = np.clip(at, knots[0], np.nextafter(knots[-1], 0))[..., np.newaxis]
        values = ((knots[:-1] <= at) & (at < knots[1:])).astype(np.float64)
        for k in range(1, self._degree + 1):
            rising = _ratio(at - knots[: -k - 1], knots[k:-1] - knots[: -k - 1])
            falling = _ratio(knots[k + 1 :] - at, knots[k + 1 :] - knots[1:-k])
            values = rising * values[..., :-1] + falling * values[..., 1:]
        return values


def _ratio(values: Floats, widths: Floats) -> Floats:
    """Values over widths; zero where knots coincide."""
    return values * np.divide(1.0, widths, out=np.zeros_like(widths), where=widths > 0)


class PositionFunction:
    """Function of position, counted from 0, with coefficients of a basis."""

    def __init__(self, coefficients: Floats, basis: Basis) -> None:
        self._coefficients, self._basis = coefficients, basis

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Values at positions x and y, which are broadcast against each other."""
        at = np.broadcast_arrays(np.asarray(x, np.float64) + 1, np.asarray(y, np.float64) + 1)
        in_x, in_y = self._basis.factors(*at)
        return np.asarray((self._coefficients * in_x * in_y).sum(axis=-1))


class SolutionKernel(Kernel):
    """The kernel of a solution at the position of the output pixel.

    Each offset (a, b) has its own function of the position of the *input* pixel. Those beside the
    central one take from the centre what they give; the central one is the kernel's sum.

    Parameters
    ----------
    coefficients : numpy.ndarray, [term, a, b]
        Of the offsets in x and y; those of the central one count for nothing.
    basis : Basis
        Theirs.
    scaling : PositionFunction
        The function of the central one.
    """

    def __init__(self, coefficients: Floats, basis: Basis, scaling: PositionFunction) -> None:
        _, l0, l1 = coefficients.shape
        super().__init__(shape=(l1, l0), center=(l1 // 2, l0 // 2))
        self._coefficients = coefficients.copy()
        self._coefficients[:, l0 // 2, l1 // 2] = 0.0
        self._basis, self._scaling = basis, scaling
        self._taken = PositionFunction(self._coefficients.sum(axis=(1, 2)), basis)

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Kernel images [position, v, u] at positions given as 1-D arrays x and y."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        height, width = self.shape
        in_x, in_y = self._basis.factors(
            x[:, np.newaxis] + 1 - (np.arange(width) - width // 2),
            y[:, np.newaxis] + 1 - (np.arange(height) - height // 2),
        )
        images = np.einsum("tab,nat,nbt->nba", self._coefficients, in_x, in_y)
        images[:, height // 2, width // 2] = self._scaling(x, y) - self._taken(x, y)
        return np.asarray(images)
