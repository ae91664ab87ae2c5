"""The derivation of one gateway: observations and dispatch in, one commit of events and state out.

Deterministic and without I/O: the shell gives it observations, time and the saved state, and commits what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from genba_edge.core.bindings import Bindings
from genba_edge.core.clock_watch import ClockStep
from genba_edge.core.counting import Counting
from genba_edge.core.declaring import declare_clock_step, declare_drops, declare_lost_store
from genba_edge.core.diagnosis import Finding, ToldDoubts
from genba_edge.core.dropping import Dropping
from genba_edge.core.environment import Environment
from genba_edge.core.job_changes import JobChanges
from genba_edge.core.journal import Commit, Identity, Journal, Moment
from genba_edge.core.levels import Levels
from genba_edge.core.nodes import Nodes
from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    ReadingsLost,
    Sample,
    TagRead,
    Unchanged,
)
from genba_edge.core.ordering import Order
from genba_edge.core.readings import is_readable, says_the_same, whole_number
from genba_edge.core.roles import Role, Roles
from genba_edge.core.signals import Signals, asked_points, asked_stations
from genba_edge.core.station_states import StationStates
from genba_edge.core.supervisor import Failure, Supervisor
from genba_edge.core.tags import Tags
from genba_edge.core.watch import Pace, Watch
from genba_edge.core.work import Work
from genba_edge.core.zones import Zones
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import StationStateChanged


class Deriver:
    """One gateway's derivation.

    An observation that raises is left out, questioned by an event, and told by `take_failures`: one bad point, tag or
    document never stops the others.

    Args:
        device_map: a checked map.
        identity: who stamps the events.
        next_seq: the seq of the next event (from the outbox).
        saved: the state of the last commit (from the outbox); empty at the first start.
        pace: how fast the devices are read.
        journal: what events and state are collected in.
    """

    def __init__(
        self,
        device_map: DeviceMap,
        *,
        identity: Identity,
        next_seq: int,
        saved: Mapping[str, str],
        pace: Pace,
        moment: Moment,
        journal: type[Journal] = Journal,
    ) -> None:
        self._pace = pace
        self._journal = journal(identity=identity, next_seq=next_seq, moment=moment)
        levels = Levels(asked_points(device_map), asked_stations(device_map), self._journal, saved)
        self._nodes = Nodes(device_map, self._journal, saved, levels)
        self._work = Work(device_map, self._journal, self._nodes, saved, is_polled=lambda device: device in pace.poll_s)
        self._signals = Signals(device_map, self._nodes, self._work, levels)
        self._journal.listen(StationStateChanged, self._signals.hear_state)
        self._zones = Zones(device_map, self._journal, saved, pace.poll_s)
        self._states = StationStates(
            device_map, self._journal, saved, work=self._work, nodes=self._nodes, zones=self._zones
        )
        self._counting = Counting(device_map, self._journal, self._nodes, self._work, self._zones, saved)
        self._counting.tell_pieces(self._states.pieces_made)
        bindings = Bindings(self._journal, self._work.document.tags, saved)
        self._nodes.know_bindings(bindings.tags_of)
        self._tags = Tags(
            device_map, self._journal, self._nodes, self._zones, bindings, saved, delay_s=pace.report_delay_s
        )
        self._environment = Environment(device_map, self._journal, saved)
        self._journal.on_event = self._environment.note if self._environment.points() else None
        self._watch = Watch(device_map, self._journal, pace, saved, on_gap=self._note_gap)
        for device in self._watch.not_yet_heard():
            self._signals.lose_device(device)
        self._doubts = ToldDoubts(device_map, self._journal, saved)
        self._job_changes = JobChanges(self._work, self._counting, self._watch)
        self._jobs, self._bits = self._work.job_points(), levels.points
        self._supervisor = Supervisor(self._journal)
        evidence = self._counting.evidence()
        # What a poll says of resets and job numbers goes before the counters of the same poll.
        first = evidence | {ref for ref in self._jobs if ref.device in pace.poll_s}
        self._roles = Roles(
            counters=self._counting.counters(),
            states=self._states.points(),
            measured=self._environment.points(),
            speaking=self._jobs | evidence | levels.points,
        )
        self._order = Order(first, {device: self._roles.of_device(device) for device in pace.poll_s})
        with self._supervisor.alone("map"):
            self._work.fit_to_map(moment.now)
            self._states.fit_to_map(moment.now)
            self._zones.fit_to_map(moment.now)
            self._zones.take_stocks(self._work.document.stock, moment.now)

    @property
    def dispatch_version(self) -> int:
        """Version of the dispatch document that is in force; 0 before the first."""
        return self._work.document.version

    def observe(self, observations: Sequence[Observation], moment: Moment) -> None:
        """Take what a driver emitted together."""
        self._journal.moment = moment
        self._counting.begin_look()
        for observation in self._order.arrange(observations):
            if type(observation) is Sample:
                self._observe_sample(observation)
                continue
            with self._supervisor.alone(_subject(observation)):
                self._take(observation)
        self._end_look()

    def _end_look(self) -> None:
        with self._supervisor.alone("nodes"):
            self._signals.end_look()

    def _observe_sample(self, sample: Sample) -> None:
        role = self._roles.of(sample)
        if role is None:
            if is_readable(sample):
                self._watch.note_stamp(sample.device, sample.at)
            return
        guard = role.guard
        if guard is None:
            guard = role.guard = self._supervisor.alone(role.name)
        with guard:
            if role.is_settled and says_the_same(sample, role.last):
                self._hold(role, sample.at)
                self._watch.note_stamp(sample.device, sample.at)
            else:
                self._take_sample(role, sample)

    def retell(self, observations: Sequence[Observation], moment: Moment) -> None:
        """Take what a device said before this derivation began, with the times of then.

        The old map may have read the job numbers otherwise: work that changes by them changes now.
        """
        self._job_changes.not_before = moment.now
        self.observe(observations, moment)
        with self._supervisor.alone("jobs"):
            self._job_changes.settle(moment.now)
        self._job_changes.not_before = None

    def begin_anew(self, known_until: Mapping[str, datetime], moment: Moment) -> None:
        """A new epoch: say of each device since when what it made is not counted."""
        self._journal.moment = moment
        with self._supervisor.alone("new epoch"):
            self._watch.begin_anew(known_until, moment.now)

    def _take(self, observation: Observation) -> None:
        match observation:
            case Sample():
                self._observe_sample(observation)
            case Unchanged():
                self._take_unchanged(observation)
            case TagRead():
                self._tags.read(observation)
            case ReadingsLost():
                self._watch.lose_readings(observation.device, observation.at)
                self._roles.unsettle(observation.device)
            case DeviceAlive():
                self._watch.hear(observation.device, observation.at)
                if not self._watch.is_polled(observation.device):
                    self._counting.confirm_held(observation.device, observation.at, self._watch)
                self._close_passages(observation.device)
            case DeviceBack():
                self._zones.find_device(observation.device)
                self._watch.find(observation.device, observation.at)
                self._signals.find_device(observation.device)
                self._tags.find(observation.device)
                self._roles.unsettle(observation.device)
                if self._job_changes.not_before is None:  # else it is told again: it was watched all the time
                    self._states.find_device(observation.device, observation.at)
            case DeviceLost():
                self._watch.lose(observation.device)
                self._tags.lose(observation.device)
                self._roles.unsettle(observation.device)
                heard_at = self._watch.observed_until(observation.device)
                self._states.lose_device(observation.device, observation.at, heard_at=heard_at)
                self._signals.lose_device(observation.device)
                self._zones.lose_device(observation.device, observation.at)
                self._environment.cut(observation.device, self._watch.heard_at(observation.device) or observation.at)
            case _:
                assert_never(observation)

    def recall(self, samples: Iterable[Sample]) -> None:
        """Know the last readings of points without deriving from them: `Unchanged` may speak of them later."""
        for sample in samples:
            role = self._roles.of(sample)
            if role is not None:
                role.last, role.is_settled = sample, False

    def take_dispatch(self, document: DispatchDocument, moment: Moment) -> None:
        """Take a new dispatch document."""
        self._journal.moment = moment
        with self._supervisor.alone("dispatch"):
            self._counting.close(lambda ref: self._watch.known_until(ref, moment.now))
            self._tags.take_document(document)
            self._work.take_document(document, at=moment.now)
            self._job_changes.settle(moment.now)
            self._tags.complete_waiting()
            self._counting.complete_waiting()
            self._zones.take_stocks(document.stock, moment.now)

    def pass_time(self, moment: Moment) -> None:
        """Let time rules act: joined counts that are due, idle stations."""
        self._journal.moment = moment
        with self._supervisor.alone("time"):
            self._job_changes.settle(moment.now)
            self._counting.flush_due(moment.now)
            self._states.pass_time(moment.now)
            self._nodes.pass_time(moment.now)
            self._zones.pass_time(moment.now)
        with self._supervisor.alone("silent tags"):
            self._tags.pass_time(moment.now)
        self._end_look()

    def tell_map_doubts(self, findings: Sequence[Finding], moment: Moment) -> None:
        """Question what was found to be wrong in the map, each finding once."""
        self._journal.moment = moment
        with self._supervisor.alone("map doubts"):
            self._doubts.tell(findings)

    def declare_drops(self, dropping: Dropping, moment: Moment) -> None:
        """Say what the store drops with the next commit."""
        self._journal.moment = moment
        declare_drops(self._journal, dropping)

    def take_back(self, commit: Commit) -> None:
        """The commit taken last, of declarations alone, is not going to be stored: it is as if it was never made."""
        self._journal.next_seq -= len(commit.events)

    def declare_lost_store(self, since: datetime, moment: Moment) -> None:
        """Say that the store began anew, and when the lost one was written last."""
        self._journal.moment = moment
        declare_lost_store(self._journal, since)

    def declare_clock_step(self, step: ClockStep, moment: Moment) -> None:
        """Say that the clock was set, and what stations do behind the times that it makes doubtful."""
        self._journal.moment = moment
        with self._supervisor.alone("clock"):
            declare_clock_step(self._journal, step)
            self._states.take_step(step, moment.now)

    def shut_down(self, moment: Moment) -> None:
        """Emit what is still joined, before the last commit."""
        self._journal.moment = moment
        with self._supervisor.alone("shutdown"):
            self._job_changes.settle(moment.now)
            self._job_changes.drop()
            self._counting.close(lambda ref: self._watch.known_until(ref, moment.now))
            self._environment.save(urgently=True)

    def take_failures(self) -> tuple[Failure, ...]:
        """What could not be derived since the last call, each subject once until it works again."""
        return self._supervisor.take_failures()

    @property
    def has_unsaved_reads(self) -> bool:
        """Whether tag reads arrived that no commit holds yet."""
        return self._tags.has_unsaved_reads

    @property
    def has_nothing_to_commit(self) -> bool:
        """Whether nothing was derived since the last commit was taken."""
        return self._journal.is_empty

    def take_commit(self) -> Commit | None:
        """Events and state since the last commit; None where nothing changed that a kill must not take away."""
        return None if self._journal.is_empty else self._commit()

    def take_checkpoint(self) -> Commit:
        """A commit even without events: open passages, and when each device was last heard of."""
        return self._commit()

    def _commit(self) -> Commit:
        self._tags.save_clusters()
        self._environment.save()
        self._watch.save()
        return self._journal.take()

    def _take_sample(self, role: Role, sample: Sample) -> None:
        ref = role.ref
        role.last, role.is_settled = sample, False
        if role.is_state:
            with self._supervisor.alone(_about_state(ref)):
                self._states.take(ref, sample)
        if role.is_measured:
            self._environment.take(ref, sample)
        if not is_readable(sample):
            self._watch.note_bad(ref)
            return
        try:
            counts_on = self._derive_from(role, sample)
        finally:
            self._watch.note_sample(ref, sample.at)
        tells_on = not role.is_state or not self._supervisor.is_failing(_about_state(ref))
        role.is_settled = counts_on and tells_on and not role.speaks_always

    def _take_unchanged(self, unchanged: Unchanged) -> None:
        """As `_take_sample` for each of the points; those that are settled only need to know until when they held."""
        device, at = unchanged.device, unchanged.at
        roles = self._roles.of_device(device)
        if roles:
            for point in unchanged.points:
                role = roles.get(point)
                if role is None or role.last is None:
                    continue
                if not role.is_settled:
                    if point != unchanged.points[0]:
                        self._watch.note_stamp(device, at)  # of the points before it
                    with self._supervisor.alone(role.name):
                        self._take_sample(role, replace(role.last, at=at, seen_at=at))
                else:
                    self._hold(role, at)
        self._watch.note_stamp(device, at)

    def _hold(self, role: Role, at: datetime) -> None:
        """A settled point has still the value of its last sample."""
        if role.is_counter:
            self._counting.hold(role.ref, at)
        elif role.is_measured:
            self._environment.hold(role.ref, at)

    def _derive_from(self, role: Role, sample: Sample) -> bool:
        """Returns whether one more reading of the same value would change no count."""
        ref = role.ref
        if self._work.waits_for_jobs:
            self._job_changes.settle(sample.at)
        if role.speaks_always:
            self._counting.note_evidence(ref, sample, self._watch)
            if ref in self._jobs:
                self._job_changes.read(ref, sample.value, at=sample.at)
            if ref in self._bits:
                self._signals.take(ref, sample)
        if not role.is_counter:
            return True
        raw = whole_number(sample.value)
        return raw is not None and self._counting.read(ref, raw, at=sample.at, watch=self._watch)

    def _note_gap(self, device: str, begin: datetime, end: datetime, because: str) -> None:
        """A gap: states hold again from the next reading of each point on."""
        self._environment.cut(device, begin, end)
        self._zones.note_gap(device, begin, end, because)
        self._states.leave_unobserved(device, begin, end)
        self._roles.unsettle(device)

    def _close_passages(self, device: str) -> None:
        heard = self._watch.heard_at(device)
        if heard is not None:
            delay = timedelta(seconds=self._pace.report_delay_s.get(device, 0.0))
            for decided in self._tags.close_silent(device, heard - delay):
                with self._supervisor.alone(f"{device} {decided.passage.tag}"):
                    self._tags.take_passage(decided)


def _about_state(ref: PointRef) -> str:
    return f"state of {ref}"


def _subject(observation: Observation) -> str:
    match observation:
        case Sample():
            return f"{observation.device}/{observation.point}"
        case TagRead():
            return f"{observation.device} {observation.tag}"
        case _:
            return observation.device
