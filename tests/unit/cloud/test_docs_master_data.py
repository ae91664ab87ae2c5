"""What docs/master-data.md offers to copy works as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from genba_cloud.api.bodies_orders import OrderBody
from genba_cloud.core.master.kinds import MasterKind, read_file
from genba_cloud.core.master.orders import OrderWanted
from genba_cloud.core.master.tables.columns import LANGUAGES
from genba_cloud.core.master.tables.documents import TABLE_KINDS, form_of
from genba_cloud.core.master.tables.orders import ORDERS
from genba_cloud.core.policy import SitePolicy
from genba_cloud.ledger.templates import built_in_routings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "master-data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split(":")[0])
def test_every_document_of_the_page_is_taken(block: str) -> None:
    assert read_file(block, file="docs/master-data.md")


def test_the_page_has_a_document_of_every_kind() -> None:
    found = {one.kind for block in BLOCKS for one in read_file(block, file="page")}
    assert found == set(MasterKind)


@pytest.mark.requirement("R55")
def test_the_policy_of_the_page_is_the_products_own() -> None:
    (block,) = (block for block in BLOCKS if block.startswith("policy:"))
    (document,) = read_file(block, file="page")
    assert document.model.values == SitePolicy()


def test_the_order_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    wanted = OrderBody.model_validate(json.loads(block)).to_plan()
    assert isinstance(wanted, OrderWanted)
    assert [line.line for line in wanted.lines] == ["1", "2"]


def test_the_page_names_every_template_and_every_kind() -> None:
    assert [name for name in built_in_routings() if f"`{name}`" not in TEXT] == []
    assert [kind for kind in MasterKind if f"`{kind}`" not in TEXT] == []


def test_the_page_names_every_heading_of_a_table_of_orders() -> None:
    missing = [
        title
        for column in ORDERS.columns
        for title in (column.title(language) for language in LANGUAGES)
        if not re.search(rf"[|,] {re.escape(title)}[ ,:]", TEXT)
    ]
    assert missing == []


def test_the_page_names_every_column_of_the_other_tables() -> None:
    for kind in TABLE_KINDS:
        (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| {kind} |"))
        assert [column.titles[0] for column in form_of(kind).columns if column.titles[0] not in row] == []


def test_the_factory_of_the_examples_is_taken() -> None:
    file = ROOT / "examples" / "master" / "factory.yaml"
    kinds = {one.kind for one in read_file(file.read_text(encoding="utf-8"), file=file.name)}
    assert kinds == set(MasterKind)
