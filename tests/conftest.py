"""Fixtures for all tests, and what a run says about the servers it uses."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures import reporting, workers

# A module that imports another one stands after it.
pytest_plugins = ["tests.fixtures.servers", "tests.fixtures.processes", "tests.fixtures.hub"]

# An example takes as long as the machine is busy: Hypothesis asserts no time.
settings.register_profile(
    "any machine", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("any machine")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which servers this run would use, and why, before any of them is started."""
    return reporting.choices(config)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which servers this run did use; with ``--durations``, also how long each suite took."""
    for line in reporting.used(config):
        terminalreporter.write_line(line)
    if config.option.durations is not None:
        terminalreporter.section("time and number of tests per suite")
        reports = [each for kind in terminalreporter.stats.values() for each in kind]
        for line in reporting.suite_times(reports):
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> reporting.MakingReport:
    """Show the last lines of the services' logs under a failed test."""
    report = yield
    reporting.add_logs(item, report)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return workers.most_useful()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.OneWorkerForEachGroup:
    return workers.OneWorkerForEachGroup(config, log)


def pytest_configure() -> None:
    """Keep workers out of each other's way."""
    workers.take_own_ports()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have tests that take long run first, and those that run alone last, if there are workers."""
    if workers.is_worker(config):
        workers.put_in_order(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # waiting is not counted by pytest-timeout
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Have the tests that run alone wait for the others, and the others for them."""
    if workers.is_worker(item.config):
        return (yield from workers.taking_turns(item))
    return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config: Any = session.config
    if workers.is_worker(config):
        config.workeroutput["used"] = reporting.used(config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear which servers a worker used."""
    for line in getattr(node, "workeroutput", {}).get("used", []):
        reporting.note_use(node.config, line)
