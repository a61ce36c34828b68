"""How a finding is told: as a program to paste, as text, as data."""
