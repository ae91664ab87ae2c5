"""Laws of plans and tables: no plan breaks what it was made by, and a table that is read again says the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.assess import DEFAULT_POLICY
from genba_cloud.core.facts.plan import Criterion, OrderPlan, TeamMember, WorkOrderPlan
from genba_cloud.core.facts.plan_details import work_order_details, work_order_of
from genba_cloud.core.master.kinds import MasterKind, read_body
from genba_cloud.core.master.routings import RoutingNode
from genba_cloud.core.master.scheduling import Need, Planned, Task, TaskKey, backward, forward, from_promise
from genba_cloud.core.master.tables.columns import Value
from genba_cloud.core.master.tables.documents import form_of, rows_of
from genba_cloud.core.master.tables.files import Format, read_documents, read_orders, table_file
from genba_cloud.core.master.tables.orders import ORDERS, rows_of_orders
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, Shift, add, working_seconds

NOW = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)  # the clocks of Berlin go forward two days later
DAY = Shift.between("08:00", "17:00", breaks=[("12:00", "13:00")])
CALENDARS = (
    ALWAYS_WORKING,
    Calendar(zone="Asia/Shanghai", weekly=(*((DAY,),) * 5, (), ())),
    Calendar(zone="Europe/Berlin", weekly=((Shift.between("22:00", "06:00"),),) * 7),
)
DUE = NOW + timedelta(days=30)


@st.composite
def tasks(draw: st.DrawFn) -> list[Task]:
    """Up to six nodes, each of which may need any that stand before it."""
    made: list[Task] = []
    for number in range(draw(st.integers(1, 6))):
        quantity = draw(st.integers(1, 60))
        needs = [
            Need(
                before=before.key,
                pieces=draw(st.integers(1, before.quantity)),
                lag_s=draw(st.sampled_from([0, 0, 600, 40_000])),
            )
            for before in made
            if draw(st.booleans())
        ]
        node = RoutingNode(
            node=f"n{number}",
            label={},
            criterion=Criterion.QUANTITY,
            setup_s=draw(st.integers(0, 20_000)),
            piece_s=draw(st.integers(0, 900)),
            machines=draw(st.integers(1, 3)),
        )
        made.append(
            Task(
                key=TaskKey("W", node.node),
                node=node,
                quantity=quantity,
                calendar=draw(st.sampled_from(CALENDARS)),
                due=DUE,
                is_early=draw(st.booleans()),
                needs=tuple(needs),
            )
        )
    return made


def check(found: list[Task], plan: dict[TaskKey, Planned]) -> None:
    """Each task has its time, and begins when what it needs has been made and has arrived."""
    by_key = {task.key: task for task in found}
    for task in found:
        start, finish = plan[task.key]
        assert working_seconds(task.calendar, start, finish) >= task.duration_s
        for need in task.needs:
            before, planned = by_key[need.before], plan[need.before]
            made = working_seconds(before.calendar, planned.start, start)
            assert made >= min(before.node.duration_s(need.pieces), before.duration_s)
            if need.pieces >= before.quantity:
                assert start >= add(task.calendar, planned.finish, need.lag_s)
            assert finish >= planned.finish


@settings(deadline=None)
@given(tasks())
def test_a_plan_from_now_is_kept_by_everything_it_is_made_of(found: list[Task]) -> None:
    plan = dict(forward(found, NOW))
    check(found, plan)
    assert all(planned.start >= NOW for planned in plan.values())


@settings(deadline=None)
@given(tasks())
def test_a_plan_back_from_the_promise_keeps_it(found: list[Task]) -> None:
    plan = dict(backward(found))
    check(found, plan)
    assert all(planned.finish <= DUE for planned in plan.values())


@settings(deadline=None)
@given(tasks())
def test_an_order_is_never_planned_into_the_past(found: list[Task]) -> None:
    plan = dict(from_promise(found, NOW))
    check(found, plan)
    assert all(planned.start >= NOW for planned in plan.values())


@settings(deadline=None)
@given(tasks(), st.integers(1, 10))
def test_more_time_never_makes_a_plan_begin_earlier(found: list[Task], days: int) -> None:
    later = [replace(task, due=task.due + timedelta(days=days)) for task in found]
    before, after = backward(found), backward(later)
    assert all(after[key].start >= before[key].start for key in before)


WORDS = st.text(
    st.sampled_from("abcXYZ019 -_.=+@'\",;:/衬衫シャツüß%&()"), min_size=1, max_size=20
).map(lambda text: " ".join(text.split())).filter(bool)  # fmt: skip
CODES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
LABELS = st.dictionaries(st.sampled_from(["en", "zh", "ja", "de"]), WORDS, max_size=3)
FORMATS = st.sampled_from(list(Format))
LANGUAGES = st.sampled_from(["en", "zh", "ja"])


def without_nothing(body: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if value not in (None, {}, [])}


ITEMS = st.builds(
    lambda **body: without_nothing(body),
    item=WORDS,
    label=LABELS,
    uom=st.none() | CODES.filter(lambda word: not word.isdigit()),
    source=st.none() | st.sampled_from(["made", "bought"]),
    supplier=st.none() | WORDS,
)
BOMS = st.builds(
    lambda bom, lines: {"bom": bom, "lines": [without_nothing(line) for line in lines]},
    bom=WORDS,
    lines=st.lists(
        st.fixed_dictionaries(
            {
                "item": WORDS,
                "amount": st.floats(0.001, 1000).map(lambda number: round(number, 4)),
                "scrap_share": st.none() | st.floats(0.01, 0.9).map(lambda number: round(number, 3)),
            }
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda line: str(line["item"]),
    ),
).filter(lambda body: all(line["item"] != body["bom"] for line in body["lines"]))
STATIONS = st.builds(
    lambda **body: without_nothing(body),
    station=CODES,
    work_centre=CODES,
    machines=st.integers(1, 99),
    skills=st.lists(CODES, max_size=3, unique=True),
    label=LABELS,
)
HOURS = st.sampled_from(["08:00-17:00", "22:00-06:00", "06:00-14:30"])
CALENDAR_BODIES = st.builds(
    lambda **body: without_nothing(body),
    calendar=CODES,
    zone=st.sampled_from(["Asia/Shanghai", "Asia/Tokyo", "UTC"]),
    label=LABELS,
    shifts=st.lists(
        st.fixed_dictionaries({"days": st.sampled_from(["mon-fri", "sat", "mon,wed"]), "work": HOURS}),
        min_size=1,
        max_size=3,
    ),
    holidays=st.lists(st.sampled_from(["2026-10-01..2026-10-07", "2026-01-01"]), max_size=2, unique=True),
    make_up=st.lists(st.just({"date": "2026-09-27", "like": "thu"}), max_size=1),
    overtime=st.lists(st.fixed_dictionaries({"date": st.just("2026-11-07"), "work": HOURS}), max_size=2),
)
TABLES = st.one_of(
    st.tuples(st.just(MasterKind.ITEMS), st.lists(ITEMS, min_size=1, max_size=4, unique_by=lambda body: body["item"])),
    st.tuples(st.just(MasterKind.BOMS), st.lists(BOMS, min_size=1, max_size=3, unique_by=lambda body: body["bom"])),
    st.tuples(
        st.just(MasterKind.STATIONS),
        st.lists(STATIONS, min_size=1, max_size=4, unique_by=lambda body: body["station"]),
    ),
    st.tuples(
        st.just(MasterKind.CALENDARS),
        st.lists(CALENDAR_BODIES, min_size=1, max_size=3, unique_by=lambda body: body["calendar"]),
    ),
)


@pytest.mark.requirement("R18", part="tables go out and in again without loss, and a bad row is named")
@settings(deadline=None, max_examples=60)
@given(TABLES, FORMATS, LANGUAGES)
def test_master_data_comes_back_from_a_table_as_it_was(
    made: tuple[MasterKind, list[dict[str, object]]], file_format: Format, language: str
) -> None:
    kind, bodies = made
    documents = [read_body(kind, str(body[kind.key]), body) for body in bodies]
    content = table_file(form_of(kind), rows_of(kind, bodies), file_format, language=language)
    table, found = read_documents(kind, content, f"table.{file_format}")
    assert [problem for one in found for problem in one.problems] == []
    assert table.problems == ()
    assert [one.document.model for one in found if one.document] == [one.model for one in documents]


INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 (made aware)
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
WORK_ORDERS = st.builds(
    WorkOrderPlan,
    work_order=st.just(""),
    site=CODES,
    item=WORDS,
    quantity=st.integers(1, 10_000_000),
    nodes=st.just(()),
    routing=st.none() | CODES,
    parameters=st.dictionaries(CODES, WORDS, max_size=3),
    due=st.none() | INSTANTS,
)
NAMES = WORDS.filter(lambda word: not word.startswith("'"))
PEOPLE = st.builds(TeamMember, person=CODES, role=CODES)


@st.composite
def orders(draw: st.DrawFn) -> OrderPlan:
    number = draw(NAMES)
    works = draw(st.lists(WORK_ORDERS, min_size=1, max_size=3))
    named = [
        replace(work, work_order=draw(st.sampled_from([f"{number}-{line}", f"WO-{number}-{line}"])))
        for line, work in enumerate(works, start=1)
    ]
    return OrderPlan(
        order=number,
        system=draw(st.sampled_from(["spreadsheet", "erp"])),
        external_id=draw(st.sampled_from([number, "4711"])),
        customer=draw(st.just("") | WORDS),
        promised=draw(INSTANTS),
        work_orders=tuple(named),
        priority=draw(st.integers(-9, 9)),
        team=tuple(draw(st.lists(PEOPLE, max_size=2))),
    )


@pytest.mark.requirement("R18", part="tables go out and in again without loss, and a bad row is named")
@settings(deadline=None, max_examples=60)
@given(orders(), FORMATS, LANGUAGES)
def test_what_was_ordered_comes_back_from_a_table_as_it_was(
    order: OrderPlan, file_format: Format, language: str
) -> None:
    rows: list[dict[str, Value]] = list(rows_of_orders([order]))
    content = table_file(ORDERS, rows, file_format, language=language)
    table, found = read_orders(content, f"orders.{file_format}", policy=DEFAULT_POLICY, zone=ZoneInfo("Asia/Tokyo"))
    assert table.problems == ()
    (one,) = found
    assert one.problems == ()
    again = one.order
    assert again is not None
    for field in ("order", "system", "external_id", "customer", "promised", "priority", "team"):
        assert getattr(again, field) == getattr(order, field), field
    for line, work in zip(again.lines, order.work_orders, strict=True):
        assert line.work_order_of(again.order) == work.work_order
        assert (line.item, line.quantity, line.site, line.routing, line.due, line.parameters) == (
            work.item, work.quantity, work.site, work.routing, work.due, work.parameters,
        )  # fmt: skip


@given(WORK_ORDERS)
def test_a_work_order_comes_back_from_the_database_as_it_was(work: WorkOrderPlan) -> None:
    columns = {
        "work_order": work.work_order, "site": work.site, "item": work.item, "quantity": work.quantity, "nodes": (),
    }  # fmt: skip
    assert work_order_of(work_order_details(work), **columns) == work
