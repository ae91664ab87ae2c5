"""Pure rules of the collector: no clock, socket, file, log or random number."""
