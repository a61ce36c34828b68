"""The rule book as a table: rule by rule, with a venue's choices, and which rules and pairs of rules a run reached."""
