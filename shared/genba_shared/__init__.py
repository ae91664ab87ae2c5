"""What the edge, the cloud and the simulated plant share: events, wire, topics, device map, errors, clock, command line."""
