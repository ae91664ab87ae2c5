"""The one write path: append events, fold them, publish what changed."""
