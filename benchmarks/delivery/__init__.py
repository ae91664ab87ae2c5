"""Parts of the benchmarks of delivery: many gateways in few processes, and the bare insert as their limit."""
