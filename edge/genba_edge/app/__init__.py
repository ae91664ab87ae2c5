"""The gateway program: builds the objects from the map, runs the loops; only this package knows settings and clock."""
