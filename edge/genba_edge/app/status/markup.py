"""HTML built so that nothing can be forgotten to be escaped: a text is escaped, an element is not escaped twice."""

from __future__ import annotations

from html import escape
from typing import Final

_VOID: Final = frozenset({"link", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | None) -> Html:
    """One element. `class_` is ``class``, `data_x` is ``data-x``; None leaves an attribute out, "" gives it no value.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + (f'="{escape(value)}"' if value else "")
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{joined(*children)}</{tag}>")


def joined(*children: str | None) -> Html:
    """Several pieces after one another; texts are escaped."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in children if each is not None))
