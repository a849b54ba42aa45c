"""Threads that work on one thing, joined by bounded channels: the first error in any ends them all."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

LEAVE_SECONDS = 60.0
"""How long a thread may take to notice that the work was stopped. Only one that waits for a source
which neither answers nor can be cancelled takes longer; it must not hold a task that has failed."""


RELEASE_SECONDS = 1.0
"""How long to wait for a thread before it is released again."""


class Stopped(Exception):
    """Raised in the members of a crew that wait for one another once the work has stopped."""


class Crew:
    """A few threads, and the caller's own as one of them.

    The caller's thread only ever waits in ways that a signal can interrupt, so that what Airflow raises
    there on a timeout is raised at once, and ends the other threads.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.stopped = False
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None], name: str) -> None:
        """Do ``work`` in a thread of its own, in the caller's context."""
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._do, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def finish(self, work: Callable[[], None], release: Callable[[], None]) -> None:
        """Do the caller's share, then wait until every thread has ended.

        ``release`` frees threads that wait for something outside the crew. It is called once the work has
        failed, again and again while a thread is left.
        Raises the first error of any thread, or of ``work``, as it is.
        """
        try:
            try:
                work()
            except Stopped:
                # The thread that failed has left its error, which is raised below.
                pass
            except BaseException:
                self._stop(None)
                raise
        finally:
            self._join(release)
        if self._error is not None:
            raise self._error

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            return
        except BaseException as error:
            self._stop(error)

    def _stop(self, error: BaseException | None) -> None:
        with self.changed:
            if not self.stopped:
                self.stopped, self._error = True, error
            self.changed.notify_all()

    def _join(self, release: Callable[[], None]) -> None:
        until = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            while thread.is_alive() and not (self.stopped and time.monotonic() > until):
                if self.stopped:
                    # More than once: a thread may have begun to wait only after the last time.
                    release()
                thread.join(RELEASE_SECONDS)
            if thread.is_alive():
                log.warning("%s still waits for its source and is left behind.", thread.name)


class Channel(Generic[T]):
    """A queue between members of a crew that holds at most ``capacity``, by ``size_of`` its items.

    An item that is larger than that passes alone. Iterating ends once each of ``producers`` has ended it.
    """

    def __init__(
        self, crew: Crew, capacity: int, *, producers: int = 1, size_of: Callable[[T], int] = lambda _: 1
    ) -> None:
        self._crew = crew
        self._capacity = capacity
        self._producers = producers
        self._size_of = size_of
        self._items: deque[tuple[T, int]] = deque()
        self._held = 0

    def put(self, item: T) -> None:
        """Add an item, when there is room. Raises Stopped when the work has stopped."""
        size = self._size_of(item)
        with self._crew.changed:
            while not self._crew.stopped and self._items and self._held + size > self._capacity:
                self._crew.changed.wait()
            if self._crew.stopped:
                raise Stopped
            self._items.append((item, size))
            self._held += size
            self._crew.changed.notify_all()

    def end(self) -> None:
        """Say that this producer has no more."""
        with self._crew.changed:
            self._producers -= 1
            self._crew.changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """The items in order, each once. Raises Stopped when the work has stopped."""
        while True:
            with self._crew.changed:
                while not self._crew.stopped and not self._items and self._producers:
                    self._crew.changed.wait()
                if self._crew.stopped:
                    raise Stopped
                if not self._items:
                    return
                item, size = self._items.popleft()
                self._held -= size
                self._crew.changed.notify_all()
            yield item
            del item
