"""The rule book as scenarios for exchanges in any language: commands, and every event and view that is expected."""
