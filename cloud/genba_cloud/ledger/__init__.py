"""The one write path: append events, fold them, publish what changed."""

from genba_cloud.ledger.alarms import IdentityAlarm
from genba_cloud.ledger.batches import Appended, Broken, Changed, EnvelopeBatch
from genba_cloud.ledger.gateways import GatewayKept, GatewaySeen
from genba_cloud.ledger.ledger import Ledger, Listener, rebuild, verify
from genba_cloud.ledger.orders import OrderTaken
from genba_cloud.ledger.peers import ALL_LEASES, ASSESSOR, Peers, Tidings, partition_lease
from genba_cloud.ledger.proof import Verified
from genba_cloud.ledger.questions import AnswerToGive, CountsGiven, CountsToAssign, QuestionAnswered
from genba_cloud.ledger.shop_floor import QueueAppended, TagToBind

__all__ = [
    "ALL_LEASES",
    "ASSESSOR",
    "AnswerToGive",
    "Appended",
    "Broken",
    "Changed",
    "CountsGiven",
    "CountsToAssign",
    "EnvelopeBatch",
    "GatewayKept",
    "GatewaySeen",
    "IdentityAlarm",
    "Ledger",
    "Listener",
    "OrderTaken",
    "Peers",
    "QuestionAnswered",
    "QueueAppended",
    "TagToBind",
    "Tidings",
    "Verified",
    "partition_lease",
    "rebuild",
    "verify",
]
