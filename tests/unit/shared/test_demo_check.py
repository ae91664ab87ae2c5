"""The demo's check: what it excuses, and above all what it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genba_shared.cli.demo.check import (
    Declared,
    Difference,
    Gap,
    Production,
    Seen,
    compare,
    read_declared,
    read_truth,
)

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
SEEN = {
    "SEW": Seen(devices=frozenset({"sewing"}), tolerance=timedelta(seconds=24), by_tags=False),
    "PACK": Seen(devices=frozenset({"gate"}), tolerance=timedelta(seconds=24), by_tags=True),
}


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def production(*, pieces: int = 5, completed: float | None = 100, wip: int = 0) -> Production:
    return Production(
        pieces={("WO-1", "SEW", "good"): pieces},
        completions={} if completed is None else {("WO-1", "SEW"): at(completed)},
        wip={"packing": wip},
    )


def differences(truth: Production, product: Production, declared: Declared | None = None) -> list[Difference]:
    return compare(truth, product, declared=declared or Declared(), seen=SEEN)


def gap(begin: float, end: float, device: str = "sewing") -> Declared:
    return Declared(gaps=[Gap(device=device, begin=at(begin), end=at(end))])


def test_equal_accounts_differ_in_nothing() -> None:
    assert differences(production(), production()) == []


def test_one_piece_more_is_a_failure() -> None:
    (found,) = differences(production(pieces=6), production(pieces=5))
    assert not found.declared


def test_gap_does_not_excuse_a_missing_piece() -> None:
    (found,) = differences(production(pieces=6), production(pieces=5), gap(0, 1000))
    assert not found.declared


def test_ambiguous_count_excuses_no_more_than_its_own_pieces() -> None:
    declared = Declared(ambiguous={("SEW", "good"): 1})
    (one,) = differences(production(pieces=6), production(pieces=5), declared)
    (two,) = differences(production(pieces=7), production(pieces=5), declared)
    assert one.declared
    assert not two.declared


def test_completion_within_the_tolerance_is_right() -> None:
    assert differences(production(completed=100), production(completed=124)) == []


def test_late_completion_is_a_failure() -> None:
    (found,) = differences(production(completed=100), production(completed=125))
    assert not found.declared


def test_gap_of_the_device_excuses_a_completion_that_was_seen_at_its_end() -> None:
    (found,) = differences(production(completed=100), production(completed=300), gap(90, 300))
    assert found.declared


def test_gap_of_another_device_excuses_nothing() -> None:
    (found,) = differences(production(completed=100), production(completed=300), gap(90, 300, "gate"))
    assert not found.declared


def test_gap_that_ended_long_before_the_claim_excuses_nothing() -> None:
    (found,) = differences(production(completed=100), production(completed=300), gap(90, 200))
    assert not found.declared


def test_a_completion_that_is_told_as_ambiguous_excuses_its_own_time_and_no_other() -> None:
    def claim(work_order: str, **more: str) -> dict[str, str]:
        return {"kind": "node_completed", "work_order": work_order, "node": "SEW", **more}

    def told(*events: dict[str, str]) -> Declared:
        return read_declared(events, [], tag_nodes={}, readers=frozenset(), slack=timedelta())

    early = production(completed=60)
    (found,) = differences(production(), early, told(claim("WO-1", confidence="ambiguous")))
    assert found.declared
    (found,) = differences(production(), early, told(claim("WO-1"), claim("WO-2", confidence="ambiguous")))
    assert not found.declared


def test_missing_and_invented_completions_are_failures() -> None:
    (missing,) = differences(production(), production(completed=None))
    (invented,) = differences(production(completed=None), production())
    assert not missing.declared
    assert not invented.declared


def test_wrong_wip_is_a_failure() -> None:
    (found,) = differences(production(wip=5), production(wip=0))
    assert not found.declared


def test_passage_in_a_gap_of_its_reader_excuses_its_pieces_and_no_more() -> None:
    truth = [
        {
            "truth": "tag_passed",
            "at": "2026-01-05T07:01:40.000Z",
            "tag": "3034",
            "read_point": "packing-in",
            "zone": "packing",
            "direction": "enter",
            "work_order": "WO-1",
            "pieces": 5,
        }
    ]
    events = [
        {
            "kind": "data_gap_seen",
            "subject": "gate",
            "from": "2026-01-05T07:01:30.000Z",
            "to": "2026-01-05T07:02:00.000Z",
            "cause": "gateway",
        }
    ]
    declared = read_declared(
        events, truth, tag_nodes={"packing": "PACK"}, readers=frozenset({"gate"}), slack=timedelta(seconds=24)
    )
    (five,) = differences(production(wip=5), production(wip=0), declared)
    (six,) = differences(production(wip=6), production(wip=0), declared)
    assert five.declared
    assert not six.declared


def test_truth_of_a_node_that_is_seen_by_tags_is_what_left_with_them() -> None:
    passage = {"at": "2026-01-05T07:01:40.000Z", "work_order": "WO-1", "zone": "packing", "pieces": 3}
    lines = [
        {"truth": "piece", "at": "2026-01-05T07:01:00.000Z", "work_order": "WO-1", "node": "PACK", "result": "good"},
        {"truth": "tag_passed", "direction": "leave", **passage},
        {"truth": "tag_passed", "direction": "enter", **passage},
    ]
    assert read_truth(lines, tag_nodes={"packing": "PACK"}).pieces == {("WO-1", "PACK", "good"): 3}
