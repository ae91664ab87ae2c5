"""Canonical JSON: the one that the standard library writes, byte for byte, and read back as it was."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_shared.events import KINDS, Event, canonical_json, event_from_json, event_of_canonical, event_to_json
from tests.property.any_events import EPOCH, events_of

EVENTS = st.sampled_from(list(KINDS.values())).flatmap(lambda kind: events_of(kind, f"line-1:{EPOCH}:7"))


@settings(deadline=None)
@given(EVENTS)
def test_canonical_json_is_the_json_form_with_sorted_keys_and_no_spaces(event: Event) -> None:
    written = json.dumps(event_to_json(event), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert canonical_json(event) == written.encode()


@settings(deadline=None)
@given(EVENTS)
def test_what_was_written_is_read_as_foreign_json_is(event: Event) -> None:
    body = json.loads(canonical_json(event))
    assert event_of_canonical(body) == event_from_json(body) == event
