"""The durable store of a gateway: what the collector has not yet accounted for, and the core's state."""

from genba_edge.outbox.database import integrity
from genba_edge.outbox.sqlite import SqliteOutbox

__all__ = ["SqliteOutbox", "integrity"]
