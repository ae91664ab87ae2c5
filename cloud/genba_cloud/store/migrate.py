"""Bring a database from one revision of its form to another, with Alembic, or say in SQL what that would do."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, MetaData

from genba_cloud.store.accounts_postgres import POSTGRES_TABLES
from genba_cloud.store.postgres_log import parts
from genba_cloud.store.schema import revision_of
from genba_cloud.store.tables import METADATA
from genba_shared.errors import UsageError

FOLDER: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One revision that is passed, and what its file says that it does."""

    revision: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The way from a revision (None: before the first) to another; no steps: it is there already."""

    begin: str | None
    end: str
    steps: tuple[Step, ...]

    @property
    def is_back(self) -> bool:
        """Whether it goes to an older form."""
        return self.begin is not None and self.end < self.begin


class Migrations:
    """All revisions that this version of genba knows, oldest first."""

    def __init__(self, *more: Path) -> None:
        """`more`: folders with further revisions."""
        self._config = Config(attributes={})
        self._config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        self._config.set_main_option("path_separator", "newline")
        folders = "\n".join(str(folder).replace("%", "%%") for folder in (FOLDER / "versions", *more))
        self._config.set_main_option("version_locations", folders)
        scripts = ScriptDirectory.from_config(self._config)
        self._steps = [Step(revision=one.revision, summary=one.doc) for one in reversed(list(scripts.walk_revisions()))]

    @property
    def newest(self) -> str:
        """The newest revision."""
        return self._steps[-1].revision

    def forward(self, connection: Connection, to: str | None = None) -> Plan:
        """The way to a revision, or to the newest.

        Raises:
            UsageError: one of both revisions is not known.
        """
        begin = revision_of(connection)
        here, there = self._place(begin), self._place(to or self.newest)
        if there >= here:
            return Plan(begin=begin, end=to or self.newest, steps=tuple(self._steps[here + 1 : there + 1]))
        return Plan(
            begin=begin, end=self._steps[there].revision, steps=tuple(reversed(self._steps[there + 1 : here + 1]))
        )

    def back(self, connection: Connection) -> Plan:
        """The way one step back.

        Raises:
            UsageError: there is nothing before, or the revision is not known.
        """
        begin = revision_of(connection)
        here = self._place(begin)
        if here < 1:
            raise UsageError(f"revision {begin or 'none'} is the first: there is no form before it to go back to")
        return Plan(begin=begin, end=self._steps[here - 1].revision, steps=(self._steps[here],))

    def run(self, connection: Connection, plan: Plan) -> None:
        """Go that way in the transaction of the connection; the caller commits."""
        self._config.attributes["connection"] = connection
        go = command.downgrade if plan.is_back else command.upgrade
        go(self._config, plan.end)

    def sql(self, dialect: str, plan: Plan) -> str:
        """The statements that `run` would execute.

        Raises:
            UsageError: a step looks into the database before it decides, so that its statements cannot be told.
        """
        output = io.StringIO()
        self._config.attributes.update({"dialect": dialect, "output": output})
        go = command.downgrade if plan.is_back else command.upgrade
        try:
            go(self._config, f"{plan.begin or 'base'}:{plan.end}", sql=True)
        except CommandError as exc:
            raise UsageError(f"the SQL cannot be told without running it: {exc}") from exc
        return output.getvalue()

    def _place(self, revision: str | None) -> int:
        if revision is None:
            return -1
        names = [step.revision for step in self._steps]
        if revision not in names:
            raise UsageError(f"revision {revision} is not known: this version of genba knows {', '.join(names)}")
        return names.index(revision)

    def draft(self, connection: Connection, message: str) -> Path:
        """Write the draft of the next revision: what the tables of this version have and the database has not."""
        self._config.attributes["connection"] = connection
        number = f"{int(self.newest) + 1:04d}"
        script = command.revision(self._config, message, autogenerate=True, rev_id=number)
        if not isinstance(script, Script):
            raise UsageError("Alembic wrote no single draft")
        return Path(script.path)


def differences(connection: Connection) -> Sequence[Any]:
    """What the database's form has too much, too little or otherwise than the tables of this version; none: empty."""
    is_postgres = connection.dialect.name == "postgresql"
    of_log = {part.name for part in parts(connection)} if is_postgres else set()
    wanted = MetaData()
    for table in (*METADATA.sorted_tables, *(POSTGRES_TABLES.sorted_tables if is_postgres else ())):
        table.to_metadata(wanted)

    def is_compared(subject: Any, name: str | None, kind: str, _reflected: bool, _against: Any) -> bool:  # noqa: FBT001 (Alembic's shape)
        owner = name if kind == "table" else getattr(getattr(subject, "table", None), "name", None)
        return owner not in of_log

    options: dict[str, Any] = {"compare_type": True, "include_object": is_compared}
    found: Sequence[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), wanted)
    return found
