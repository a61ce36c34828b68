"""Where command sequences come from: features as switches, strategies for Hypothesis, a seeded generator, a shrinker."""
