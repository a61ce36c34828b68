"""The engines that adapters ship for: which version, how it is installed, and what is known of it.

What is known is documentation and never a verdict: `bookproof check` finds for itself what it reports, and an engine
that has been repaired is reported to conform.
"""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from bookproof.models.conform.subject import TO_BEGIN
from bookproof.spec.input_error import InputError

_HERE = "bookproof.models.conform.targets"

KNOWN_TO_CONFORM = ()
"""Nothing is known to be wrong with it."""


class Target(NamedTuple):
    """One engine on the shelf."""

    version: str
    """The one that the adapter was written for and has been checked with."""
    adapter: str
    """The module in this folder and the class."""
    known: tuple[str, ...] = KNOWN_TO_CONFORM
    """What it is known to do otherwise than one would expect, one sentence each."""
    python: str = "3.11"
    """From which Python on it can be installed."""
    below: str = ""
    """And below which."""
    in_extra: bool = True
    """Whether `bookproof[targets]` brings it."""
    pip: str = ""
    """What pip has to be told besides, as where the book needs nothing of what the exchange around it needs."""

    @property
    def place(self) -> str:
        """The adapter as `--engine` has it."""
        return f"{_HERE}.{self.adapter}"


SHELF: dict[str, Target] = {
    "nanobook": Target(
        "0.19.2",
        "nanobook:Nanobook",
        (
            "A cancel uses a place in the queue that is no longer right once orders ahead have been filled: it takes "
            "out another order, or none.",
            "After such a cancel the next order that meets the level may never return, inside native code.",
            "It may also trade a quantity of zero.",
        ),
    ),
    "lightmatchingengine": Target(
        "2019.1.4",
        "lightmatchingengine:LightMatchingEngine",
        (
            "Filled orders stay in the map of orders: to cancel one raises AssertionError if its level is gone.",
            "What is left of a market order rests at price 0, and trades at that price later.",
        ),
    ),
    "manticore-orderbook": Target(
        "1.0.1",
        "manticore_orderbook:ManticoreOrderBook",
        (
            "After a modify the level and the map of orders share one object, so every fill is taken off twice.",
            "What an iceberg hides is lost with its first slice.",
            "A stop to buy is triggered at or below its price, and a stop to sell at or above it.",
            "The id of a live order is accepted again and takes its place.",
            "The thread for expired orders changes the book without its lock, which single commands cannot show.",
        ),
    ),
    "fastlob": Target(
        "0.0.24",
        "fastlob:FastLob",
        (
            "A resting order that is filled whole, while others of its level stay, is still called PENDING and can be "
            "cancelled, which takes its quantity off the level again and may delete live orders with it.",
            "An order looks whether it meets the other side before it takes that side's lock: with several threads "
            "two orders that should trade may both rest, or one may be lost. Without ids of makers no check shows it.",
            "`ExecutionResult.execprices` raises AttributeError where nothing was traded.",
        ),
    ),
    "bourse": Target(
        "0.4.0",
        "bourse:Bourse",
        (
            "Two orders at one price that arrive without a step of the clock between them have the same place in the "
            "queue: the second takes the first one's, which is lost to matching while the volume still counts it.",
        ),
        below="3.13",
    ),
    "edumatcher": Target(
        "0.53.0",
        "edumatcher:EduMatcher",
        (
            "A FOK order that is to cancel resting orders of its own account cancels them also where it cannot be "
            "filled and is killed. Its source says that this is meant; by the rule book such an order has no effect.",
        ),
        python="3.13",
        in_extra=False,
        pip="--no-deps ",
    ),
    "liquibook": Target(
        "2.0.1",
        "liquibook:Liquibook",
        (
            "After a replace the depth is changed as if nothing of the order had been executed, and an order that was "
            "filled in part may not trade at its new price.",
            "An IOC or FOK order that is cancelled on entry leaves its quantity in the depth.",
        ),
    ),
    "matching-engine": Target("0.1.1", "matching_engine:MatchingEngine", python="3.12"),
    "orderly-chaos": Target(
        "0.2.0",
        "orderly_chaos:OrderlyChaos",
        (
            "With a handler of trades and several threads, another thread may enter the book while the handler runs: a "
            "trade is then told in the wrong call, or twice. Without threads it conforms.",
        ),
    ),
    "pyorderbook": Target("0.4.9", "pyorderbook:PyOrderBook"),
}
"""By the name of the package, which is the name it is checked by."""


def must_be_installed(name: str, python: str) -> None:
    """InputError, which says how to install it, where this Python has no such engine.

    Any version will do: the report says which it was, and which one the adapter is for.
    """
    target = SHELF[name]
    asks = f"from importlib.metadata import version; version({name!r})"
    try:
        found = subprocess.run((python, "-c", asks), capture_output=True, timeout=TO_BEGIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError("", 0, "--python", "a Python that can be started", str(error)) from None
    if found.returncode:
        versions = f" from Python {target.python} on" if target.python != "3.11" else ""
        extra = " or the extra bookproof[targets]" if target.in_extra else ""
        versions += f" below Python {target.below}" if target.below else ""
        expected = f"{name} {target.version}, which installs{versions or ' on any Python'}"
        hint = (
            f"`{python} -m pip install {target.pip}{name}=={target.version}`{extra}, or name another Python by --python"
        )
        raise InputError("", 0, f"--engine {name}", expected, f"none of it in {python}", hint)
