"""Each benchmark runs, and its figures could be true. How fast anything is, is never asserted."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import TARGETS
from tests.benchmarks.figures import Report, read
from tests.console.chromium import path_of_chromium
from tests.fixtures.processes import ROOT
from tests.upgrade.released import NotHereError, last_release, skip_without, unpack

EXPECTED = {
    "versions": (
        "versions at 500/s: CPU of all per reading, now / before",
        "versions at 500/s: p50, now",
    ),
    "ingest": ("ingest parsed / nothing, common rate", "ingest gateway / nothing, highest rate"),
    "relay": ("relay hub / straightforward, highest rate", "relay hub, at half: p50 / raw p50"),
    "idle": ("idle 100: memory per charger (PSS)", "idle 100: CPU of all gateways"),
    "storm": ("storm with jitter: all lit again after", "storm all at once: lit again after, p99"),
    "scale": (
        "scale 2 routers: carry, as a multiple of one",
        "scale 100 connections: charger gateways' CPU per reading",
    ),
    "capacity": ("capacity 100: memory of all gateways", "capacity 100: CPU of Redis, no readings"),
    "doorbells": ("doorbells: CPU per message, our connection",),
    "ocpp_messages": (
        "ocpp: 2 samples, decode and check",
        "ocpp: 11 samples, how much cheaper",
    ),
    "ocpp_readings": (
        "ocpp_readings ocpp1.6 / own, common rate",
        "ocpp_readings ocpp1.6, highest rate: readings/CPU-s",
    ),
    "instructions": ("instructions: parse frame",),
    "tls": ("tls ws: CPU per reading", "tls wss with certificates: CPU per handshake"),
    "imports": (
        "imports 100 devices: per row",
        "imports hostile, 40,000 names: peak memory",
    ),
    "scrape": ("scrape 100 devices: router, series", "scrape 100 devices: registry, one scrape"),
    "replicas": (
        "replicas at 500/s: acknowledged p50, waits for 1",
        "replicas at 500/s: lit p99, waits for 1 / waits for none",
    ),
    "estimate": (
        "estimate 50 to 80 %: ready within the range",
        "estimate 95 to 100 %: median width of the range",
    ),
    "console": ("console phone: frame p95", "console large screen: elements in the page"),
    "consoles": (
        "consoles at 500/s: CPU of the registry, 20 consoles",
        "consoles at 500/s: CPU of all per reading, 1 console / no console",
    ),
    "door": ("door wrong API keys: REST, longest", "door TLS handshakes: others' p99 / control"),
}
MAY_BE_ANYTHING = ("memory", "instructions", "per message", "per reading", "per status", "carry")
"""Differences, which noise can make negative in a run of half a second."""


@pytest.fixture
def found(target: str, tmp_path: Path) -> Report:
    if target == "versions":
        try:
            unpack(last_release(), tmp_path)
        except NotHereError as error:
            skip_without(error)
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", target, "--quick", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report, machine = read(file)
    assert machine["processor"]
    return report


def test_each_benchmark_is_known_here() -> None:
    assert set(EXPECTED) == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_benchmark_runs_and_its_figures_could_be_true(target: str, found: Report) -> None:
    if target == "instructions" and shutil.which("valgrind") is None:
        assert "not measured" in found.notes["instructions"]
        return
    if target == "console" and path_of_chromium() is None:
        assert "not measured" in found.notes["console"]
        return
    for name in EXPECTED[target]:
        assert name in found.figures
    for name, figure in found.figures.items():
        assert all(map(math.isfinite, (figure.median, *figure.samples))), name
    doubtful = {name for name, figure in found.figures.items() if figure.median < 0}
    assert not {name for name in doubtful if not any(word in name for word in MAY_BE_ANYTHING)}
