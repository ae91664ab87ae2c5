"""Bodies of envelopes of version 1, which are read for ever and written no more."""

from genba_shared.codec.version1.body import read_body

__all__ = ["read_body"]
