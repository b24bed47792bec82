"""
Places for streams: how many may be open at once in this process, for one user and in all.

A setting of 0 means no limit. Visitors who are not signed in cannot be told apart behind a proxy; they count in all
only.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, eq=False)
class Place:
    """One open stream; itself alone, so that giving it back twice frees one place."""

    #: None for a visitor.
    user_pk: int | None


class StreamPlaces:
    """The places of this process."""

    def __init__(self) -> None:
        self._taken: set[Place] = set()
        self._by_user: Counter[int] = Counter()
        # Re-entrant: a place may be given back by the collector, at a forgotten response, also inside of these methods.
        self._lock = threading.RLock()

    @property
    def taken(self) -> int:
        """How many streams are open."""
        return len(self._taken)

    def take(self, user_pk: int | None) -> Place | None:
        """Take a place for a user; None where there is none left."""
        with self._lock:
            if _is_reached(settings.STREAM_LIMIT_TOTAL, len(self._taken)):
                return None
            if user_pk is not None and _is_reached(settings.STREAM_LIMIT_PER_USER, self._by_user[user_pk]):
                return None
            place = Place(user_pk)
            self._taken.add(place)
            if user_pk is not None:
                self._by_user[user_pk] += 1
            return place

    def give_back(self, place: Place) -> None:
        """Free a place; one that is free already stays so."""
        with self._lock:
            if place not in self._taken:
                return
            self._taken.remove(place)
            if place.user_pk is not None:
                self._by_user[place.user_pk] -= 1
                if not self._by_user[place.user_pk]:
                    del self._by_user[place.user_pk]


def _is_reached(limit: int, count: int) -> bool:
    return 0 < limit <= count


places = StreamPlaces()
