"""A sorted sequence that never changes: every change makes a new one and shares nearly all of the old.

The oracle is pure, so each step makes a new book; copying a whole book would make a day of trading quadratic. Here
the items stand in chunks of bounded size, and a change copies one chunk and the tuple of chunks: O(√n) in effect, as
both copies are plain memory moves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, Generic, TypeVar

_LARGE = 128
"""A chunk that grows beyond this is halved."""
_SMALL = 32
"""A chunk that shrinks below this joins its neighbour."""

T = TypeVar("T", bound=tuple[Any, ...])
_Chunk = tuple[T, ...]
_last = itemgetter(-1)


class SortedTuple(Generic[T]):
    """An immutable ascending sequence of tuples, no two of them equal.

    >>> book = SortedTuple([(101, "b"), (100, "a")])
    >>> list(book.add((99, "c"))), list(book)
    ([(99, 'c'), (100, 'a'), (101, 'b')], [(100, 'a'), (101, 'b')])
    """

    __slots__ = ("_chunks",)
    _chunks: tuple[_Chunk[T], ...]

    def __init__(self, items: Iterable[T] = ()) -> None:
        ordered = tuple(sorted(items))
        half = _LARGE // 2
        self._chunks = tuple(ordered[i : i + half] for i in range(0, len(ordered), half))

    @classmethod
    def _of(cls, chunks: tuple[_Chunk[T], ...]) -> SortedTuple[T]:
        made = cls.__new__(cls)
        made._chunks = chunks
        return made

    def __iter__(self) -> Iterator[T]:
        for chunk in self._chunks:
            yield from chunk

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SortedTuple) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"SortedTuple({list(self)!r})"

    @property
    def first(self) -> T:
        """The least item. IndexError when empty."""
        return self._chunks[0][0]

    def at_or_after(self, probe: tuple[Any, ...]) -> T | None:
        """The least item not below `probe`, which may be shorter than an item: a prefix finds its first bearer.

        >>> SortedTuple([(1, "a"), (2, "b")]).at_or_after((2,))
        (2, 'b')
        """
        at = bisect_left(self._chunks, probe, key=_last)
        if at == len(self._chunks):
            return None
        chunk = self._chunks[at]
        return chunk[bisect_left(chunk, probe)]

    def add(self, item: T) -> SortedTuple[T]:
        """The sequence with `item` in its place."""
        chunks = self._chunks
        if not chunks:
            return self._of(((item,),))
        at = min(bisect_left(chunks, item, key=_last), len(chunks) - 1)
        chunk = chunks[at]
        place = bisect_left(chunk, item)
        return self._with(at, at + 1, (*chunk[:place], item, *chunk[place:]))

    def remove(self, item: T) -> SortedTuple[T]:
        """The sequence without `item`. ValueError when it is not there."""
        at, place = self._find(item)
        chunk = self._chunks[at]
        rest = (*chunk[:place], *chunk[place + 1 :])
        if len(rest) >= _SMALL or len(self._chunks) == 1:
            return self._with(at, at + 1, rest)
        if at + 1 < len(self._chunks):
            return self._with(at, at + 2, rest + self._chunks[at + 1])
        return self._with(at - 1, at + 1, self._chunks[at - 1] + rest)

    def replace(self, old: T, new: T) -> SortedTuple[T]:
        """The sequence with `new` where `old` was; the caller vouches that the order is kept."""
        at, place = self._find(old)
        chunk = self._chunks[at]
        return self._of((*self._chunks[:at], (*chunk[:place], new, *chunk[place + 1 :]), *self._chunks[at + 1 :]))

    def _find(self, item: T) -> tuple[int, int]:
        at = bisect_left(self._chunks, item, key=_last)
        if at < len(self._chunks):
            chunk = self._chunks[at]
            place = bisect_left(chunk, item)
            if chunk[place] == item:
                return at, place
        raise ValueError(f"{item!r} is not in the sequence")

    def _with(self, start: int, stop: int, chunk: _Chunk[T]) -> SortedTuple[T]:
        """The chunks from `start` to `stop` give way to one, halved if it is too large, left out if empty."""
        if len(chunk) > _LARGE:
            half = len(chunk) // 2
            return self._of((*self._chunks[:start], chunk[:half], chunk[half:], *self._chunks[stop:]))
        if chunk:
            return self._of((*self._chunks[:start], chunk, *self._chunks[stop:]))
        return self._of((*self._chunks[:start], *self._chunks[stop:]))
