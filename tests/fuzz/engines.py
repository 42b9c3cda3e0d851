"""What makes inputs: a seeded generator of our own, or one that is led by coverage."""

import contextlib
import importlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fuzz.target import MOST_BYTES, Target, varied

_KEPT: Final = 2000
"""Inputs of the generator that are kept to be varied."""


@dataclass
class Report:
    """What a run of the fuzzer did.

    Attributes:
        outcomes: How many inputs had each outcome; one input may have several.
        finding: The input that broke something, if one did.
        why: What it broke.
    """

    target: str
    engine: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    finding: bytes | None = None
    why: str = ""

    def run_one(self, target: Target, data: bytes) -> bool:
        """Run one input and note its outcomes; return whether all went well."""
        self.inputs += 1
        try:
            self.outcomes.update(target(data))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            self.finding, self.why = data, f"{type(error).__name__}: {error}"
            return False
        return True

    def __str__(self) -> str:
        """Return the figures, and the finding as a literal for Python."""
        speed = self.inputs / self.seconds if self.seconds else 0.0
        crashes = 0 if self.finding is None else 1
        lines = [
            f"target {self.target}, engine {self.engine}, seed {self.seed}",
            f"{self.inputs} inputs in {self.seconds:.1f} s ({speed:.0f}/s), {crashes} crashes",
            *(
                f"  {number:>9}  {number / self.inputs:7.2%}  {outcome}"
                for outcome, number in self.outcomes.most_common()
            ),
        ]
        if self.finding is not None:
            lines += [f"FOUND  {self.why}", f"{self.finding!r}"]
        return "\n".join(lines)


def run_random(target: Target, report: Report, runs: int) -> Report:
    """Run the seeds, then what is generated and varied; the seed repeats all of it."""
    started = time.monotonic()
    for data in _inputs(target, Random(report.seed), runs):
        if not report.run_one(target, data):
            report.finding = _shortened(target, report.finding or b"")
            break
    report.seconds = time.monotonic() - started
    return report


def _inputs(target: Target, rng: Random, runs: int) -> Iterator[bytes]:
    seeds = list(target.seeds)
    yield from seeds[:runs]
    kept = list(seeds)
    for _ in range(runs - len(seeds)):
        if rng.random() < 0.6:
            data = target.generate(rng)
            if len(kept) < _KEPT:
                kept.append(data)
            else:
                kept[rng.randrange(len(seeds), _KEPT)] = data
        else:
            data = varied(rng, rng.choice(kept), rng.choice(kept), target.tokens)
        yield data


def _shortened(target: Target, data: bytes) -> bytes:
    """Leave out of a finding what it does not need."""
    size = len(data) // 2
    while size:
        for at in range(len(data) - size, -1, -size):
            shorter = data[:at] + data[at + size :]
            try:
                target(shorter)
            except Exception:  # noqa: BLE001 - it still breaks something
                data = shorter
        size //= 2
    return data


@contextlib.contextmanager
def instrumented() -> Iterator[None]:
    """Let the coverage of what is imported meanwhile be seen by ``run_coverage``."""
    with _atheris().instrument_imports(include=["services", "shared", "websockets"]):
        yield


def run_coverage(
    target: Target, report: Report, runs: int, done: Callable[[Report], None]
) -> None:  # pragma: no cover - it ends the process
    """Run inputs that reach new code more often; ends the process.

    The engine is a C library that does not return: ``done`` is called before the end.
    """
    atheris = _atheris()
    started = time.monotonic()

    def run(data: bytes) -> None:
        went_well = report.run_one(target, data)
        if not went_well or report.inputs >= runs:
            report.seconds = time.monotonic() - started
            done(report)
            sys.stdout.flush()
            os._exit(0 if went_well else 1)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-seed={report.seed}", f"-max_len={MOST_BYTES}", "-timeout=60", corpus]
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()


def _atheris() -> Any:
    """Import it by its name: it is no dependency, and there is none for every Python."""
    return importlib.import_module("atheris")
