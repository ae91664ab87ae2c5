"""Servers that genba did not write, and what tests need to talk to them. Fixtures: tests/peers/fixtures.py."""
