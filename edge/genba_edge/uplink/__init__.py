"""The link to the collector: sends what the outbox holds, takes acknowledgements and dispatch, shows the state."""

from genba_edge.uplink.credentials import Credentials
from genba_edge.uplink.uplink import Uplink

__all__ = ["Credentials", "Uplink"]
