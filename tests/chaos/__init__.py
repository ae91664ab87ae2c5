"""Breaks everything between a machine and the ledger, under load, and judges what the ledger holds afterwards."""
