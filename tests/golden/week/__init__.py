"""A week of a garment shop, scripted, and the report of what the collector made of it."""
