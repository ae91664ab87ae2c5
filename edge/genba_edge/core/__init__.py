"""Pure derivation: observations and dispatch in, production events and state out. No clock, socket, file or log."""
