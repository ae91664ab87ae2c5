"""Sealed texts without a store: what opens them, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from genba_cloud.core.facts import ToldFold, Word
from genba_cloud.core.personal import who
from genba_cloud.ledger.sealing import ERASED, UNREADABLE, InstallationKey, Seals
from genba_cloud.store.proofs import SubjectKeyRow
from genba_shared.errors import ContractError
from genba_shared.events import Event, EventCorrected, Source, SourceType

AT = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
FIRST = "0190a000-0000-7000-8000-000000000001"
SECOND = "0190a000-0000-7000-8000-000000000002"


class Keys:
    """The table of subjects' keys, in memory."""

    def __init__(self) -> None:
        self.rows: list[SubjectKeyRow] = []

    def subject_keys(self, subject: bytes) -> tuple[SubjectKeyRow, ...]:
        return tuple(row for row in self.rows if row.subject == subject)

    def subject_key(self, key: str) -> SubjectKeyRow | None:
        return next((row for row in self.rows if row.key == key), None)

    def add_subject_key(self, row: SubjectKeyRow) -> None:
        self.rows.append(row)


def said(note: str = "why", *, name: str = FIRST, ref: str = "admin") -> EventCorrected:
    source = Source(type=SourceType.PERSON, ref=ref)
    return EventCorrected(id=name, at=AT, source=source, target="t", pieces=1, note=note)


def sealed(seals: Seals, keys: Keys, event: Event) -> EventCorrected:
    [one] = seals.seal(keys, [event], AT)  # type: ignore[arg-type]  # the part of the table that it uses
    assert isinstance(one, EventCorrected)
    return one


def note_of(seals: Seals, keys: Keys, event: Event) -> str | None:
    [one] = seals.opened(keys, [event])  # type: ignore[arg-type]  # as above
    assert isinstance(one, EventCorrected)
    return one.note


SEALS = Seals(installation=InstallationKey(b"1" * 32))


def test_what_was_sealed_is_opened_and_equal_words_look_different() -> None:
    keys = Keys()
    one, other = sealed(SEALS, keys, said()), sealed(SEALS, keys, said())
    assert one.note != other.note
    assert (note_of(SEALS, keys, one), note_of(SEALS, keys, other)) == ("why", "why")
    assert len(keys.rows) == 1


def test_each_person_has_a_key_of_their_own() -> None:
    keys = Keys()
    for ref in ("p-1", "p-2", "p-1"):
        sealed(SEALS, keys, said(ref=ref))
    assert len({row.key for row in keys.rows}) == 2


def test_a_sealed_text_is_bound_to_its_event_and_its_field() -> None:
    keys = Keys()
    one = sealed(SEALS, keys, said())
    assert note_of(SEALS, keys, replace(one, id=SECOND)) == UNREADABLE
    [moved] = SEALS.opened(keys, [replace(one, note=None, reason=one.note)])  # type: ignore[arg-type]  # as above
    assert moved.reason == UNREADABLE


def test_without_the_key_of_the_installation_nothing_is_shown_and_nothing_taken() -> None:
    keys = Keys()
    one = sealed(SEALS, keys, said())
    assert note_of(Seals(), keys, one) == UNREADABLE
    assert note_of(Seals(installation=InstallationKey(b"2" * 32)), keys, one) == UNREADABLE
    with pytest.raises(ContractError, match="the key of the installation is missing"):
        sealed(Seals(), keys, said())


def test_an_erased_key_leaves_a_word_that_says_so() -> None:
    keys = Keys()
    one = sealed(SEALS, keys, said())
    keys.rows = [replace(row, subject=None, wrapped=None, erased_at=AT) for row in keys.rows]
    assert note_of(SEALS, keys, one) == ERASED


@pytest.mark.parametrize("text", ["~1:", "~1:x", "~1:0123456789abcdef:AAAA", "~1::::", "plain"])
def test_what_only_looks_sealed_is_shown_as_it_was_written(text: str) -> None:
    assert note_of(SEALS, Keys(), said(text)) == text


@pytest.mark.parametrize("body", ["", "A", "!!!", "AAAA"])
def test_a_damaged_sealed_text_is_not_opened(body: str) -> None:
    keys = Keys()
    key = str(sealed(SEALS, keys, said()).note).split(":")[1]
    assert note_of(SEALS, keys, said(f"~1:{key}:{body}")) == UNREADABLE


def test_one_person_is_known_by_all_that_they_said_and_by_nothing_else() -> None:
    keys = Keys()
    first, second = (sealed(SEALS, keys, said(name=name, ref="Anna Berg")) for name in (FIRST, SECOND))
    other = sealed(SEALS, keys, said(ref="Bert Tan"))
    assert first.source.ref != second.source.ref
    assert who(first.source) == who(second.source) != who(other.source)


def test_views_that_keep_events_and_words_are_opened_for_people() -> None:
    keys = Keys()
    one = sealed(SEALS, keys, said(ref="Anna Berg"))
    told = SEALS.opened_told(keys, ToldFold(events={FIRST: one}))  # type: ignore[arg-type]  # the part that it uses
    opened = told.events[FIRST]
    assert isinstance(opened, EventCorrected)
    assert (opened.note, opened.source.ref) == ("why", "Anna Berg")
    word = Word(event=FIRST, kind="node_held", at=AT, by=one.source.ref, reason=None)
    assert [open_one.by for open_one in SEALS.opened_words(keys, [word])] == ["Anna Berg"]  # type: ignore[arg-type]  # as above
