"""Bugs put back one at a time, to see that the invariants notice: ``python -m tests.mutations.run``."""
