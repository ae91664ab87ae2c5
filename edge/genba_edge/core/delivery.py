"""Delivery of the outbox to the collector: go-back-N over envelopes, decided from answers and time alone.

The gateway holds rows (events) with ascending seqs; gaps between them were dropped on purpose. Rows are sent in
envelopes, in order, up to a window; the collector answers with `upto`, and only that lets rows go. An answer that does
not cover the oldest envelope, or no answer in time, sends delivery back to it: first that envelope alone, then, when
it is through, the rest. An envelope that was answered five times without being covered is halved until one poisonous
event stands alone and the collector can put it into quarantine. Without any answer nothing is split.

Where copies of one state folder are about (a cloned card, a restored folder), the collector knows seqs that this
gateway never gave out, or other events under the same seqs. Then what is held is sent one envelope at a time, marked
as disputed, so that the collector can compare it with what it has; when all is accounted for, the gateway goes on in a
new epoch. Nothing is let go before the collector says that it has seen this gateway's own rows.

On a link that costs (`delay_s`) events wait for company also while nothing is under way, and envelopes are patient as
long as all is well and the window under half full: the collector answers several together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, assert_never

from genba_shared.acknowledgement import ANSWER_WAIT_S

_MOST_DOUBLINGS: Final = 16  # far above any limit on the delay, far below what a float holds


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Limits and times of delivery; times are wall seconds, sizes bytes of the events' JSON form (an upper bound)."""

    window_envelopes: int = 64
    window_bytes: int = 1_000_000
    envelope_events: int = 400
    envelope_bytes: int = 96_000  # stays below the 128 kB of the wire even where nothing can be compressed
    group_s: float = 0.2  # how long events wait for company while an envelope is under way
    delay_s: float = 0.0  # above 0: so long also while none is, and answers may wait, too: for a link that costs
    resend_s: float = 3.0  # no answer when one is due: first resend, then doubled
    longest_resend_s: float = 60.0
    refused_s: float = 0.5  # an answer that does not cover: first resend, then doubled; also keeps old answers apart
    refusals_before_split: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A held event: its seq, and the bytes of its JSON form."""

    seq: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """An envelope that is under way: it accounts for the seqs up to `last`. `patient`: the answer to it may wait."""

    last: int
    size: int
    patient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where delivery stands.

    `acked` is the greatest acknowledgement ever received, `answered` the collector's latest answer on this connection
    (None: it has not spoken yet, and nothing is sent). `in_doubt`: there is a copy of this gateway, and what is held is
    disputed. Up to seq `ahead` the collector has events of an earlier run, or of a copy, and compares. `rows` are held,
    loaded and not acknowledged; the first `sent` of them are under way in `flights`. `cut`: the oldest envelope must
    not reach beyond this seq, so that a resend is the same envelope. Up to seq `suspect_upto` envelopes hold at most
    `suspect_events`, because one of the events there keeps being refused.
    """

    acked: int
    answered: int | None = None
    in_doubt: bool = False
    ahead: int = 0
    rows: tuple[Row, ...] = ()
    flights: tuple[Flight, ...] = ()
    sent: int = 0
    waiting_since: float | None = None
    cut: int | None = None
    probing: bool = False
    timeouts: int = 0
    refusals: int = 0
    is_answer_due: bool = False
    head_sent_at: float = 0.0
    resend_at: float | None = None
    suspect_upto: int = 0
    suspect_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """There is a connection to the broker; the collector has not answered on it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """The connection is gone, and with it whatever was under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The collector says that everything up to `upto` is accounted for; `next_seq` is the next that we give out.

    `ahead`: how far it came with another run of this gateway. `forked`: that one's events differ from ours.
    """

    upto: int
    next_seq: int
    ahead: int = 0
    forked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """More rows were loaded from the outbox, in order, behind those known so far."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed:
    """Nothing happened but time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """These seqs do not fit the wire at all: they become gaps, which the next envelope declares dropped."""

    seqs: frozenset[int]


Input = Connected | Disconnected | Answered | Held | TimePassed | Withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send the held events from `first` to `last`; the seqs in `dropped` are gone, and the header declares them."""

    first: int
    last: int
    dropped: tuple[tuple[int, int], ...]
    prev: int
    acked: int
    disputed: bool = False
    patient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Everything up to `upto` is accounted for: the outbox may delete it."""

    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityInDoubt:
    """The collector has seqs that we never gave out, or others: a cloned card, a restored folder, a second gateway.

    What is held is sent as disputed from now on; when nothing is held any more, a new epoch must begin.
    """

    upto: int
    next_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Halved:
    """The oldest envelope was refused too often; from now on envelopes up to `upto` hold at most `events` events."""

    upto: int
    events: int


Output = Send | Release | IdentityInDoubt | Halved

USUAL = DeliverySettings()


def advance(
    state: Delivery, happened: Input, *, now_s: float, settings: DeliverySettings = USUAL
) -> tuple[Delivery, tuple[Output, ...]]:
    """What to do when something happened at `now_s` (wall seconds of any monotonic clock)."""
    outputs: list[Output] = []
    match happened:
        case Connected() | Disconnected():
            state = _without_answer(state)
        case Answered():
            state = _take_answer(state, happened, outputs, now_s=now_s, settings=settings)
        case Held(rows=rows):
            known = max(state.acked, state.rows[-1].seq if state.rows else 0)
            state = replace(state, rows=state.rows + tuple(row for row in rows if row.seq > known))
        case TimePassed():
            pass
        case Withdrawn(seqs=seqs):
            rows = tuple(row for row in state.rows if row.seq not in seqs)
            state = replace(state, rows=rows, flights=(), sent=0, resend_at=None, cut=None)
        case _:
            assert_never(happened)
    if state.resend_at is not None and now_s >= state.resend_at:
        state = _go_back(state, outputs, settings)
    return _send(state, outputs, now_s=now_s, settings=settings)


def wakes_at(state: Delivery, settings: DeliverySettings = USUAL) -> float | None:
    """When time alone will change something; None: not before something happens."""
    if state.answered is None:
        return None
    times = [] if state.resend_at is None else [state.resend_at]
    if state.waiting_since is not None and _has_room(state, settings):
        times.append(_groups_until(state, settings))
    return min(times, default=None)


def wants_rows(state: Delivery, settings: DeliverySettings = USUAL) -> int:
    """How many more rows to load from the outbox: enough to fill the next envelopes, never all of a backlog."""
    return max(0, 2 * settings.envelope_events - (len(state.rows) - state.sent)) if state.answered is not None else 0


def _without_answer(state: Delivery) -> Delivery:
    """Wait for the first answer; that one tells also about the oldest envelope that was under way (`is_answer_due`)."""
    return replace(state, answered=None, flights=(), sent=0, resend_at=None, cut=_cut_of(state), timeouts=0)


def _take_answer(
    state: Delivery, answer: Answered, outputs: list[Output], *, now_s: float, settings: DeliverySettings
) -> Delivery:
    known_upto = max(answer.upto, answer.ahead)
    if not state.in_doubt and (answer.forked or known_upto >= answer.next_seq):
        outputs.append(IdentityInDoubt(upto=known_upto, next_seq=answer.next_seq))
        state = replace(state, in_doubt=True)
    # what we never gave out is not ours: it says nothing about what we hold
    upto = answer.upto if answer.upto < answer.next_seq else state.acked
    is_first = state.answered is None
    state = replace(state, answered=upto, ahead=max(state.ahead, answer.ahead))
    if upto > state.acked:
        outputs.append(Release(upto=upto))
        return _release(state, upto, now_s=now_s, settings=settings)
    if state.is_answer_due and state.rows:
        refusals = state.refusals + 1
        state = replace(state, refusals=refusals, is_answer_due=False)
        if not is_first and state.resend_at is not None:
            is_halved_now = refusals == settings.refusals_before_split
            delay_s = _backed_off(settings.refused_s, 0 if is_halved_now else refusals - 1, settings)
            state = replace(state, resend_at=min(state.resend_at, max(now_s, state.head_sent_at + delay_s)))
        elif is_first and refusals >= settings.refusals_before_split:
            state = _halve(state, outputs)
    return state


def _release(state: Delivery, upto: int, *, now_s: float, settings: DeliverySettings) -> Delivery:
    """Let go of what is accounted for; the next envelope becomes the oldest."""
    gone = sum(row.seq <= upto for row in state.rows)
    flights = tuple(flight for flight in state.flights if flight.last > upto)
    return replace(
        state,
        acked=upto,
        rows=state.rows[gone:],
        sent=max(0, state.sent - gone),
        flights=flights,
        cut=None,
        probing=False,
        timeouts=0,
        refusals=0,
        is_answer_due=bool(flights),
        head_sent_at=now_s,
        resend_at=now_s + _resends_after_s(flights[0], 0, settings) if flights else None,
    )


def _go_back(state: Delivery, outputs: list[Output], settings: DeliverySettings) -> Delivery:
    """Send the oldest envelope again, alone; smaller, where it was refused too often."""
    state = replace(
        state,
        timeouts=state.timeouts + 1 if state.is_answer_due else state.timeouts,
        cut=_cut_of(state),
        probing=True,
        flights=(),
        sent=0,
        resend_at=None,
    )
    return _halve(state, outputs) if state.refusals >= settings.refusals_before_split else state


def _halve(state: Delivery, outputs: list[Output]) -> Delivery:
    count = sum(row.seq <= state.cut for row in state.rows) if state.cut is not None else 0
    if count <= 1 or state.cut is None:
        return state
    events = (count + 1) // 2
    upto = max(state.suspect_upto, state.cut)
    outputs.append(Halved(upto=upto, events=events))
    return replace(
        state, cut=state.rows[events - 1].seq, refusals=0, probing=True, suspect_upto=upto, suspect_events=events
    )


def _cut_of(state: Delivery) -> int | None:
    return state.flights[0].last if state.flights else state.cut


def _is_careful(state: Delivery) -> bool:
    return state.probing or state.in_doubt or state.acked < max(state.suspect_upto, state.ahead)


def _is_unhurried(state: Delivery, settings: DeliverySettings) -> bool:
    return settings.delay_s > 0.0 and state.cut is None and not _is_careful(state)


def _has_room(state: Delivery, settings: DeliverySettings) -> bool:
    if _is_careful(state):
        return not state.flights
    under_way = sum(flight.size for flight in state.flights)
    return len(state.flights) < settings.window_envelopes and under_way < settings.window_bytes


def _send(
    state: Delivery, outputs: list[Output], *, now_s: float, settings: DeliverySettings
) -> tuple[Delivery, tuple[Output, ...]]:
    """Fill the window. Full envelopes go at once; a part-filled one waits for company, see the settings."""
    while state.answered is not None and state.sent < len(state.rows):
        if state.waiting_since is None:
            state = replace(state, waiting_since=now_s)
        if not _has_room(state, settings):
            break
        batch, is_full = _next_batch(state, settings)
        waits = bool(state.flights) or _is_unhurried(state, settings)
        if waits and not is_full and now_s < _groups_until(state, settings):
            break
        state = _send_batch(state, batch, outputs, now_s=now_s, settings=settings)
    if state.answered is None or state.sent == len(state.rows):
        state = replace(state, waiting_since=None)
    return state, tuple(outputs)


def _groups_until(state: Delivery, settings: DeliverySettings) -> float:
    return math.inf if state.waiting_since is None else state.waiting_since + max(settings.group_s, settings.delay_s)


def _next_batch(state: Delivery, settings: DeliverySettings) -> tuple[tuple[Row, ...], bool]:
    """The rows of the next envelope, at least one, and whether it could not take another."""
    limit = state.suspect_events if state.acked < state.suspect_upto else settings.envelope_events
    size, count = 0, 0
    for row in state.rows[state.sent : state.sent + limit]:
        is_behind_cut = not state.flights and state.cut is not None and row.seq > state.cut
        if count and (size + row.size > settings.envelope_bytes or is_behind_cut):
            return state.rows[state.sent : state.sent + count], True
        size += row.size
        count += 1
    return state.rows[state.sent : state.sent + count], count == limit


def _send_batch(
    state: Delivery, batch: tuple[Row, ...], outputs: list[Output], *, now_s: float, settings: DeliverySettings
) -> Delivery:
    before = state.rows[state.sent - 1].seq if state.sent else state.acked
    prev = before if state.sent or state.answered is None else min(state.answered, before)
    size = sum(row.size for row in batch)
    flight = Flight(last=batch[-1].seq, size=size, patient=_is_patient(state, batch, size, settings))
    outputs.append(
        Send(
            first=before + 1,
            last=batch[-1].seq,
            dropped=_gaps(before, batch),
            prev=prev,
            acked=state.acked,
            disputed=state.in_doubt,
            patient=flight.patient,
        )
    )
    if not state.flights:
        within_s = _resends_after_s(flight, state.timeouts, settings)
        state = replace(state, head_sent_at=now_s, resend_at=now_s + within_s, is_answer_due=True)
    return replace(state, flights=(*state.flights, flight), sent=state.sent + len(batch))


def _is_patient(state: Delivery, batch: tuple[Row, ...], size: int, settings: DeliverySettings) -> bool:
    """Whether the answer may wait: all is well, nothing more is held, and the window is under half full with this."""
    is_last = state.sent + len(batch) == len(state.rows) and len(batch) < settings.envelope_events
    under_way = size + sum(flight.size for flight in state.flights)
    is_small = 2 * (len(state.flights) + 1) <= settings.window_envelopes and 2 * under_way <= settings.window_bytes
    return is_last and is_small and _is_unhurried(state, settings)


def _resends_after_s(flight: Flight, timeouts: int, settings: DeliverySettings) -> float:
    return _backed_off(settings.resend_s, timeouts, settings) + (ANSWER_WAIT_S if flight.patient else 0.0)


def _backed_off(first_s: float, failures: int, settings: DeliverySettings) -> float:
    return min(settings.longest_resend_s, first_s * float(2 ** min(failures, _MOST_DOUBLINGS)))


def _gaps(before: int, batch: tuple[Row, ...]) -> tuple[tuple[int, int], ...]:
    gaps: list[tuple[int, int]] = []
    for row in batch:
        if row.seq > before + 1:
            gaps.append((before + 1, row.seq - 1))
        before = row.seq
    return tuple(gaps)
