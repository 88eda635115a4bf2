"""What must hold whatever the model and the method: bugs that others shipped (RELIABILITY 1), each as its contrary.

`cells` has the table; every test cites the catalogue, and `tests.mutations` puts the bugs back to see that it fails.
"""
