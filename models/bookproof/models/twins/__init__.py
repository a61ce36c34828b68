"""The TLA+ modules once more in Python, each with the names of its module, for the checker in `models.states`."""
