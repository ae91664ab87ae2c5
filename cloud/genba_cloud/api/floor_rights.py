"""Which right a client needs, beside that to send events, for what otherwise has a route and checks of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_cloud.core.viewer import Act
from genba_shared.events import (
    CodeScanned,
    Event,
    EventVoided,
    MaterialCounted,
    MaterialIssued,
    MaterialReceived,
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    OrderCancelled,
    OrderChanged,
    OrderHeld,
    OrderResumed,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    QualityRecorded,
    ReworkOrdered,
    StepCompleted,
    WorkOrderCancelled,
    WorkOrderChanged,
)

_WORK: Final = (
    CodeScanned,
    MaterialCounted,
    MaterialIssued,
    MaterialReceived,
    NodeHeld,
    NodeResumed,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    QualityRecorded,
    StepCompleted,
)
_SUPERVISE: Final = (EventVoided, NodeConfirmed, NodeRejected, NodeReopened, NodeSkipped, ReworkOrdered)
_CHANGE_ORDER: Final = (OrderCancelled, OrderChanged, OrderHeld, OrderResumed, WorkOrderCancelled, WorkOrderChanged)

FLOOR_NEEDS: Final[Mapping[type[Event], Act]] = {
    **dict.fromkeys(_WORK, Act.WORK),
    **dict.fromkeys(_SUPERVISE, Act.SUPERVISE),
    **dict.fromkeys(_CHANGE_ORDER, Act.CHANGE_ORDER),
}
"""A machine's key never has the right to supervise: whom it names as a source could be anybody."""
