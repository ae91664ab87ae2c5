"""What the benchmark of the API needs: a log to read from, a client that costs little, a route that does nothing."""
