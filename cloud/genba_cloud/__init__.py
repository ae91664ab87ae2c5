"""The collector: takes production events from gateways and the API, keeps them, and shows what follows from them."""
