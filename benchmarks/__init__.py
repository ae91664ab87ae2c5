"""Measurements, each with a peer or a physical limit in the same run. Every figure in the documents comes from here."""
