"""Devices behind networks that cut, refuse, delay, dribble, swallow and spoil: who is lost, who is not, what counts.

Each protocol is run once, with all faults at the same time; the tests read what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.fault_benches import MARK, Bench, ModbusBench, OpcUaBench, ReaderBench
from tests.integration.fault_scenario import HARMLESS, LOSING, NAMES, POLL_S, TIMEOUT_S, Report, Scenario

pytestmark = pytest.mark.timeout(120)

RECOVERY_S = 3.0
MACHINE_S = 0.75
"""How long a busy test machine may keep a process from running."""


@dataclass(frozen=True, slots=True)
class Run:
    """A protocol and what happened to its devices."""

    protocol: str
    report: Report


def _benches(protocol: str, request: pytest.FixtureRequest, folder: Path, stack: ExitStack) -> tuple[Bench, Bench]:
    """The devices with faults, then those of another protocol that are well."""
    modbus = ModbusBench(stack, request.getfixturevalue("modbus_peer_program"))
    match protocol:
        case "modbus":
            return modbus, ReaderBench(stack)
        case "opcua":
            return OpcUaBench(stack, request.getfixturevalue("opcua_peer_script"), folder / "peer"), modbus
        case _:
            return ReaderBench(stack), modbus


@pytest.fixture(scope="module", params=["modbus", "opcua", "llrp"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run of the gateway for each protocol."""
    folder = tmp_path_factory.mktemp(f"faults-{request.param}")
    with ExitStack() as stack:
        bench, other = _benches(request.param, request, folder, stack)
        yield Run(request.param, Scenario(bench, other, folder, stack).run())


@pytest.mark.parametrize("fault", LOSING)
def test_a_loss_and_its_end_are_one_line_each_in_the_log(run: Run, fault: str) -> None:
    account = run.report.accounts[fault]
    assert (len(account.lost), len(account.back)) == (1, 1), account.lost + account.back


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_slow_network_loses_nobody(run: Run, fault: str) -> None:
    account = run.report.accounts[fault]
    assert account.lost + account.back == []
    assert account.longest_pause_s(run.report.began_s, account.passed_s, account.alive_s) < TIMEOUT_S + MACHINE_S


@pytest.mark.parametrize("fault", NAMES)
def test_good_readings_come_within_three_seconds_after_the_fault(run: Run, fault: str) -> None:
    assert run.report.accounts[fault].recovery_s < RECOVERY_S


@pytest.mark.parametrize("fault", NAMES)
def test_no_reading_is_torn_or_belongs_to_another_request(run: Run, fault: str) -> None:
    account = run.report.accounts[fault]
    assert set(account.values()) <= set(run.report.made)
    assert set(account.mark) <= {MARK}


@pytest.mark.parametrize("fault", NAMES)
def test_everything_made_during_the_fault_is_known_after_it(run: Run, fault: str) -> None:
    account, made = run.report.accounts[fault], run.report.made
    if run.protocol == "llrp":
        assert set(account.values()) == set(made)
        return
    assert account.values() == sorted(account.values())
    assert account.pieces == made[-1] - account.values()[0]


@pytest.mark.parametrize("fault", LOSING)
def test_the_time_that_nobody_watched_is_declared(run: Run, fault: str) -> None:
    assert run.report.accounts[fault].gaps >= 1


@pytest.mark.requirement("R103", part="a failing device makes no other miss a poll", needs="libmodbus and node-opcua")
@pytest.mark.parametrize("device", ["well", "other"])
def test_devices_on_good_networks_miss_nothing(run: Run, device: str) -> None:
    report, account = run.report, run.report.accounts[device]
    assert account.lost + account.back == []
    assert account.longest_pause_s(report.began_s, report.ended_s, account.alive_s) < account.two_periods_s + MACHINE_S


def test_the_wire_shows_a_request_of_the_healthy_modbus_device_in_every_period(run: Run) -> None:
    report, account = run.report, run.report.accounts["well" if run.protocol == "modbus" else "other"]
    assert account.longest_pause_s(report.began_s, report.ended_s, account.asked_s) < 2 * POLL_S + MACHINE_S
