"""A sampling profiler for a server under load: ``python -m bench.sampling OUT MODULE [ARGUMENTS]``.

The kernel interrupts the process after every four milliseconds of its CPU time (SIGPROF), and the stack is counted:
a function's own share (it was on top) and its cumulative one (it was anywhere on the stack). It costs under one
percent, which cProfile does not. Time in C counts for the Python function that called it.
"""

import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

EVERY = 0.004  # seconds of CPU time between samples: the tick of most kernels, which allow no finer one
SHOWN = 70  # functions in the report


class Sampler:
    """Counts stacks until ``report`` is asked for."""

    def __init__(self) -> None:
        self.samples = 0
        self._own: Counter[CodeType] = Counter()
        self._lines: Counter[tuple[CodeType, int]] = Counter()
        self._cumulative: Counter[CodeType] = Counter()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def reset(self) -> None:
        """Forget what was counted: the start of a server is not its load."""
        self.samples = 0
        self._own.clear()
        self._lines.clear()
        self._cumulative.clear()

    def _sample(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.samples += 1
        self._own[frame.f_code] += 1
        self._lines[frame.f_code, frame.f_lineno] += 1
        seen = set()
        at: FrameType | None = frame
        while at is not None:
            seen.add(at.f_code)
            at = at.f_back
        self._cumulative.update(seen)

    def report(self) -> str:
        """Three lists: cumulative and own share of functions, and own share of lines."""
        whole = max(1, self.samples)

        def line(count: int, name: str) -> str:
            return f"{100 * count / whole:6.1f} %  {name}"

        parts = [f"{self.samples} samples, one each {EVERY * 1e3:g} ms of CPU", "", "cumulative"]
        parts += [line(count, _name(code)) for code, count in self._cumulative.most_common(SHOWN)]
        parts += ["", "own"]
        parts += [line(count, _name(code)) for code, count in self._own.most_common(SHOWN)]
        parts += ["", "own, by line"]
        parts += [
            line(count, f"{_name(code)} : {number}") for (code, number), count in self._lines.most_common(SHOWN)
        ]
        return "\n".join(parts) + "\n"


def _name(code: CodeType) -> str:
    path = Path(code.co_filename)
    return f"{code.co_qualname}  ({'/'.join(path.parts[-3:])}:{code.co_firstlineno})"


def main() -> None:
    """Run a module as the main program, sampled; SIGUSR1 begins anew, the report is written at the end."""
    out, module, *arguments = sys.argv[1:]
    sampler = Sampler()
    signal.signal(signal.SIGUSR1, lambda *_: sampler.reset())
    sampler.start()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sampler.stop()
        Path(out).write_text(sampler.report())


if __name__ == "__main__":
    main()
