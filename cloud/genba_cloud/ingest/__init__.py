"""What arrives from gateways over MQTT, and what goes back to them."""

from genba_cloud.ingest.broker import EmbeddedBroker
from genba_cloud.ingest.service import Ingest, refuse_remote

__all__ = ["EmbeddedBroker", "Ingest", "refuse_remote"]
