"""Parts of `benchmarks/cluster.py`."""
