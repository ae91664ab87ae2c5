"""A pytest plugin: what the page of requirements names was run, or the run fails.

A run of a part of the suite answers for the tests that it selected, a run of all for all: each must have run. One that
was skipped must say on the page what it needs. Under xdist the process that collects the reports judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests.requirements.marks import Mark, MarkerError, marks

RAN: Final = "ran"
SKIPPED: Final = "skipped"
_KEY: Final = pytest.StashKey["Runs"]()
_PARTIAL: Final = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "collectonly", "stepwise")
"""Options by which a run selects some of the tests."""


class Runs:
    """What became of each test, whatever its parameters: one that ran with some of them ran."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.troubles: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.partition("[")[0]
        if report.when == "call" and not report.skipped:
            self.outcomes[test] = RAN
        elif report.skipped:
            self.outcomes.setdefault(test, SKIPPED)


def judge(found: list[Mark], outcomes: Mapping[str, str], *, selected_all: str) -> list[str]:
    """What is wrong, in words. `selected_all` is not empty where the run was of the whole suite."""
    wrong: dict[str, str] = {}
    for mark in found:
        outcome = outcomes.get(mark.test)
        if outcome == SKIPPED and not mark.needs:
            wrong[mark.test] = 'it was skipped, and the page does not say what it needs: write needs="…"'
        elif outcome is None and selected_all:
            wrong[mark.test] = "it was not run"
    return [f"{test} shows {_shown(found, test)}: {why}" for test, why in wrong.items()]


def _shown(found: list[Mark], test: str) -> str:
    return ", ".join(mark.subject for mark in found if mark.test == test)


def _selected_all(config: pytest.Config) -> str:
    """By what the whole suite was selected: nothing else than the folder of the tests was said."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return ""
    return "" if any(config.getoption(name, default=None) for name in _PARTIAL) else "testpaths"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[_KEY] = Runs()
        config.pluginmanager.register(config.stash[_KEY], "requirements-runs")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that failed anyway says why by itself."""
    runs = session.config.stash.get(_KEY, None)
    if runs is None or exitstatus != pytest.ExitCode.OK:
        return
    try:
        found = marks(session.config.rootpath)
    except MarkerError as exc:
        runs.troubles = [str(exc)]
    else:
        runs.troubles = judge(found, runs.outcomes, selected_all=_selected_all(session.config))
    if runs.troubles:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    runs = config.stash.get(_KEY, None)
    if runs is not None and runs.troubles:
        terminalreporter.section("what the page of requirements names")
        for trouble in runs.troubles:
            terminalreporter.line(trouble)
