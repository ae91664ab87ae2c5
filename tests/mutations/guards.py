"""The list: what is guarded, where, how it is taken out, and which test must fail then.

`text` stands exactly once in all the files that `files` matches; keep it short, so that changes around it do not
matter, and the pattern wide where a guard may move to a file beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DRIVERS = "edge/genba_edge/drivers/"
CORE = "edge/genba_edge/core/"
MAP = "shared/genba_shared/device_map/"
ATTACKS = "tests/integration/test_identity_attacks.py::"
ZONES = "tests/unit/edge/test_zones.py::"
HISTORY = "tests/unit/edge/test_histories_golden.py::test_a_history_gives_exactly_these_events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard. `name` is what it guards against, in words."""

    name: str
    files: str
    text: str
    without: str
    test: str

    def found_in(self, root: Path) -> list[Path]:
        """The files in which its text stands, each as often as it does."""
        return [path for path in sorted(root.glob(self.files)) for _ in range(path.read_text().count(self.text))]


GUARDS = (
    Guard(
        name="an answer to another Modbus request is no reading",
        files=DRIVERS + "modbus*.py",
        text="if transaction != ",
        without="if False and transaction != ",
        test="tests/integration/test_modbus.py::test_an_answer_to_another_request_closes_the_connection",
    ),
    Guard(
        name="an answer of another Modbus unit is no reading",
        files=DRIVERS + "modbus*.py",
        text=".unit != 0:",
        without=".unit != 0 and False:",
        test="tests/unit/edge/test_modbus_strangers.py::"
        "test_what_answers_something_else_is_no_reading_and_costs_the_connection",
    ),
    Guard(
        name="a point of several registers is never split over two requests",
        files=CORE + "register*.py",
        text="new_end = max(end, point.address + span(point))",
        without="new_end = max(end, point.address + 1)",
        test="tests/property/test_registers_laws.py::test_every_point_is_whole_in_exactly_one_block_of_its_table",
    ),
    Guard(
        name="one bad register costs only its own point",
        files=DRIVERS + "modbus.py",
        text="await self._read_in_parts(group, ",
        without="block or await self._read_in_parts(group, ",
        test="tests/integration/test_modbus.py::test_one_bad_register_does_not_stop_its_neighbours",
    ),
    Guard(
        name="a reading of bad quality has no value, whatever the server attached",
        files=DRIVERS + "opcua*.py",
        text="if quality is Quality.BAD:",
        without="if False:",
        test="tests/unit/edge/test_opcua_samples.py::test_a_bad_status_takes_the_value_away_and_is_told_once",
    ),
    Guard(
        name="an order number stays the text that it is",
        files=DRIVERS + "opcua*.py",
        text="    if isinstance(value, str):\n        return value\n",
        without="    if isinstance(value, str):\n        return int(value) if value.isdigit() else value\n",
        test="tests/unit/edge/test_opcua_values.py::test_values_keep_their_type",
    ),
    Guard(
        name="a subscription that falls silent is dead, although the server answers",
        files=DRIVERS + "opcua_session.py",
        text="silent_s = time.monotonic() - ",
        without="silent_s = -",
        test="tests/integration/test_opcua.py::"
        "test_a_subscription_that_falls_silent_is_noticed_although_the_server_answers",
    ),
    Guard(
        name="a node is found by the URI of its namespace, wherever a restart put it",
        files=DRIVERS + "opcua*.py",
        text="namespaces.index(uri)",
        without="2",
        test="tests/integration/test_opcua.py::test_samples_flow_again_after_a_restart_with_other_namespace_indexes",
    ),
    Guard(
        name="tries to reconnect are spread by chance",
        files=DRIVERS + "backoff.py",
        text="random.uniform(0.5, 1.0)",
        without="random.uniform(1.0, 1.5)",
        test="tests/unit/edge/test_driver_pace.py::test_waits_double_up_to_the_cap_and_jitter_only_shortens_them",
    ),
    Guard(
        name="a device that is gone for long is still tried again",
        files=DRIVERS + "backoff.py",
        text="self._next_s = min(self._max_s, wait_s * 2)",
        without="self._next_s = wait_s * 1000",
        test="tests/unit/edge/test_driver_pace.py::test_waits_double_up_to_the_cap_and_jitter_only_shortens_them",
    ),
    Guard(
        name="an outage is told once",
        files=DRIVERS + "link.py",
        text="if self._is_up is False:",
        without="if False:",
        test="tests/contract/test_drivers.py::test_an_outage_is_told_and_logged_once_and_its_end_once",
    ),
    Guard(
        name="a reader's keepalive is acknowledged, or it hangs up",
        files=DRIVERS + "llrp_session.py",
        text="self._write(messages.KEEPALIVE_ACK(), message.message_id)",
        without="pass",
        test="tests/integration/test_llrp.py::test_keepalives_are_acknowledged_and_keep_a_quiet_gate_alive",
    ),
    Guard(
        name="a reader that says nothing is lost, although its connection is open",
        files=DRIVERS + "llrp_session.py",
        text='reason = f"reader {self._where} was silent',
        without='continue\n                reason = f"reader {self._where} was silent',
        test="tests/integration/test_llrp.py::test_silent_reader_is_lost_and_comes_back",
    ),
    Guard(
        name="an unknown setting of the map is an error",
        files=MAP + "spec.py",
        text="            _report_unknown(name, key_node, spec, scope)",
        without="            values.broken = False",
        test="tests/unit/shared/test_device_map_golden.py",
    ),
    Guard(
        name="a secret is shown nowhere",
        files="shared/genba_shared/secret.py",
        text='return "Secret(***)"',
        without="return self._text",
        test="tests/unit/shared/test_secret.py::test_a_secret_is_not_in_what_a_log_or_a_traceback_would_print",
    ),
    Guard(
        name="a reading of bad quality counts nothing and leaves a gap in what is known",
        files=CORE + "deriver.py",
        text="            self._watch.note_bad(ref)\n            return\n",
        without="            pass\n",
        test="tests/unit/edge/test_deriver_troubles.py::test_point_that_was_bad_is_not_taken_as_watched_meanwhile",
    ),
    Guard(
        name="one point that breaks the derivation does not stop the others",
        files=CORE + "supervisor.py",
        text="if not isinstance(error, Exception):",
        without="if not isinstance(error, KeyError):",
        test="tests/unit/edge/test_deriver_troubles.py::test_point_that_breaks_the_derivation_does_not_stop_the_others",
    ),
    Guard(
        name="nothing that one device does holds up another",
        files=DRIVERS + "link.py",
        text='logger.warning("device lost ',
        without='time.sleep(3.0)\n        logger.warning("device lost ',
        test="tests/integration/test_faults.py::test_devices_on_good_networks_miss_nothing[modbus-well]",
    ),
    Guard(
        name="time that nobody watched is declared",
        files=CORE + "watch.py",
        text="if begin is not None and at > begin:",
        without="if False:",
        test="tests/integration/test_faults.py::test_the_time_that_nobody_watched_is_declared[modbus-black-hole]",
    ),
    Guard(
        name="weak reads of a tag beside a stronger read point are no passage",
        files=CORE + "passage.py",
        text="    if stronger is not None:",
        without="    if False:",
        test=HISTORY + "[passage-cross-read]",
    ),
    Guard(
        name="a tag that two read points hear in turns has not moved",
        files=CORE + "passage.py",
        text="return Twin.PING_PONG, other",
        without="continue",
        test=HISTORY + "[passage-ping-pong]",
    ),
    Guard(
        name="a tag sighting that is weak and does not fit moves nothing",
        files=CORE + "tags.py",
        text="return weaknesses > (1 if way.is_straight else 0)",
        without="return False",
        test=HISTORY + "[passage-ghost]",
    ),
    Guard(
        name="a tag passage that no reader saw is implied",
        files=CORE + "route.py",
        text="if len(ways) == 1:",
        without="if False:",
        test="tests/unit/edge/test_route.py::test_tag_that_jumps_passed_what_lies_between",
    ),
    Guard(
        name="between two ways of a tag none is invented",
        files=CORE + "route.py",
        text="return found[:_TOO_MANY]",
        without="return found[:1]",
        test="tests/unit/edge/test_route.py::test_between_two_ways_none_is_invented",
    ),
    Guard(
        name="a tag passage that was told is not told again after a kill",
        files=CORE + "sightings.py",
        text="int(cluster.is_decided)",
        without="0",
        test="tests/property/test_passages_laws.py::test_kills_between_commits_change_no_passage_and_count_none_twice",
    ),
    Guard(
        name="a tag whose stay was closed is counted once when it is seen again",
        files=CORE + "tags.py",
        text="if known.closed and here is not None",
        without="if False and here is not None",
        test="tests/property/test_passages_laws.py::test_laws_hold_at_the_end_of_whatever_happened",
    ),
    Guard(
        name="no stay of a tag is closed while a reader that would have seen it leave is away",
        files=CORE + "tags.py",
        text="elif not all(self._sightings.is_live(ref.device) for ref in zone.leave):",
        without="elif False:",
        test=HISTORY + "[passage-close-after-reader-away]",
    ),
    Guard(
        name="a reused tag takes its old pieces out",
        files=CORE + "tags.py",
        text="self._end_life(rebound, before,",
        without="False and self._end_life(rebound, before,",
        test=HISTORY + "[passage-tag-reuse]",
    ),
    Guard(
        name="a late report does not set the clock of a tag reader",
        files=CORE + "reader_clock.py",
        text="if late.reports >= STEADY_REPORTS and late.until - late.since >= STEADY:",
        without="if True:",
        test="tests/unit/edge/test_reader_clock.py::test_late_reports_do_not_disturb_what_is_known",
    ),
    Guard(
        name="passages of a tag at several readers are told in their order",
        files=CORE + "sightings.py",
        text="if not self._has_ended(cluster) and not self._is_overtaken(cluster, clusters):\n                return",
        without="if not self._has_ended(cluster):\n                continue",
        test="tests/unit/edge/test_sightings.py::test_passage_at_one_reader_waits_for_an_earlier_one_at_another",
    ),
    Guard(
        name="tags that leave without being read make the count of their zone less certain",
        files=CORE + "crossings.py",
        text="Sign.IMPLIED if crossing.implied else Sign.READ",
        without="Sign.READ",
        test=HISTORY + "[passage-dead-antenna]",
    ),
    Guard(
        name="what a person counted holds when it becomes known what a tag stands for",
        files=CORE + "zone_book.py",
        text="self.move_tags(parse_time(before.entered_at), change, journal)",
        without="self.move_tags(journal.moment.now, change, journal)",
        test=ZONES + "test_what_a_person_counted_holds_when_it_becomes_known_what_a_tag_stood_for",
    ),
    Guard(
        name="a tag that was not gone after all is missed at no way out",
        files=CORE + "zone_book.py",
        text="self.tags.take_back_way_out()",
        without="pass",
        test=ZONES + "test_a_tag_that_was_not_gone_after_all_says_that_others_may_be_here_too",
    ),
    Guard(
        name="nobody signs for another gateway",
        files="cloud/genba_cloud/ingest/trust.py",
        text="return None if known.verify(signature, covered) else Refusal.SIGNATURE",
        without="return None",
        test=ATTACKS + "test_an_envelope_on_another_gateways_topic_is_refused_even_with_that_name",
    ),
    Guard(
        name="an acknowledgement that the collector did not sign deletes nothing",
        files="edge/genba_edge/uplink/uplink.py",
        text="if keys is not None and not keys.verify(",
        without="if keys is None and not keys.verify(",
        test=ATTACKS + "test_a_forged_acknowledgement_deletes_nothing",
    ),
    Guard(
        name="what another run of a gateway delivered is compared, not skipped",
        files="cloud/genba_cloud/core/delivery.py",
        text="is_same_run = reach.run in (None, standing.run) and not reach.disputed",
        without="is_same_run = True",
        test="tests/property/test_forked_histories_laws.py::"
        "test_every_event_of_every_copy_is_in_the_log_once_or_in_quarantine_with_an_alarm",
    ),
    Guard(
        name="of another run nothing is taken before what it holds",
        files="cloud/genba_cloud/core/delivery.py",
        text="if not is_same_run and reach.prev > reach.acked:",
        without="if False:",
        test="tests/unit/cloud/test_delivery.py::test_of_another_run_only_the_oldest_envelope_is_taken",
    ),
    Guard(
        name="in a new epoch counters start at their present reading",
        files=CORE + "succession.py",
        text="if key not in forgotten",
        without="if key",
        test="tests/unit/edge/test_new_epoch.py::"
        "test_a_counter_starts_at_its_present_reading_and_the_pieces_between_are_a_gap",
    ),
    Guard(
        name="a broker that cannot be started on a full disk is tried again",
        files="cloud/genba_cloud/ingest/broker*.py",
        text="if await self._try_to_start():",
        without="if await self._start():",
        test="tests/integration/test_broker.py::test_killed_on_a_full_disk_it_is_back_when_there_is_room",
    ),
    Guard(
        name="an answer of the database that never comes is not waited for",
        files="cloud/genba_cloud/store/postgres*.py",
        text="elif time.monotonic() - heard_at > SILENCE_S:",
        without="elif False:",
        test="tests/integration/test_postgres_silence.py::"
        "test_an_answer_that_never_comes_is_given_up_and_the_store_works_again",
    ),
    Guard(
        name="a full disk of the collector is a reason to come back later, no fault",
        files="cloud/genba_cloud/store/sqlite*.py",
        text="return StoreAway(str(error))",
        without="return None",
        test="tests/chaos/test_full_disk.py::"
        "test_a_collector_with_a_full_disk_shows_on_and_takes_on_when_there_is_room",
    ),
    Guard(
        name="a report is the total so far of its source: 8, then 10 of 10, is never 18",
        files="cloud/genba_cloud/core/facts/*.py",
        text="totals.setdefault(group, {})[who(report.source)] = pieces",
        without="totals.setdefault(group, {})[report.id] = pieces + (_sum(totals) if totals.get(group) else 0)",
        test="tests/unit/cloud/test_facts_people.py::test_a_report_is_the_total_so_far_8_then_10_of_10_is_10",
    ),
    Guard(
        name="a node that overlaps with its predecessor is not complete before it",
        files="cloud/genba_cloud/core/facts/*.py",
        text="if before.is_open or (",
        without="if False or (",
        test="tests/unit/cloud/test_facts_people.py::test_overlap_does_not_let_a_node_complete_before_its_predecessor",
    ),
    Guard(
        name="overlap is allowed from the transfer quantity on",
        files="cloud/genba_cloud/core/facts/*.py",
        text="(facts.quantity if wanted is None else min(wanted, facts.quantity))",
        without="facts.quantity",
        test="tests/unit/cloud/test_facts_people.py::test_work_may_begin_with_the_transfer_quantity_and_not_before",
    ),
    Guard(
        name="what was turned down or opened again does not complete the node",
        files="cloud/genba_cloud/core/facts/*.py",
        text="return self._cut is None or seen.key() > self._cut.key()",
        without="return True",
        test="tests/unit/cloud/test_facts_people.py::test_a_reopened_node_is_open_from_then_on",
    ),
    Guard(
        name="who confirms for the second pair of eyes is somebody else",
        files="cloud/genba_cloud/core/facts/*.py",
        text="if who(one.source) not in said",
        without="",
        test="tests/unit/cloud/test_facts_people.py::test_four_eyes_need_somebody_else_than_who_reported",
    ),
    Guard(
        name="an event may be taken back before it comes",
        files="cloud/genba_cloud/ledger/*.py",
        text="for name in waiting & now.keys():",
        without="for name in ():",
        test="tests/property/test_facts_laws.py::"
        "test_every_delivery_of_a_history_gives_the_same_views_and_a_rebuild_the_same_again",
    ),
)
