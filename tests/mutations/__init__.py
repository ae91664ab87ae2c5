"""The guards that matter most where the gateway reads devices, and for each the test that fails without it.

`make mutants` takes out one after the other in a copy of the sources. A guard whose absence no test notices is a guard
that somebody will remove.
"""
