"""The gateway's half of genba on every Python that it promises, and without the packages that small machines lack."""
