"""What the edge benchmarks are made of: devices, gateways, a collector, and meters of processes."""
