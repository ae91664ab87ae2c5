"""Whether the data folder holds the keys of the installation: without them, enrolled gateways believe nothing."""

from __future__ import annotations

from pathlib import Path

from genba_cloud.store import Store
from genba_cloud.store.pki import FOLDER
from genba_shared.errors import UsageError


def require_identity(store: Store, data_dir: Path) -> None:
    """See that keys are made only where no gateway knows others.

    Raises:
        UsageError: gateways are enrolled, and the folder does not hold the keys of the installation.
    """
    if (data_dir / FOLDER).exists():
        return
    enrolled = [one.gateway for one in store.reads().identities() if one.public_key and one.removed_at is None]
    if enrolled:
        raise UsageError(
            f"{len(enrolled)} enrolled gateways believe only what this installation signs, and {data_dir} holds "
            f"no {FOLDER}/: copy it there from the first collector's data or from a backup (owner only). If it is lost "
            "for good, remove and add each gateway (`genba cloud gateway remove NAME`, `add NAME`), and enrol it again"
        )
