"""The durable store of a gateway: what the collector has not yet accounted for, history, and the core's state."""

from genba_edge.outbox.archive import Archive, ArchivedMap, ArchivedRow
from genba_edge.outbox.database import integrity
from genba_edge.outbox.history import HistoryLimits
from genba_edge.outbox.sqlite import SqliteOutbox

__all__ = ["Archive", "ArchivedMap", "ArchivedRow", "HistoryLimits", "SqliteOutbox", "integrity"]
