"""The yardstick: one bare FFTW round trip of a whole frame, through the system's library.

Planner state belongs to the process: whoever plans here leaves one thread and no wisdom behind, so
that nothing else in the process gets better or worse plans for it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

MEASURE = 0
_PLANS = 3
_TRIALS = 3
_ALIGNMENT = 64
_THREAD_LIBRARIES = ("fftw3f_omp", "fftw3f_threads")


def _load(name: str) -> ctypes.CDLL:
    # The second is what the linker looks for where there is no ldconfig to ask.
    for file in (ctypes.util.find_library(name), f"lib{name}.so.3", f"lib{name}.3.dylib"):
        try:
            if file:
                return ctypes.CDLL(file, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
    raise OSError(
        f"expected FFTW's library {name} on this machine, found none: install the packages that "
        "cmake names (Debian: libfftw3-dev)"
    )


@cache
def _library() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """FFTW in single precision, and the library with its threads."""
    library = _load("fftw3f")
    for name in ("fftwf_plan_dft_r2c_2d", "fftwf_plan_dft_c2r_2d"):
        function = getattr(library, name)
        function.restype = ctypes.c_void_p
        function.argtypes = (
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_uint,
        )
    whole = ctypes.POINTER(ctypes.c_int)
    layout = (ctypes.c_void_p, whole, ctypes.c_int, ctypes.c_int)
    library.fftwf_plan_many_dft.restype = ctypes.c_void_p
    library.fftwf_plan_many_dft.argtypes = (
        *(ctypes.c_int, whole, ctypes.c_int),
        *layout,
        *layout,
        *(ctypes.c_int, ctypes.c_uint),
    )
    library.fftwf_execute.argtypes = (ctypes.c_void_p,)
    library.fftwf_destroy_plan.argtypes = (ctypes.c_void_p,)
    for name in _THREAD_LIBRARIES:
        try:
            threads = _load(name)
        except OSError:
            continue
        threads.fftwf_plan_with_nthreads.argtypes = (ctypes.c_int,)
        if not threads.fftwf_init_threads():
            raise OSError(f"expected {name} to start, its fftwf_init_threads failed")
        return library, threads
    raise OSError(f"expected one of {', '.join(_THREAD_LIBRARIES)} on this machine, found none")


def version() -> str:
    """Give the library's own name of itself."""
    library, _ = _library()
    name = ctypes.c_char.in_dll(library, "fftwf_version")
    return ctypes.string_at(ctypes.addressof(name)).decode()


def _aligned(shape: tuple[int, int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros that begin at a multiple of the widest register, with all their pages in memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    memory.fill(0)
    begin = -memory.ctypes.data % _ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


class RoundTrip:
    """r2c and c2r of a square float32 frame, out of place, planned with FFTW_MEASURE.

    What disturbs the measurement of a plan makes a worse plan: the best of three is taken.

    Parameters
    ----------
    size : `int`
        Pixels on a side.
    threads : `int`
        Threads of FFTW's own.

    Raises
    ------
    OSError
        If the library is missing.
    RuntimeError
        If it makes no plan, or the round trip does not give the image back.
    """

    def __init__(self, size: int, threads: int) -> None:
        self._library, planner = _library()
        self._image = _aligned((size, size), np.float32)
        self._spectrum = _aligned((size, size // 2 + 1), np.complex64)
        self._library.fftwf_forget_wisdom()
        planner.fftwf_plan_with_nthreads(threads)
        real, complex_ = self._image.ctypes.data, self._spectrum.ctypes.data
        self._forth = self._best_plan(self._library.fftwf_plan_dft_r2c_2d, size, real, complex_)
        self._back = self._best_plan(self._library.fftwf_plan_dft_c2r_2d, size, complex_, real)
        planner.fftwf_plan_with_nthreads(1)
        self._check()

    def _best_plan(self, make: Any, size: int, source: int, target: int) -> int:
        times = {}
        for _ in range(_PLANS):
            plan = make(size, size, source, target, MEASURE)
            self._library.fftwf_forget_wisdom()
            if not plan:
                raise RuntimeError(f"expected plans of FFTW for {size} x {size} pixels, got none")
            times[plan] = min(self._seconds(plan) for _ in range(_TRIALS))
        best, *others = sorted(times, key=lambda plan: times[plan])
        for plan in others:
            self._library.fftwf_destroy_plan(plan)
        return best

    def _seconds(self, plan: int) -> float:
        begin = time.perf_counter()
        self._library.fftwf_execute(plan)
        return time.perf_counter() - begin

    def _check(self) -> None:
        rng = np.random.default_rng(0)
        self._image[...] = original = rng.standard_normal(self._image.shape, np.float32)
        self()
        error = np.abs(self._image / self._image.size - original).max()
        # A few roundings of float32 for each of some 25 levels.
        if not error < 1e-5:
            raise RuntimeError(f"expected the image back from FFTW, got an error of {error}")
        # It is not normalised, so other numbers would overflow; zeros take as long.
        self._image.fill(0)

    def __call__(self) -> None:
        """Forth and back."""
        self._library.fftwf_execute(self._forth)
        self._library.fftwf_execute(self._back)


class Lines:
    """Complex transforms of some lines that lie one after the other, out of place, in the cache.

    Parameters
    ----------
    length : `int`
        Numbers of a line.
    count : `int`
        Lines at once.

    Raises
    ------
    OSError
        If the library is missing.
    RuntimeError
        If it makes no plan.
    """

    def __init__(self, length: int, count: int) -> None:
        self._library, _ = _library()
        self._arrays = [_aligned((count, length), np.complex64) for _ in range(2)]
        layouts = [(array.ctypes.data, None, 1, length) for array in self._arrays]
        sizes = ctypes.byref(ctypes.c_int(length))
        self._plan = self._library.fftwf_plan_many_dft(
            1, sizes, count, *layouts[0], *layouts[1], -1, MEASURE
        )
        self._library.fftwf_forget_wisdom()
        if not self._plan:
            raise RuntimeError(f"expected a plan of FFTW for lines of {length}, got none")

    def __call__(self) -> None:
        """Transform all lines."""
        self._library.fftwf_execute(self._plan)
