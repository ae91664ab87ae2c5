"""What arrives from gateways over MQTT, and what goes back to them."""

from genba_cloud.ingest.broker import EmbeddedBroker
from genba_cloud.ingest.nats_access import PublicListener
from genba_cloud.ingest.service import Ingest
from genba_cloud.ingest.trust import Strangers, Trust, check_broker, is_local, trust_of

__all__ = ["EmbeddedBroker", "Ingest", "PublicListener", "Strangers", "Trust", "check_broker", "is_local", "trust_of"]
