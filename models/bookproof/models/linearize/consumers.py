"""Who took from each order: for millions of orders, without a list for each."""

from __future__ import annotations

from array import array
from itertools import accumulate


class Consumers:
    """The operations that took from each of some orders, or took it out, in the order in which they were added.

    All are added, then sorted by order, and then they can be looked up.

    >>> consumers = Consumers(3)
    >>> for operation, order in ((4, 2), (5, 0), (6, 2), (6, 2)):
    ...     consumers.add(operation, order)
    >>> consumers.sort()
    >>> [list(consumers[order]) for order in range(3)]
    [[5], [], [4, 6]]
    """

    def __init__(self, orders: int) -> None:
        self._begin = array("i", bytes(4 * (orders + 1)))
        """Where the operations of each order begin, and those of the one before it end."""
        self._last = array("i", [-1]) * orders
        self._orders = array("i")
        self._operations = array("i")
        self._late: dict[int, array[int]] = {}
        """All operations of the few orders for which one was found when these were sorted."""

    def add(self, operation: int, order: int) -> None:
        """An operation took from an order; once, however often it did."""
        if self._last[order] != operation:
            self._last[order] = operation
            self._orders.append(order)
            self._operations.append(operation)

    def sort(self) -> None:
        """From now on they can be looked up."""
        count = array("i", bytes(4 * len(self._begin)))
        for order in self._orders:
            count[order + 1] += 1
        self._begin = array("i", accumulate(count))
        free, found = self._begin[:], array("i", bytes(4 * len(self._orders)))
        for order, operation in zip(self._orders, self._operations, strict=True):
            at = free[order]
            found[at] = operation
            free[order] = at + 1
        self._operations, self._orders, self._last = found, array("i"), array("i")

    def __getitem__(self, order: int) -> array[int]:
        if order in self._late:
            return self._late[order]
        return self._operations[self._begin[order] : self._begin[order + 1]]

    def add_late(self, operation: int, order: int) -> None:
        """One more, when they have been sorted."""
        self._late[order] = self[order] + array("i", [operation])
