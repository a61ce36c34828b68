"""The sequential judges: an engine beside the oracle, command by command, view by view."""
