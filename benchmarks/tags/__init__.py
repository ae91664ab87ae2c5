"""A plant whose bundles carry tags: what truly happened, what readers make of it, and how far a derivation is off."""
