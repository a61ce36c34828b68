"""Venues by name, or from a file of one's own; and those that choose differently, each once."""

from __future__ import annotations

from pathlib import Path

from bookproof.models.generate.venues import VENUES
from bookproof.spec.input_error import InputError, quote
from bookproof.spec.profile import PROFILE_FILES, Profile
from bookproof.spec.profile_files import ProfileFile, read_profile_file

DISTINCT: dict[str, Profile] = {}
"""Of the venues that choose alike, the first: for draws at random, in which each set of choices has the same chance."""
for _profile in VENUES.values():
    if all(_profile._replace(name="") != other._replace(name="") for other in DISTINCT.values()):
        DISTINCT[_profile.name] = _profile


def venue_named(name: str) -> ProfileFile[Profile]:
    """A venue by the name of its profile, or by the path of a file that ends in `.toml`. InputError for neither.

    >>> venue_named("lse").profile.true_stop.value
    'trigger'
    """
    if name in PROFILE_FILES:
        return PROFILE_FILES[name]
    if name in VENUES:
        return ProfileFile(VENUES[name], "A variant that only tests use", {}, {}, ())
    if name.endswith(".toml"):
        return read_profile_file(Path(name), Profile)
    expected = f"one of {', '.join(VENUES)}, or a file that ends in .toml"
    raise InputError("options", 0, "--profile", expected, quote(name))
