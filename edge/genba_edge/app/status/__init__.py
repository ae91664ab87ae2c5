"""The status page and metrics of a gateway, on its own machine: they work without collector, broker and network."""

from genba_edge.app.status.server import bind_status, status_page

__all__ = ["bind_status", "status_page"]
