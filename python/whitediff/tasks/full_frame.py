"""The equations of decorrelation on the Fourier grid of a whole frame: one filter for all of it.

This is the textbook form of the method, in double precision, for those who want the parts; images
are whitened cell by cell in the compiled core. Arrays in Fourier space hold all modes [h, w], as
`numpy.fft.fft2` gives them; inside, all images are real, so that the half of the modes that
`numpy.fft.rfft2` gives is enough. Kernels and PSFs are centred on pixel ``(h // 2, w // 2)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Correction",
    "centered",
    "common_shape",
    "corner_origin",
    "difference_correction",
    "estimated_variance",
    "filtered_image",
    "filtered_psf",
    "propagated_variance",
    "score_correction",
]

Shape = tuple[int, int]
Plane = npt.NDArray[np.floating[Any]]
Spectrum = npt.NDArray[Any]


@dataclass(frozen=True)
class Correction:
    """A filter and what the two inputs went through in all, in Fourier space."""

    filter: npt.NDArray[np.float64]
    """The filter F(k), float64 [h, w]."""
    unconvolved: Spectrum
    """F times the transfer function of the input that was not convolved."""
    convolved: Spectrum
    """F times that of the input that was convolved with the matching kernel."""


def common_shape(*shapes: Shape) -> Shape:
    """Give the least even shape on which arrays convolve with no wrap-around.

    Parameters
    ----------
    *shapes : tuple of int
        Shapes of the arrays, one or more.

    Returns
    -------
    shape : tuple of int
        Along each axis the sum of the two largest sizes less one, or the only size, made even.

    Raises
    ------
    ValueError
        If there is no shape, or the numbers of axes differ.
    """
    if len({len(shape) for shape in shapes}) != 1:
        raise ValueError(f"shapes must be one or more, with the same number of axes, got {shapes}")
    largest = np.sort(np.array(shapes, dtype=int), axis=0)[-2:]
    sizes = largest.sum(axis=0) - (len(largest) - 1)
    return tuple(int(size) + int(size) % 2 for size in sizes)  # type: ignore[return-value]


def corner_origin(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Pad an array with zeros and move its centre to pixel [0, 0].

    Parameters
    ----------
    array : numpy.ndarray [y, x]
        What to pad; its centre is pixel ``(h // 2, w // 2)``.
    shape : tuple of int
        The shape to give it.

    Returns
    -------
    padded : numpy.ndarray
        A new array of that shape and the same dtype.

    Raises
    ------
    ValueError
        If the array is larger than the shape.
    """
    if array.ndim != 2 or any(size > new for size, new in zip(array.shape, shape, strict=True)):
        raise ValueError(f"array must fit into shape {tuple(shape)}, got {array.shape}")
    padded = np.zeros(shape, dtype=array.dtype)
    padded[: array.shape[0], : array.shape[1]] = array
    return np.roll(padded, (-(array.shape[0] // 2), -(array.shape[1] // 2)), (0, 1))


def centered(padded: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Undo `corner_origin`.

    Parameters
    ----------
    padded : numpy.ndarray [y, x]
        An array with its centre at pixel [0, 0].
    shape : tuple of int
        The shape to cut it to.

    Returns
    -------
    array : numpy.ndarray
        A new array with its centre at pixel ``(h // 2, w // 2)``.

    Raises
    ------
    ValueError
        If the array is smaller than the shape.
    """
    if padded.ndim != 2 or any(size < new for size, new in zip(padded.shape, shape, strict=True)):
        raise ValueError(f"array must contain shape {tuple(shape)}, got {padded.shape}")
    rolled = np.roll(padded, (shape[0] // 2, shape[1] // 2), (0, 1))
    return rolled[: shape[0], : shape[1]].copy()


def difference_correction(
    kernel: Plane, v_unconvolved: float, v_convolved: float, shape: Shape
) -> Correction:
    """Give the filter that whitens a difference image.

    Parameters
    ----------
    kernel : numpy.ndarray [v, u]
        The matching kernel.
    v_unconvolved, v_convolved : float
        Mean variances of the two inputs before any convolution.
    shape : tuple of int
        The Fourier grid.

    Returns
    -------
    correction : Correction
        psi = sqrt(P(0) / P) with P = v_1 + v_2 |K|^2, and the responses psi and psi K.

    Raises
    ------
    ValueError
        If the variances are negative, not finite, or leave no noise at some k; if the kernel is
        larger than the grid.

    Notes
    -----
    docs/mathematics.md, Eqs. 7 and 8; DMTN-021, Eq. 1.
    """
    _require_variances(v_unconvolved, v_convolved)
    transfer = _transfer(kernel, shape)
    power = v_unconvolved + v_convolved * _power(transfer)
    filter_ = np.sqrt(_gain(power))
    return Correction(
        filter=_all_modes(filter_, shape),
        unconvolved=_all_modes(filter_.astype(complex), shape),
        convolved=_all_modes(filter_ * transfer, shape),
    )


def score_correction(
    kernel: Plane, v_science: float, v_template: float, pre_kernel: Plane, shape: Shape
) -> Correction:
    """Give the filter that makes the optimal detection image of a likelihood image.

    Parameters
    ----------
    kernel : numpy.ndarray [v, u]
        The matching kernel.
    v_science, v_template : float
        Mean variances of the inputs before any convolution.
    pre_kernel : numpy.ndarray [v, u]
        p, what the science image was correlated with; its sum is one.
    shape : tuple of int
        The Fourier grid.

    Returns
    -------
    correction : Correction
        F = (v_S + v_T K(0)^2) |p|^2 / (v_S |p|^2 + v_T |K|^2), and the responses F conj(p) and
        F K.

    Raises
    ------
    ValueError
        If the variances are negative, not finite, or leave no noise at some k; if a kernel is
        larger than the grid.

    Notes
    -----
    docs/mathematics.md, Eq. 9; DMTN-179, Eq. 23: the afterburner with kernel sums.
    """
    _require_variances(v_science, v_template)
    pre_transfer, transfer = _transfer(pre_kernel, shape), _transfer(kernel, shape)
    squared = _power(pre_transfer)
    power = v_science * squared + v_template * _power(transfer)
    filter_ = _gain(power) * squared
    return Correction(
        filter=_all_modes(filter_, shape),
        unconvolved=_all_modes(filter_ * pre_transfer.conj(), shape),
        convolved=_all_modes(filter_ * transfer, shape),
    )


def _require_variances(*variances: float) -> None:
    if not (np.isfinite(variances).all() and min(variances) >= 0):
        raise ValueError(f"variances must be finite and >= 0, got {list(variances)}")


def _transfer(kernel: Plane, shape: Shape) -> Spectrum:
    """The transform of a kernel, half of its modes."""
    pixels = np.asarray(kernel, dtype=np.float64)
    if pixels.ndim != 2 or any(size > grid for size, grid in zip(pixels.shape, shape, strict=True)):
        raise ValueError(
            f"kernel must be no larger than the grid, {tuple(shape)}, got {pixels.shape}"
        )
    return np.fft.rfft2(corner_origin(pixels, shape))


def _power(transfer: Spectrum) -> npt.NDArray[np.float64]:
    power: npt.NDArray[np.float64] = transfer.real**2 + transfer.imag**2
    return power


def _gain(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """P(0) / P(k), with no floor under P."""
    wrong = ~((power > 0) & np.isfinite(power))
    if wrong.any():
        raise ValueError(f"variances must give finite noise at all k, got P(k) = {power[wrong][0]}")
    gain: npt.NDArray[np.float64] = power[0, 0] / power
    return gain


def _all_modes(half: Spectrum, shape: Shape) -> Spectrum:
    """All modes of the transform of a real image, of the half that `numpy.fft.rfft2` gives."""
    columns = half.shape[1]
    spectrum = np.empty(shape, half.dtype)
    spectrum[:, :columns] = half
    # The mode at (-ky, -kx) is the complex conjugate of that at (ky, kx).
    mirrored = half[:, shape[1] - columns : 0 : -1].conj()
    spectrum[0, columns:] = mirrored[0]
    spectrum[1:, columns:] = mirrored[:0:-1]
    return spectrum


def _half(spectrum: Spectrum) -> Spectrum:
    """The modes that `numpy.fft.rfft2` gives."""
    return spectrum[:, : spectrum.shape[1] // 2 + 1]


def estimated_variance(
    plane_1: Plane, plane_2: Plane, response_1: Spectrum, response_2: Spectrum
) -> Plane:
    """Propagate variance planes that vary little over the reach of the filter.

    Parameters
    ----------
    plane_1, plane_2 : numpy.ndarray [y, x]
        Variances of the inputs before any convolution.
    response_1, response_2 : numpy.ndarray [h, w]
        What they went through in all, in Fourier space.

    Returns
    -------
    plane : numpy.ndarray [y, x]
        v_1 <|c_1|^2> + v_2 <|c_2|^2>, means over k, which are the sums of the squared responses in
        image space (Parseval).

    Notes
    -----
    docs/mathematics.md, Eq. 4; DMTN-179, Eq. 10: V_D of constant variances.
    """
    return plane_1 * _mean_power(response_1) + plane_2 * _mean_power(response_2)


def _mean_power(response: Spectrum) -> float:
    return float(np.mean(abs(response) ** 2))


def propagated_variance(plane: Plane, mean: float, response: Spectrum) -> npt.NDArray[np.float64]:
    """Propagate a variance plane in full.

    Parameters
    ----------
    plane : numpy.ndarray [y, x]
        Variance of an input before any convolution.
    mean : float
        What stands for values that are not finite; they come out as they went in.
    response : numpy.ndarray [h, w]
        What the input went through in all, in Fourier space.

    Returns
    -------
    plane : numpy.ndarray [y, x]
        The plane convolved with the square of the response in image space.

    Notes
    -----
    One term of docs/mathematics.md, Eq. 5; DMTN-179, Eq. 9: V_D = V_N * c_n^2 + V_R * c_r^2.
    """
    square = np.fft.irfft2(_half(response), s=response.shape) ** 2
    return _convolved(plane, np.fft.rfft2(square), response.shape, mean)


def filtered_image(image: Plane, filter_: Spectrum) -> npt.NDArray[np.float64]:
    """Filter an image.

    Parameters
    ----------
    image : numpy.ndarray [y, x]
        The image. Values that are not finite count as the mean of the others and come out as they
        went in.
    filter_ : numpy.ndarray [h, w]
        The filter in Fourier space.

    Returns
    -------
    image : numpy.ndarray [y, x]
        The filtered image, float64.

    Notes
    -----
    The convolution of the image with the filter of docs/mathematics.md, Eqs. 2 and 3.
    """
    finite = np.isfinite(image)
    mean = float(np.mean(image[finite], dtype=float)) if finite.any() else 0.0
    return _convolved(image, _half(filter_), filter_.shape, mean)


def filtered_psf(psf: Plane, filter_: Spectrum) -> npt.NDArray[np.float64]:
    """Filter a PSF.

    Parameters
    ----------
    psf : numpy.ndarray [y, x]
        The PSF of the image before the filter.
    filter_ : numpy.ndarray [h, w]
        The filter in Fourier space.

    Returns
    -------
    psf : numpy.ndarray [y, x]
        phi' = F phi, of the same shape and a sum of one.

    Notes
    -----
    docs/mathematics.md, Eq. 6; DMTN-021.
    """
    filtered = _convolved(psf, _half(filter_), filter_.shape, 0.0)
    filtered /= filtered.sum()
    return filtered


def _convolved(
    image: Plane, half: Spectrum, shape: tuple[int, ...], filling: float
) -> npt.NDArray[np.float64]:
    """An image, zero beyond its frame, through a filter of which half of the modes are given.

    Values that are not finite count as the filling and come out as they went in.
    """
    pixels = np.asarray(image, dtype=np.float64)
    if pixels.ndim != 2 or any(size > grid for size, grid in zip(pixels.shape, shape, strict=True)):
        raise ValueError(
            f"image must be no larger than the grid of the filter, {shape}, got {pixels.shape}"
        )
    finite = np.isfinite(pixels)
    spectrum = np.fft.rfft2(np.where(finite, pixels, filling), s=shape)
    spectrum *= half
    height, width = pixels.shape
    convolved = np.fft.irfft2(spectrum, s=shape)[:height, :width]
    return np.where(finite, convolved, pixels)
