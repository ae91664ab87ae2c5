"""Gets the gateway a new certificate long before the present one expires."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genba_edge.app.enrolment_client import renew
from genba_edge.app.identity import GatewayIdentity, broker_of, certificate_of, save_identity
from genba_shared.errors import UsageError

logger = logging.getLogger(__name__)

FIRST_LOOK_S: Final = 60.0
LOOK_EVERY_S: Final = 12 * 3600.0
DUE_BELOW: Final = 1 / 3
"""Share of its time that is left when a new certificate is asked for."""


def is_due(identity: GatewayIdentity, *, now: datetime) -> bool:
    """Whether it is time for a new certificate."""
    since, until = certificate_of(identity)
    return (until - now) < (until - since) * DUE_BELOW


async def care_for(identity: GatewayIdentity, state_dir: Path) -> None:
    """Look twice a day for as long as the gateway runs; what fails is said and tried again.

    A connection that stands keeps the certificate that it began with; the next one takes the new one.
    """
    await asyncio.sleep(FIRST_LOOK_S)
    while True:
        if is_due(identity, now=datetime.now(UTC)):
            identity = await asyncio.to_thread(_renewed, identity, state_dir)
        await asyncio.sleep(LOOK_EVERY_S)


def _renewed(identity: GatewayIdentity, state_dir: Path) -> GatewayIdentity:
    try:
        new = renew(identity)
        save_identity(state_dir, new)
        broker_of(new, None, state_dir)
    except UsageError as exc:
        until = certificate_of(identity)[1]
        logger.warning("certificate not renewed gateway=%s until=%s reason=%s", identity.gateway, until, exc)
        return identity
    logger.info("certificate renewed gateway=%s until=%s", new.gateway, certificate_of(new)[1])
    return new
