"""Master data: documents put in, each change a new version and an event that says so; and what is in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from genba_cloud.core.assess import DEFAULT_POLICY, Policy
from genba_cloud.core.facts import Refused
from genba_cloud.core.master.kinds import MasterDocument, MasterKind, kept_model
from genba_cloud.core.master.references import policy_from, references_of
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.batches import Appended, Changed
from genba_cloud.ledger.templates import built_in_routings
from genba_cloud.store.master import MasterRow, MasterRows
from genba_cloud.store.port import Transaction
from genba_shared.clock import to_milliseconds
from genba_shared.errors import ConfigError, Problem
from genba_shared.events import MasterDataChanged, Source

FIRST_VERSION: Final = 1
_MOST_MODELS: Final = 50_000


class Outcome(StrEnum):
    """What became of something that was sent."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A document as it is kept now."""

    row: MasterRow
    outcome: Outcome
    appended: Appended = field(default_factory=Appended)


class Models:
    """What kept documents mean, read once for each version. From any thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int, datetime], Any] = {}

    def of(self, row: MasterRow) -> Any:
        """The object that the document means."""
        key = (row.kind, row.id, row.version, row.valid_from)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_MODELS:
                self._known.clear()
            found = self._known[key] = kept_model(MasterKind(row.kind), row.body)
        return found


class Book:
    """Master data in force, as one snapshot sees it; built-in templates stand where nobody put in others.

    What was read is not read again: whoever puts something in opens another book.
    """

    def __init__(self, rows: MasterRows, models: Models) -> None:
        self._rows = rows
        self._models = models
        self._all: dict[MasterKind, Mapping[str, tuple[Any, int]]] = {}
        self._some: dict[tuple[MasterKind, str], tuple[Any, int] | None] = {}
        self._policy: tuple[Policy, Policy] | None = None

    def get(self, kind: MasterKind, name: str) -> tuple[Any, int] | None:
        """A document and its version."""
        if kind in self._all and kind is not MasterKind.ROUTINGS:
            return self._all[kind].get(name)
        if (kind, name) not in self._some:
            self._some[kind, name] = self._get(kind, name)
        return self._some[kind, name]

    def _get(self, kind: MasterKind, name: str) -> tuple[Any, int] | None:
        row = self._rows.in_force(kind, name)
        if row is not None:
            return self._models.of(row), row.version
        built_in = built_in_routings().get(name) if kind is MasterKind.ROUTINGS else None
        return (built_in.model, FIRST_VERSION) if built_in else None

    def version(self, kind: MasterKind, name: str, version: int) -> Any | None:
        """A document in one of its versions."""
        row = self._rows.version(kind, name, version)
        if row is not None:
            return self._models.of(row)
        found = self.get(kind, name)
        return found[0] if found and found[1] == version else None

    def everything(self, kind: MasterKind) -> Mapping[str, Any]:
        """All documents of a kind by id."""
        return {name: model for name, (model, _) in self._everything(kind).items()}

    def versions(self, kind: MasterKind) -> tuple[tuple[Any, int], ...]:
        """All documents of a kind, with their versions."""
        return tuple(self._everything(kind).values())

    def _everything(self, kind: MasterKind) -> Mapping[str, tuple[Any, int]]:
        if kind not in self._all:
            rows = self._rows.all_in_force(kind)
            self._all[kind] = {row.id: (self._models.of(row), row.version) for row in rows}
        return self._all[kind]

    def names(self, kind: MasterKind) -> list[str]:
        """The ids of a kind."""
        built_in = built_in_routings() if kind is MasterKind.ROUTINGS else {}
        return sorted({*self._everything(kind), *built_in})

    def policy(self, base: Policy = DEFAULT_POLICY) -> Policy:
        """Thresholds, calendars and machines of all sites."""
        if self._policy is None or self._policy[0] is not base:
            found = policy_from(
                base,
                sites=tuple(self.everything(MasterKind.SITES).values()),
                calendars=self.everything(MasterKind.CALENDARS),
                policies=self.everything(MasterKind.POLICIES),
                work_centres=tuple(self.everything(MasterKind.WORK_CENTRES).values()),
                stations=tuple(self.everything(MasterKind.STATIONS).values()),
            )
            self._policy = (base, found)
        return self._policy[1]


def put_document(
    transaction: Transaction, document: MasterDocument, source: Source, stamp: Stamp, *, expected: int | None = None
) -> Put | Refused:
    """Keep a document as its next version; the same content again changes nothing.

    `expected`: the version that whoever sends it has seen; where another one is in force, it is refused.

    Raises:
        ConfigError: it refers to something that is not there.
    """
    transaction.alone()  # two people must not both make the next version
    rows = transaction.master
    there = rows.in_force(document.kind, document.id)
    built_in = built_in_routings().get(document.id) if document.kind is MasterKind.ROUTINGS and not there else None
    version = there.version if there else FIRST_VERSION if built_in else 0
    if expected is not None and expected != version:
        return Refused(
            reason=f"{document.id} is at version {version}, not {expected}: somebody changed it meanwhile",
            accepted=f"version {version}",
            conflict=True,
        )
    _check_references(rows, document)
    if there is not None and (there.body == document.body or _means(there) == document.model):
        return Put(row=there, outcome=Outcome.UNCHANGED)
    if built_in is not None and built_in.body != document.body:
        keep_built_in(transaction, document.id, source, stamp)
        version = FIRST_VERSION + 1
    else:
        version = there.version + 1 if there else FIRST_VERSION
    row, appended = _write(transaction, document, version, source, stamp)
    return Put(row=row, outcome=Outcome.CHANGED if version > 1 else Outcome.CREATED, appended=appended)


def _means(row: MasterRow) -> Any:
    return kept_model(MasterKind(row.kind), row.body)


def keep_built_in(transaction: Transaction, name: str, source: Source, stamp: Stamp) -> Appended:
    """Keep a built-in template as version 1, so that orders that are frozen from it can always be explained by it."""
    built_in = built_in_routings().get(name)
    if built_in is None or transaction.master.in_force(MasterKind.ROUTINGS, name) is not None:
        return Appended()
    transaction.alone()
    return _write(transaction, built_in, FIRST_VERSION, source, stamp)[1]


def _write(
    transaction: Transaction, document: MasterDocument, version: int, source: Source, stamp: Stamp
) -> tuple[MasterRow, Appended]:
    at = to_milliseconds(stamp.now)
    row = MasterRow(kind=document.kind, id=document.id, version=version, valid_from=at, body=document.body)
    transaction.master.put(row)
    event = MasterDataChanged(
        id=stamp.next_id(), at=at, source=source, what=document.kind, name=document.id, version=version
    )
    appended = append_own(transaction, [event], stamp)
    changed = appended.changed.with_more(Changed(master=frozenset({str(document.kind)})))
    return row, replace(appended, changed=changed)


def _check_references(rows: MasterRows, document: MasterDocument) -> None:
    problems = tuple(_missing(rows, document))
    if problems:
        raise ConfigError(problems)


def _missing(rows: MasterRows, document: MasterDocument) -> Iterator[Problem]:
    for path, kind, name in references_of(document):
        is_built_in = kind is MasterKind.ROUTINGS and name in built_in_routings()
        if is_built_in or rows.in_force(kind, name) is not None:
            continue
        known = [row.id for row in rows.page(kind, cursor=None, limit=20).items]
        known += sorted(built_in_routings()) if kind is MasterKind.ROUTINGS else []
        yield Problem(
            file=document.kind.key,
            line=0,
            column=0,
            path=path,
            message=f"'{name}' is not among the {kind.replace('-', ' ')}.",
            fix=f"Put it in first, or write one of {', '.join(known)}." if known else "Put it in first.",
        )


def together(appended: Iterable[Appended]) -> Appended:
    """What several pieces of work of one transaction did."""
    every = tuple(appended)
    changed = Changed()
    for one in every:
        changed = changed.with_more(one.changed)
    return Appended(events=tuple(logged for one in every for logged in one.events), changed=changed)


def page_of(
    rows: MasterRows, kind: MasterKind, *, cursor: str | None, limit: int
) -> tuple[list[MasterRow], str | None]:
    """A page of documents by id, built-in templates among them."""
    if kind is not MasterKind.ROUTINGS:
        page = rows.page(kind, cursor=cursor, limit=limit)
        return list(page.items), page.next
    stored = {row.id: row for row in rows.all_in_force(kind)}
    every = {**{name: built_in_row(name) for name in built_in_routings()}, **stored}
    after = sorted(name for name in every if name > (cursor or ""))  # there are few of them
    return [every[name] for name in after[:limit]], after[limit - 1] if len(after) > limit else None


def built_in_row(name: str) -> MasterRow:
    """A built-in template in the form of those that are kept."""
    document = built_in_routings()[name]
    return MasterRow(kind=document.kind, id=name, version=FIRST_VERSION, valid_from=_SINCE, body=document.body)


_SINCE: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def outcomes_of(puts: Sequence[Put]) -> dict[str, int]:
    """How many documents had which outcome."""
    return {str(outcome): sum(put.outcome is outcome for put in puts) for outcome in Outcome}
