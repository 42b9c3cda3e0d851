"""Fixtures for all tests, and what a run says about the servers it uses."""

import pytest

from tests.fixtures import reporting

# A module that imports another one stands after it.
pytest_plugins = ["tests.fixtures.servers", "tests.fixtures.processes", "tests.fixtures.hub"]


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which servers this run would use, and why, before any of them is started."""
    return reporting.choices(config)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which servers this run did use, with their versions."""
    for line in reporting.used(config):
        terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> reporting.MakingReport:
    """Show the last lines of the services' logs under a failed test."""
    report = yield
    reporting.add_logs(item, report)
    return report
