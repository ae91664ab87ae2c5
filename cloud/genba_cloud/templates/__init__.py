"""Routing templates that come with the product; `genba cloud import templates` puts in others."""
