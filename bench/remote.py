"""A contestant in a process of its own, which takes its turns when it is told to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from errors import AnswerError, SkippedError
from timing import Clock


class Remote:
    """What a process times, which runs this file: a `timing.Turn`.

    Parameters
    ----------
    python : sequence of `str`
        The interpreter and its options.
    environment : mapping
        Of the process.
    contestant : `str`
    size, threads : `int`
    """

    def __init__(
        self,
        python: Sequence[str],
        environment: Mapping[str, str],
        contestant: str,
        size: int,
        threads: int,
    ) -> None:
        self._process = subprocess.Popen(
            [*python, str(Path(__file__).resolve()), contestant, str(size), str(threads)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def warm_up(self, clock: Clock) -> float:
        """Make first calls, find how many are timed at once, and give the seconds of those."""
        return self._ask("warm_up", clock)

    def seconds(self, clock: Clock) -> float:
        """Time a call, as the mean over some in a row."""
        return self._ask("seconds", clock)

    def _ask(self, method: str, clock: Clock) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(method, clock, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            raise SkippedError("the process of a contestant ended")
        outcome, value = json.loads(line)
        if outcome == "skipped":
            raise SkippedError(value)
        if outcome == "wrong":
            raise AnswerError(value)
        return float(value)


def main() -> None:
    """Answer, line by line."""
    from contestants import CONTESTANTS
    from scene import make_scene

    contestant, size, threads = sys.argv[1:]
    try:
        timed = CONTESTANTS[contestant].prepare(make_scene(int(size)), int(threads))
    except SkippedError as reason:
        print(json.dumps(["skipped", str(reason)]), flush=True)
        return
    for line in sys.stdin:
        method, clock = line.split()
        try:
            answer: list[object] = ["measured", getattr(timed, method)(clock)]
        except AnswerError as reason:
            answer = ["wrong", str(reason)]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
