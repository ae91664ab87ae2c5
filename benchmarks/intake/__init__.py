"""What the intake benchmark needs: factories that make events as gateways do, the collector's path, limits, a fleet."""
