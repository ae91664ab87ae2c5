"""Dispatch documents as they come from the broker: live ones, and ones that the broker had kept."""

from __future__ import annotations

from genba_edge.uplink.dispatch_inbox import DispatchInbox
from genba_shared.dispatch_document import DispatchDocument, split_parts
from genba_shared.topics import dispatch, dispatch_part
from tests.unit.edge.gateway_world import document


def taken(inbox: DispatchInbox, version: int, *, newer_than: int | None = None) -> DispatchDocument | None:
    manifest, (part,) = split_parts(document(version=version, wanted={f"WO-{version}": {"SEW": 1}}))
    messages = ((dispatch("gw-1"), manifest.to_json().encode()), (dispatch_part("gw-1", 0), part))
    documents = [inbox.take(topic, payload, newer_than=newer_than) for topic, payload in messages]
    return next((document for document in documents if document is not None), None)


def test_document_that_the_broker_kept_is_taken_only_if_it_is_newer_than_what_is_in_force() -> None:
    inbox = DispatchInbox("gw-1")
    assert taken(inbox, 4, newer_than=5) is None
    assert taken(inbox, 6, newer_than=5) is not None


def test_older_document_is_taken_when_the_collector_says_it_now() -> None:
    inbox = DispatchInbox("gw-1")
    assert taken(inbox, 4, newer_than=5) is None
    assert taken(inbox, 4) is not None
