"""The pairs of hubs in a hash table: finds the pair of two clusters without walking along the list of either."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raycluster.graph.kernel.compiled import compiled_lean
from raycluster.graph.kernel.records import aligned_records

ENTRY = np.dtype([("key", np.int64), ("half", np.int32)], align=True)
FIRST_ROOM = 1 << 10
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, which spreads neighboring keys (Knuth)


class PairLookup(NamedTuple):
    """A hash table with linear probing.

    The key is made of both clusters. No entry is ever removed: a cluster that is gone is not looked for again, and its
    entries are left behind when the table is made anew.
    """

    entry: np.ndarray  # ENTRY [a power of two], key -1 where it is free
    used: np.ndarray  # int64 [1]


def empty_lookup(room: int = FIRST_ROOM) -> PairLookup:
    """Return a table in which at least ``room`` pairs fit."""
    entry = aligned_records(1 << int(2 * room - 1).bit_length(), ENTRY)
    entry["key"] = -1
    return PairLookup(entry, np.zeros(1, np.int64))


def enlarged(lookup: PairLookup, parent: np.ndarray, more: int) -> PairLookup:
    """Return a table with room for ``more`` pairs beside those whose clusters are not yet merged into others."""
    keys = lookup.entry["key"]
    keys = keys[keys >= 0]
    low, high = keys >> 32, keys & 0xFFFFFFFF
    larger = empty_lookup(int(np.count_nonzero((parent[low] == low) & (parent[high] == high))) + more)
    _copy(lookup, larger, parent)
    return larger


@compiled_lean
def _copy(lookup: PairLookup, larger: PairLookup, parent: np.ndarray) -> None:
    for place in range(len(lookup.entry)):
        key = lookup.entry[place].key
        if key >= 0:
            low, high = key >> 32, key & 0xFFFFFFFF
            if parent[low] == low and parent[high] == high:
                add_pair(larger, low, high, lookup.entry[place].half)


@compiled_lean
def has_room(lookup: PairLookup, more: int) -> bool:
    """Return whether ``more`` pairs can be added."""
    return 4 * (lookup.used[0] + more) <= 3 * len(lookup.entry)


@compiled_lean
def add_pair(lookup: PairLookup, i: int, j: int, half: int) -> None:
    """Add a pair that is not in the table; ``half`` is its half in the list of i."""
    place = _place(lookup, i, j)
    lookup.entry[place].key = _key(i, j)
    lookup.entry[place].half = half if i < j else half ^ 1
    lookup.used[0] += 1


@compiled_lean
def find_half(lookup: PairLookup, i: int, j: int) -> int:
    """Return the half of the pair (i,j) that is in the list of i, or -1 if there is no such pair."""
    entry = lookup.entry[_place(lookup, i, j)]
    if entry.key < 0:
        return -1
    return entry.half if i < j else entry.half ^ 1


@compiled_lean
def _key(i: int, j: int) -> int:
    return int((np.int64(min(i, j)) << 32) | np.int64(max(i, j)))


@compiled_lean
def _place(lookup: PairLookup, i: int, j: int) -> int:
    """Return where the key is, or the free place where it would be."""
    key = _key(i, j)
    last = len(lookup.entry) - 1
    place = np.int64((np.uint64(key) * SPREAD) >> np.uint64(32)) & last
    while lookup.entry[place].key != key and lookup.entry[place].key >= 0:
        place = (place + 1) & last
    return int(place)
