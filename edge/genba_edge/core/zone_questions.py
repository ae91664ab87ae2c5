"""What a person is told and asked about a zone: how its count came about, and what does not fit, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from genba_edge.core.zone_book import Book
from genba_edge.core.zone_estimate import Joined
from genba_edge.core.zone_flow import Balance
from genba_shared.clock import format_time
from genba_shared.dispatch_document import StockTake


def about_count(book: Book, joined: Joined, *, silent: Sequence[str]) -> dict[str, Any]:
    """How the count and its error came about, for whoever asks why."""
    told: dict[str, Any] = {"rule": f"the {joined.leads} lead"}
    for name, estimate in (("counters", joined.counters), ("tags", joined.tags)):
        if estimate is not None:
            told[name] = {"least": estimate.least, "likely": estimate.pieces, "most": estimate.most}
    not_read = [device for device in silent if device in book.bounds.devices]
    if not_read:
        told["not_read"] = not_read
    if joined.apart:
        told["apart"] = joined.apart
    if book.level.deficit or book.level.missing:
        told["never_counted_in"] = book.level.deficit + book.level.missing
    if book.stock is not None:
        told["stock_take"] = {"id": book.stock.id, "at": format_time(book.stock.at), "count": book.stock.count}
    return told


def about_deficit(book: Book, deficit: int) -> str:
    """More pieces went out than came in; the likely cause is the one that was seen, or the first that fits."""
    if book.gap:
        likely = f"pieces came in while {book.gap} was not read"
    elif book.stock is None and not book.asked.deficit:
        likely = "pieces were inside when counting began"
    else:
        likely = f"pieces came in past {', '.join(str(ref) for ref in book.bounds.counters_in)}"
    note = f"{deficit} more pieces went out than came in: the zone is taken to be empty. "
    return f"{note}Likely {likely}. A stock-take settles it."


def about_drift(book: Book, joined: Joined, since: timedelta) -> str:
    """Tags and counters contradict each other."""
    tags, level = book.tags.estimate(), book.level
    return (
        f"tags say {tags.pieces} pieces ({tags.least} to {tags.most}), counters say {level.likely.pieces} "
        f"({level.least.pieces} to {level.most.pieces}), for {int(since.total_seconds() // 60)} min: "
        f"{joined.apart} pieces are between them. The {joined.leads} are followed. A stock-take settles it."
    )


def about_balance(balance: Balance) -> str:
    """The past week contradicts Little's law."""
    expected = balance.rate * balance.stay_h
    return (
        f"in the past week {balance.inside:.1f} pieces were inside on average, and {balance.rate:.1f} an hour that "
        f"stayed {balance.stay_h:.2f} h each make {expected:.1f}: {balance.difference * 100:.0f} % apart. "
        "Pieces that are gone may still be counted, or passages are missed."
    )


def about_old_stock(book: Book, stock: StockTake) -> str:
    """A stock-take came too late."""
    return (
        f"a stock-take of {stock.count} pieces at {format_time(stock.at)} is not taken: "
        f"what moved before {format_time(book.past_since)} is not known any more. Count again."
    )
