"""Drivers: one per protocol. Each reads one device for ever, emits observations, and heals by itself."""
