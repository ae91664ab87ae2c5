"""The reference of figures has a section for each figure, and none for others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genba_cloud.core.kpis import Kpi
from genba_cloud.web.words import WORDS

REFERENCE = Path(__file__).parents[3] / "docs" / "kpis.md"
SECTIONS = re.findall(r"^## ([a-z_]+): .*?(?=^## |\Z)", REFERENCE.read_text(encoding="utf-8"), re.M | re.S)


def test_every_figure_has_its_section_and_no_section_lacks_its_figure() -> None:
    assert [str(kpi) for kpi in Kpi] == SECTIONS


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_every_section_has_an_example_with_its_result() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for part in re.split(r"^## (?=[a-z_]+: )", text, flags=re.M)[1:]:
        assert re.search(r"\*Example.*\*\*.+\*\*", part, re.S), part.splitlines()[0]


def test_every_figure_has_a_name_and_a_meaning_in_each_language() -> None:
    for words in WORDS.values():
        assert [kpi for kpi in Kpi if f"kpi.{kpi}" not in words or f"kpi.{kpi}.is" not in words] == []
