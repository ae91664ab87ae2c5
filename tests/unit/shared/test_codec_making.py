"""Events that are made from columns are the same as those that are made by hand."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime

import pytest

from genba_shared.codec.making import maker_of
from genba_shared.events import KINDS, Event, NodeStarted, Source, SourceType
from genba_shared.events.schema import fields_of

AT = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
SOURCE = Source(type=SourceType.PLC, ref="cutter1/good")
STARTED = NodeStarted(id="line-1:e:1", at=AT, source=SOURCE, work_order="WO-1", node="CUT")


def made(event: Event) -> Event:
    return maker_of(type(event))(*(getattr(event, field.name) for field in fields(event)))


def test_a_made_event_is_the_same_as_one_by_hand() -> None:
    event = made(STARTED)
    assert type(event) is NodeStarted
    assert event == STARTED
    assert hash(event) == hash(STARTED)
    assert repr(event) == repr(STARTED)


def test_a_made_event_is_as_frozen_as_any_other() -> None:
    event = made(STARTED)
    with pytest.raises(FrozenInstanceError):
        event.station = "CUT-1"  # type: ignore[misc]  # what must not be done
    with pytest.raises(FrozenInstanceError):
        del event.station


def test_a_made_event_can_be_copied_and_pickled() -> None:
    event = made(STARTED)
    assert copy.copy(event) == STARTED
    assert pickle.loads(pickle.dumps(event)) == STARTED


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_fields_of_every_kind_come_in_the_order_of_its_class(kind: type[Event]) -> None:
    names = [field.name for field in fields_of(kind)]
    event = maker_of(kind)(*names)
    assert type(event) is kind
    assert [getattr(event, name) for name in names] == names


def test_a_value_too_few_is_noticed() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'ref'"):
        maker_of(Source)(SourceType.PLC)
