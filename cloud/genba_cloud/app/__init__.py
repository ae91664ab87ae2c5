"""Wiring of the collector: settings, processes, commands. The only place that reads clock and environment."""
