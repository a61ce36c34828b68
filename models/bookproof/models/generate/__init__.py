"""Where command sequences come from: features as switches, Hypothesis strategies, a seeded generator, a shrinker."""
