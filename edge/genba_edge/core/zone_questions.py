"""What a person is asked about a zone, in words."""

from __future__ import annotations

from datetime import timedelta

from genba_edge.core.zone_book import Book
from genba_edge.core.zone_estimate import Joined
from genba_edge.core.zone_flow import Balance
from genba_shared.clock import format_time
from genba_shared.dispatch_document import StockTake


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
