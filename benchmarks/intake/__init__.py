"""Parts of the measurement of what the collector takes in."""
