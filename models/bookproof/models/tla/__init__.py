"""The TLA+ modules: finding the checkers, running them, and holding what they say against each other."""
