"""Proofs by symbolic execution: what a step of the rule book does, shown for all integers on bounded books."""
