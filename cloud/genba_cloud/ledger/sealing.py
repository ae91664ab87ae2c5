"""Personal words are sealed before they enter the log, under a key of whoever wrote them: erasing it erases them.

A sealed text is ``~1:KEY:…``: form 1, the id of the subject's key, and AES-GCM-256 of the text with a random nonce in
front, bound to the event's id and the field's name. Leaf, chain and views hold the sealed text, so that all of them
stay as they are when the words are erased. Subjects' keys are kept wrapped by the key of the installation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from genba_cloud.core.facts import Question, ToldFold, Word
from genba_cloud.core.personal import NOTE, REASON, REF, SEALED, personal_fields, subject_of
from genba_cloud.ledger.chain import canonical, leaf_of
from genba_cloud.ledger.signing import write_private
from genba_cloud.store.proofs import Proofs, SubjectKeyRow
from genba_cloud.store.read import LoggedEvent
from genba_shared.errors import ContractError, UsageError
from genba_shared.events import Event

KEY_FILE: Final = "installation.key"
ERASED: Final = "(erased)"
UNREADABLE: Final = "(sealed)"
"""What stands where the key of the installation is missing, or the sealed text is not of this event."""
_NONCE: Final = 12
_KEY_BYTES: Final = 8
_LEAF_BYTES: Final = 32


class InstallationKey:
    """The key that wraps every subject's key; 256 bits."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("a key of the installation has 32 bytes")
        self._wrapper = AESGCM(hmac.digest(key, b"genba wrap v1", "sha256"))
        self._finder = hmac.digest(key, b"genba find v1", "sha256")

    @classmethod
    def open(cls, file: Path) -> InstallationKey:
        """Read it: 64 hexadecimal digits.

        Raises:
            UsageError: the file does not hold that.
        """
        try:
            return cls(bytes.fromhex(file.read_text().strip()))
        except (OSError, ValueError) as exc:
            raise UsageError(f"{file} holds no key of an installation (64 hexadecimal digits)") from exc

    @classmethod
    def of_folder(cls, data_dir: Path) -> InstallationKey:
        """The key of a data folder, made when it is first needed."""
        file = data_dir / KEY_FILE
        if not file.exists():
            write_private(file, f"{secrets.token_hex(32)}\n".encode())
        return cls.open(file)

    def wrap(self, name: str, key: bytes) -> bytes:
        """A subject's key as it is kept; bound to its id."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._wrapper.encrypt(nonce, key, name.encode())

    def unwrap(self, name: str, wrapped: bytes) -> bytes | None:
        """A subject's key; None: another installation's key wrapped it."""
        try:
            return self._wrapper.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], name.encode())
        except InvalidTag:
            return None

    def index_of(self, subject: str) -> bytes:
        """A keyed hash, by which a subject's keys are found without keeping who it is."""
        return hmac.digest(self._finder, subject.encode(), "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seals:
    """Seals and opens with the key of the installation. Without one, nothing personal is taken, and none shown."""

    installation: InstallationKey | None = None

    def seal(self, proofs: Proofs, events: Sequence[Event], now: datetime) -> Sequence[Event]:
        """The events with their personal words sealed; those without any are the same objects.

        Raises:
            ContractError: there is something to seal and no key.
        """
        wanted = {number: fields for number, event in enumerate(events) if (fields := personal_fields(event))}
        if not wanted:
            return events
        return [
            self._sealed(proofs, event, wanted[number], now) if number in wanted else event
            for number, event in enumerate(events)
        ]

    def mark_of(self, proofs: Proofs, event: Event, now: datetime) -> bytes:
        """What an event with a client's id is recognised by when it is sent again.

        Its leaf, where nothing in it is personal. Else a hash of its open text under a key of the subject, behind that
        key's id: two sealings of one text differ, and a plain hash would let one guess words that were erased.
        """
        if not personal_fields(event):
            return leaf_of(canonical(event))
        name, key = self._current(proofs, subject_of(event), now)
        return bytes.fromhex(name) + _mark(key, event)

    def is_same(self, proofs: Proofs, there: bytes, event: Event) -> bool:
        """Whether an event is what was taken under this mark. Where its words are erased, it is."""
        if len(there) == _LEAF_BYTES:
            return there == leaf_of(canonical(event))
        row = proofs.subject_key(there[:_KEY_BYTES].hex())
        key = self._unwrapped(row)
        return key is None or hmac.compare_digest(_mark(key, event), there[_KEY_BYTES:])

    def opened_events(self, proofs: Proofs, events: Iterable[LoggedEvent]) -> tuple[LoggedEvent, ...]:
        """As people may read them."""
        keys = _Keys(self, proofs)
        return tuple(replace(logged, event=keys.event(logged.event)) for logged in events)

    def opened(self, proofs: Proofs, events: Iterable[Event]) -> tuple[Event, ...]:
        """As people may read them."""
        keys = _Keys(self, proofs)
        return tuple(keys.event(event) for event in events)

    def opened_questions(self, proofs: Proofs, questions: Iterable[Question]) -> tuple[Question, ...]:
        """As people may read them."""
        keys = _Keys(self, proofs)
        return tuple(keys.question(question) for question in questions)

    def opened_told(self, proofs: Proofs, fold: ToldFold) -> ToldFold:
        """What was told, as people may read it; facts are worked out from that anew."""
        keys = _Keys(self, proofs)
        return replace(fold, events={name: keys.event(event) for name, event in fold.events.items()})

    def opened_words(self, proofs: Proofs, words: Iterable[Word]) -> tuple[Word, ...]:
        """What people said of a node, as people may read it."""
        keys = _Keys(self, proofs)
        return tuple(keys.word(word) for word in words)

    def erase(self, proofs: Proofs, subject: str, now: datetime) -> tuple[str, ...]:
        """Destroy the keys of a subject; their ids. What is left of each says when it was erased.

        Raises:
            ContractError: there is no key of the installation, by which they would be found.
        """
        return proofs.erase_subject_keys(self._known().index_of(subject), at=now)

    def keys_of(self, proofs: Proofs, subject: str) -> tuple[str, ...]:
        """Ids of the keys of a subject that are not erased."""
        return tuple(row.key for row in proofs.subject_keys(self._known().index_of(subject)))

    def _sealed(self, proofs: Proofs, event: Event, fields: Sequence[str], now: datetime) -> Event:
        name, key = self._current(proofs, subject_of(event), now)
        changes: dict[str, Any] = {}
        for field in fields:
            text = event.source.ref if field == REF else getattr(event, field)
            nonce = secrets.token_bytes(_NONCE)
            body = nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound_to(event.id, field))
            sealed = f"{SEALED}{name}:{base64.urlsafe_b64encode(body).decode().rstrip('=')}"
            if field == REF:
                changes["source"] = replace(event.source, ref=sealed)
            else:
                changes[field] = sealed
        return replace(event, **changes)

    def _current(self, proofs: Proofs, subject: str, now: datetime) -> tuple[str, bytes]:
        """The key of a subject and its id, made when it first writes something."""
        installation = self._known()
        index = installation.index_of(subject)
        for row in proofs.subject_keys(index):
            key = self._unwrapped(row)
            if key is not None:
                return row.key, key
        name, key = secrets.token_hex(_KEY_BYTES), secrets.token_bytes(32)
        row = SubjectKeyRow(key=name, subject=index, wrapped=installation.wrap(name, key), made_at=now)
        proofs.add_subject_key(row)
        return name, key

    def _known(self) -> InstallationKey:
        if self.installation is None:
            raise ContractError("personal words cannot be taken: the key of the installation is missing")
        return self.installation

    def _unwrapped(self, row: SubjectKeyRow | None) -> bytes | None:
        if row is None or row.wrapped is None or self.installation is None:
            return None
        return self.installation.unwrap(row.key, row.wrapped)


