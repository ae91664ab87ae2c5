"""The plant of `genba bench counters`."""
