"""What is wrong in the map, on the status page: evidence, and the line to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from genba_edge.app.status.markup import Html, element
from genba_edge.core.diagnosis import Finding
from genba_shared.texts import Language, render

__all__ = ["findings_list"]


def findings_list(
    findings: Iterable[Finding], *, language: str, words: Mapping[str, str], clock_time: Callable[[datetime], str]
) -> Html:
    """One entry for each finding."""
    return element("ul", *(_entry(each, language, words, clock_time) for each in findings), class_="findings")


def _entry(finding: Finding, language: str, words: Mapping[str, str], clock_time: Callable[[datetime], str]) -> Html:
    sign, spoken = finding.sign, Language(language)
    since = words["since"].format(time=clock_time(finding.first_seen))
    return element(
        "li",
        element("b", f"▲ {sign.ref}"),
        element("small", f"{sign.code} · {words[f'sureness.{sign.sureness}']} · {since}"),
        element("p", render(sign.what, spoken)),
        element("p", render(sign.fix, spoken)),
        element("pre", f"{sign.path}:\n{_indented(sign.write)}", tabindex="0") if sign.write else None,
    )


def _indented(lines: str) -> str:
    return "\n".join(f"  {line}" for line in lines.split("\n"))
