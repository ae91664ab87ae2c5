"""Routing templates that come with the product: they are there without being put in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from genba_cloud.core.master.kinds import MasterDocument, read_file


@cache
def built_in_routings() -> Mapping[str, MasterDocument]:
    """The templates by id."""
    folder = resources.files("genba_cloud.templates")
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".yaml")), key=lambda one: one.name)
    documents = [document for one in files for document in read_file(one.read_text(encoding="utf-8"), file=one.name)]
    return {document.id: document for document in documents}
