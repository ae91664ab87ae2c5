"""The catalogue, area by area."""
