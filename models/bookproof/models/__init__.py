"""Everything that judges: generators, comparisons, recorders, history checks, audits, proofs, reports."""
