"""The collector's database: event log, master data, views. The only place that knows SQL."""
