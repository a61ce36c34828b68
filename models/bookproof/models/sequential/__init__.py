"""The sequential judges: an engine beside the oracle, one command at a time, every view compared after every command."""
