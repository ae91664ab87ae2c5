"""The events of a factory of thirty stations, made by the gateway's own derivation; the same every time."""