NO_KEY: Final = Seals()


class _Keys:
    """The keys that one answer needs, each looked up once."""

    def __init__(self, seals: Seals, proofs: Proofs) -> None:
        self._seals = seals
        self._proofs = proofs
        self._known: dict[str, tuple[SubjectKeyRow | None, bytes | None]] = {}

    def event(self, event: Event) -> Event:
        changes: dict[str, Any] = {}
        for field in (NOTE, REASON):
            text = getattr(event, field, None)
            if text is not None and text.startswith(SEALED):
                changes[field] = self._text(text, event.id, field)
        if event.source.ref.startswith(SEALED):
            changes["source"] = replace(event.source, ref=self._text(event.source.ref, event.id, REF))
        return replace(event, **changes) if changes else event

    def question(self, question: Question) -> Question:
        if question.note is not None:
            question = replace(question, note=self._text(question.note, question.question, NOTE))
        answer = question.answer
        if answer is None:
            return question
        note = None if answer.note is None else self._text(answer.note, answer.event, NOTE)
        return replace(question, answer=replace(answer, note=note, by=self._text(answer.by, answer.event, REF)))

    def word(self, word: Word) -> Word:
        reason = None if word.reason is None else self._text(word.reason, word.event, REASON)
        return replace(word, by=self._text(word.by, word.event, REF), reason=reason)

    def _text(self, text: str, event_id: str, field: str) -> str:
        """The words behind a sealed text. One whose key nobody ever made is no sealed text, but what somebody wrote."""
        name, colon, body = text.removeprefix(SEALED).partition(":")
        if not text.startswith(SEALED) or not colon:
            return text
        if name not in self._known:
            row = self._proofs.subject_key(name)
            self._known[name] = row, self._seals._unwrapped(row)  # noqa: SLF001 (the other half of this module)
        row, key = self._known[name]
        if row is None:
            return text
        if row.wrapped is None:
            return ERASED
        if key is None:
            return UNREADABLE
        return _unsealed(key, body, _bound_to(event_id, field))


def _unsealed(key: bytes, body: str, bound_to: bytes) -> str:
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], bound_to).decode()
    except (InvalidTag, ValueError):
        return UNREADABLE


def _bound_to(event_id: str, field: str) -> bytes:
    return f"{event_id}\n{field}".encode()


def _mark(key: bytes, event: Event) -> bytes:
    own = hmac.digest(key, b"genba mark v1", hashlib.sha256)
    return hmac.digest(own, canonical(event), hashlib.sha256)
