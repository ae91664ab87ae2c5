"""Every combination of what was seen and said of a node, its rules, a hold and the time, against the rule as written.

The rule is told once more here, in a few lines that know nothing of the code: what people confirmed or left out is
done; a claim is done where it is whole, agrees with the pieces, comes from whom the plan asks, and needs no
confirmation, else it awaits one; everything else is late or not by the clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from genba_cloud.core.assess import assess_order
from genba_cloud.core.facts import WORK_ORDER, NodePlan, OrderPlan, WorkOrderPlan, work_order_facts
from genba_cloud.core.facts.plan import Confirm, Evidence
from genba_shared.events import (
    Event,
    NodeCompleted,
    NodeConfirmed,
    NodeHeld,
    NodeSkipped,
    PiecesCounted,
    Result,
    Source,
    SourceType,
)

DAY = datetime(2026, 1, 5, tzinfo=UTC)
SEEN = DAY + timedelta(hours=6, minutes=30)
START, FINISH = DAY + timedelta(hours=8), DAY + timedelta(hours=10)  # 2 h of work: 15 minutes late are on time
BEFORE, LATE_START, LATE_FINISH = (
    DAY + timedelta(hours=7),
    START + timedelta(minutes=15, seconds=1),
    FINISH + timedelta(minutes=15, seconds=1),
)
MACHINE = ("nothing", "some pieces", "short claim", "whole claim")
PIECES = {"nothing": 0, "some pieces": 4, "short claim": 8, "whole claim": 10}


def rule(
    evidence: Evidence,
    confirm: Confirm,
    machine: str,
    now: datetime,
    *,
    person: bool,
    confirmed: bool,
    skipped: bool,
    held: bool,
) -> str:
    """The status by the words of the rule.

    A hold changes nothing of it by itself. Only what it kept people from doing is still to be done: who began and was
    held at once has two hours left at a quarter past eight, and will be late.
    """
    is_claimed = machine in {"short claim", "whole claim"} or person
    has_second_person = is_claimed or confirm is not Confirm.FOUR_EYES
    if skipped or (confirmed and has_second_person):
        return "done"
    if is_claimed:
        voices = {name for name, speaks in (("machine", machine == "whole claim"), ("person", person)) if speaks}
        asked = {
            Evidence.ANY: bool(voices),
            Evidence.MACHINE: "machine" in voices,
            Evidence.PERSON: "person" in voices,
            Evidence.BOTH: voices == {"machine", "person"},
        }[evidence]
        agrees = machine in {"nothing", "whole claim"}
        return "done" if asked and agrees and confirm is Confirm.AUTO else "awaiting_confirmation"
    if confirmed:
        return "awaiting_confirmation"
    has_all_to_do = machine == "nothing" or held
    if now == LATE_FINISH or (now == LATE_START and has_all_to_do):
        return "delayed"
    return "in_progress" if machine == "some pieces" else "pending"


def events(machine: str, *, person: bool, confirmed: bool, skipped: bool, held: bool) -> list[Event]:
    def said(number: int, by: str) -> dict[str, Any]:
        source = Source(type=SourceType.PERSON, ref=by)
        return {"id": f"said-{number}", "at": SEEN, "source": source, "work_order": "WO-1", "node": "CUT"}

    def seen(number: int, source: SourceType) -> dict[str, Any]:
        return {**said(0, ""), "id": f"gw:{'0' * 32}:{number}", "source": Source(type=source, ref="line-1")}

    found: list[Event] = []
    pieces = PIECES[machine]
    if pieces:
        counter: dict[str, Any] = {"point": "good", "result": Result.GOOD, "counter_epoch": 1, "since": DAY}
        found.append(PiecesCounted(**seen(1, SourceType.PLC), **counter, delta=pieces, total=pieces))
    if machine.endswith("claim"):
        found.append(NodeCompleted(**seen(2, SourceType.SYSTEM), pieces=pieces))
    if person:
        found.append(NodeCompleted(**said(3, "op-1"), pieces=10))
    if confirmed:
        found.append(NodeConfirmed(**said(4, "lead-1")))
    if skipped:
        found.append(NodeSkipped(**said(5, "lead-1"), reason="x"))
    if held:
        found.append(NodeHeld(**said(6, "lead-1"), reason="x"))
    return found


@pytest.mark.law("status")
@pytest.mark.requirement("R4")
def test_every_combination_has_the_status_of_the_rule() -> None:
    wrong = []
    flags = list(product([False, True], repeat=4))
    rows = list(product(Evidence, Confirm, MACHINE, (BEFORE, LATE_START, LATE_FINISH), flags))
    for evidence, confirm, machine, now, (person, confirmed, skipped, held) in rows:
        node = NodePlan(
            node="CUT",
            quantity=10,
            planned_start=START,
            planned_finish=FINISH,
            label={},
            evidence=evidence,
            confirm=confirm,
        )
        work = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=10, nodes=(node,))
        order = OrderPlan(
            order="A-1", system="s", external_id="A-1", customer="x", promised=FINISH, work_orders=(work,)
        )
        said = events(machine, person=person, confirmed=confirmed, skipped=skipped, held=held)
        facts = {"WO-1": work_order_facts("WO-1", work, WORK_ORDER.fold(WORK_ORDER.empty, said), {})}
        shown = assess_order(order, facts, now, baseline=(START, FINISH)).nodes["WO-1"][0].status
        wanted = rule(evidence, confirm, machine, now, person=person, confirmed=confirmed, skipped=skipped, held=held)
        if shown != wanted:
            wrong.append((evidence, confirm, machine, now, person, confirmed, skipped, held, str(shown), wanted))
    assert wrong == []
    assert len(rows) == 4 * 3 * 4 * 3 * 16
