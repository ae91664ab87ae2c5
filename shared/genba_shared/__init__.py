"""What edge, cloud and simulated plant share: events, wire, topics, device map, errors, clock, command line."""
