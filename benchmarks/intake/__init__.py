"""What the intake benchmark needs: factories that make events as gateways do, the path of the collector, the limits."""
