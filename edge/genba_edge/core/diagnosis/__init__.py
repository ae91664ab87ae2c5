"""Finds mistakes in a device map by what its points read: byte order, addresses, limits, rates, pulses, labels.

`MapDoubts` watches beside the derivation; `ToldDoubts` says what it finds as events, once. What each finding means and
how it is found: docs/map-findings.md.
"""

from genba_edge.core.diagnosis.doubts import MapDoubts
from genba_edge.core.diagnosis.finding import Finding, FindingCode, Sign, Sureness
from genba_edge.core.diagnosis.telling import ToldDoubts

__all__ = ["Finding", "FindingCode", "MapDoubts", "Sign", "Sureness", "ToldDoubts"]
