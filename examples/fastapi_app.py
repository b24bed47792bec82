"""
A backtest server in one file: FastAPI, the engine's callbacks and `streaming.protocol`; no Django, no database.

    pip install -r examples/requirements.txt
    uvicorn examples.fastapi_app:app --timeout-graceful-shutdown 3

    curl -X PUT 'http://127.0.0.1:8000/api/backtest/mine?pace=100'
    curl -N http://127.0.0.1:8000/api/backtest/mine/stream

One thread runs a session, whoever watches. Its callback writes each event once, folds it into the state that snapshots
are made of, and keeps the newest events. It waits for nobody: a viewer is a cursor and reads at its own pace. One that
comes back is sent what it missed, or a snapshot where that is 100 events or more; one that falls behind what is kept is
sent a snapshot as well. So every bound holds, and every viewer ends in the same state.

Sessions live in memory, and anyone may look: what is missing here is why the full server keeps a log in Postgres.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.market_data.simulator import sample_day
from strategies.samples import sample_strategy
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import fold, frames, json_text, messages, resume, snapshots
from streaming.sse_event_emitter import SSEEvent

logger = logging.getLogger(__name__)

#: Newest events of a session that viewers can be given one by one; about 3 KB each. At least resume.DEFAULT_LIMIT.
EVENTS_KEPT: Final = 1_000
#: Sessions in memory. The oldest finished one makes room for the next.
SESSIONS_KEPT: Final = 16
SESSIONS_RUNNING: Final = 4
VIEWERS: Final = 2_000
#: Events that a viewer is handed at once, before the next are looked for.
EVENTS_PER_CHUNK: Final = 64
HEARTBEAT_SECONDS: Final = (12.0, 18.0)
RETRY_MS: Final = (1_000, 5_000)

_HEADERS: Final = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}

SessionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a viewer is sent next."""

    #: Send this as a snapshot first; None for no snapshot.
    snapshot: fold.ViewerState | None
    frames: tuple[bytes, ...]
    #: The last event that the viewer has then; -1 for none.
    cursor: int
    #: Whether nothing will follow.
    is_end: bool


class Session:
    """One run of the engine and what viewers may see of it. Lives in two threads: the engine's and the event loop's."""

    def __init__(self, session_id: str, config: BacktestConfig, *, pace: float | None) -> None:
        """Prepare a run; `pace` is market seconds a second, None for as fast as possible."""
        self.session_id = session_id
        self.viewers = 0
        self._engine = CentralizedBacktestEngineWithSSE(config, session_id)
        self._engine.register_sse_callback(self._keep)
        self._pace = pace
        self._began = 0.0
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"session {session_id}")
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        # What both threads touch.
        self._lock = threading.Lock()
        self._kept: deque[bytes] = deque(maxlen=EVENTS_KEPT)
        self._head: int | None = None
        #: Everything up to the head, but for a last event: a finished session is told as its state before it, and it.
        self._state = fold.nothing_seen()
        self._is_finished = False
        self._is_waking = False
        # The newest snapshot frame: many viewers that come at once need the same one.
        self._snapshot: tuple[int, bytes] = (-1, b"")

    @property
    def is_finished(self) -> bool:
        """Whether the run is over."""
        return self._is_finished

    @property
    def head(self) -> int:
        """The newest event; -1 before the first."""
        return -1 if self._head is None else self._head

    @property
    def oldest(self) -> int:
        """The oldest event that is kept; older ones are in snapshots only."""
        return self.head - len(self._kept) + 1

    def start(self) -> None:
        """Run in a thread of its own."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the run before its next tick, as cancelled."""
        self._is_stopping.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    # In the engine's thread

    def _run(self) -> None:
        try:
            self._engine.run(should_continue=self._is_next_tick_due)
        except Exception:
            # Viewers were told already: the engine's last event says that it failed, and why.
            logger.exception("Session %s failed.", self.session_id)
        with self._lock:
            self._is_finished = True
        self._wake_viewers()

    def _is_next_tick_due(self) -> bool:
        """Wait for the next tick's time; False where the run is to end."""
        if self._pace is None:
            return not self._is_stopping.is_set()
        due = self._began + (self._engine.ticks_run + 1) / self._pace
        return not self._is_stopping.wait(max(0.0, due - time.monotonic()))

    def _keep(self, event: SSEEvent) -> None:
        """Take an event from the engine; whatever viewers do, this takes the same time."""
        kind, data = event["event"], event["data"]
        event_id: int = data["event_id"]
        frame = frames.encode_frame(kind, json_text.encode(data), event_id)
        is_last = kind == messages.BACKTEST_COMPLETE
        state = self._state if is_last else fold.fold(self._state, kind, data)
        with self._lock:
            self._kept.append(frame)
            self._head = event_id
            self._state = state
            self._is_finished = is_last
        self._wake_viewers()

    def _wake_viewers(self) -> None:
        if self._is_waking:
            return
        self._is_waking = True
        # Where the loop is closed there are no viewers either.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)

    # In the event loop's thread

    def _wake(self) -> None:
        # Before the viewers look: what comes from now on wakes them again.
        self._is_waking = False
        woken, self._news = self._news, asyncio.Event()
        woken.set()

    def look(self, cursor: int | None, *, limit: int) -> tuple[resume.Resume, int | None]:
        """Decide what a viewer with this cursor is sent next; also return the head."""
        with self._lock:
            return self._decide(cursor, limit), self._head

    def _decide(self, cursor: int | None, limit: int) -> resume.Resume:
        return resume.decide(cursor, self._head, self.oldest, self._is_finished, limit=limit)

    def _take(self, cursor: int | None, limit: int) -> Taken:
        with self._lock:
            plan = self._decide(cursor, limit)
            start = max(0, plan.replay_after + 1 - self.oldest)
            sent = tuple(islice(self._kept, start, start + EVENTS_PER_CHUNK))
            snapshot = None if plan.snapshot_at is None else self._state
            reached = plan.replay_after + len(sent)
            is_end = plan.ends_at is not None and reached >= plan.ends_at
        return Taken(snapshot, sent, reached, is_end)

    async def follow(self, cursor: int | None) -> AsyncIterator[bytes]:
        """Send a viewer everything after its cursor, or a snapshot and everything after that, to the session's end."""
        self.viewers += 1
        try:
            yield frames.encode_retry(random.randint(*RETRY_MS)) + frames.encode_comment("open")
            limit = resume.DEFAULT_LIMIT
            while True:
                # Taken before looking, so that what comes while we look is not slept through.
                news = self._news
                taken = self._take(cursor, limit)
                if taken.snapshot is not None:
                    yield await self._snapshot_frame(taken.snapshot)
                if taken.frames:
                    yield b"".join(taken.frames)
                if taken.is_end:
                    return
                if taken.cursor == cursor and not await _has_come(news):
                    yield frames.encode_comment("still here")
                # From here on it is slow, not new: it may have all that is kept.
                cursor, limit = taken.cursor, EVENTS_KEPT + 1
        finally:
            self.viewers -= 1

    async def _snapshot_frame(self, state: fold.ViewerState) -> bytes:
        if self._snapshot[0] != state.event_id:
            # Milliseconds of compressing, during which other viewers are served.
            self._snapshot = (state.event_id, await asyncio.to_thread(self._encode_snapshot, state))
        return self._snapshot[1]

    def _encode_snapshot(self, state: fold.ViewerState) -> bytes:
        payload = snapshots.initial_state_payload(
            event_id=state.event_id,
            session_id=self.session_id,
            diagnostics=json_text.encode(state.diagnostics),
            trades=json_text.encode(state.trades),
            strategy_id=self._engine.config.strategy.strategy_id,
            start_date=self._engine.start_date.isoformat(),
            end_date=self._engine.end_date.isoformat(),
        )
        return frames.encode_frame(messages.INITIAL_STATE, json_text.encode(payload), state.event_id)


async def _has_come(news: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(news.wait(), timeout=random.uniform(*HEARTBEAT_SECONDS))
    except TimeoutError:
        return False
    return True


class Sessions:
    """All sessions of this process, by id."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._is_closing = False

    @property
    def viewers(self) -> int:
        """All viewers that are watching now."""
        return sum(session.viewers for session in self._sessions.values())

    def get(self, session_id: str) -> Session:
        """Return a session; 404 where there is none."""
        session = self._sessions.get(session_id)
        if session is None:
            raise HTTPException(404, "There is no such session.")
        return session

    def check_room(self, session_id: str) -> None:
        """Refuse a session that is there already, or for which there is no room."""
        if session_id in self._sessions:
            raise HTTPException(409, f"There is a session {session_id} already; choose another id.")
        running = sum(not session.is_finished for session in self._sessions.values())
        if self._is_closing or running >= SESSIONS_RUNNING:
            raise HTTPException(503, f"{running} sessions run; start this one when one of them has ended.")

    def add(self, session: Session) -> None:
        """Start a session, forgetting the oldest finished one where there are too many."""
        self.check_room(session.session_id)
        finished = (each for each in self._sessions.values() if each.is_finished)
        if len(self._sessions) >= SESSIONS_KEPT and (oldest := next(finished, None)) is not None:
            # Who still watches it keeps it until the end.
            del self._sessions[oldest.session_id]
        self._sessions[session.session_id] = session
        session.start()

    def close(self) -> None:
        """End every run. Each viewer is told so by the session's last event, and its stream ends."""
        self._is_closing = True
        for session in self._sessions.values():
            session.stop()

    async def join(self) -> None:
        """Wait until every thread has ended."""
        for session in self._sessions.values():
            await asyncio.to_thread(session.join)


@contextlib.contextmanager
def _closed_on_signal(sessions: Sessions) -> Iterator[None]:
    """
    Close the sessions when the process is asked to end.

    The server waits for open streams before it tells the application, and streams wait for their session: whoever does
    not listen for the signal itself learns of it too late.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Signals are somebody else's here, who closes the streams in their own way.
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def close(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(sessions.close)
        server = before[signal.Signals(number)]
        if callable(server):
            server(number, frame)

    for number in before:
        signal.signal(number, close)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sample_config() -> BacktestConfig:
    """Build what a session runs: the sample strategy over the sample day."""
    return BacktestConfig(strategy=parse_strategy(sample_strategy()), market_data=sample_day())


def create_app(load_config: Callable[[], BacktestConfig] = sample_config, *, viewers: int = VIEWERS) -> FastAPI:
    """
    Build the application.

    Args:
        load_config: Called in a thread for each session that is started.
        viewers: How many may watch at once, all sessions together.
    """
    sessions = Sessions()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with _closed_on_signal(sessions):
            yield
        sessions.close()
        await sessions.join()

    app = FastAPI(title="Backtests", lifespan=lifespan)

    @app.put("/api/backtest/{session_id}", status_code=201)
    async def start(
        session_id: SessionId, pace: Annotated[float | None, Query(gt=0, le=100_000)] = None
    ) -> dict[str, Any]:
        """Start a session. `pace` is market seconds a second; without it the run is as fast as possible."""
        sessions.check_room(session_id)
        config = await asyncio.to_thread(load_config)
        sessions.add(Session(session_id, config, pace=pace))
        return {"session_id": session_id, "stream": f"/api/backtest/{session_id}/stream"}

    @app.get("/api/backtest/{session_id}")
    async def show(session_id: SessionId) -> dict[str, Any]:
        """Say how far a session is and how many watch it."""
        session = sessions.get(session_id)
        return {
            "head": session.head,
            "oldest": session.oldest,
            "is_finished": session.is_finished,
            "viewers": session.viewers,
        }

    @app.get("/api/backtest/{session_id}/stream")
    async def stream(
        request: Request,
        session_id: SessionId,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Stream a session's events, from the cursor in `Last-Event-ID` or `?last_event_id=` on."""
        session = sessions.get(session_id)
        cursor = resume.choose_cursor(header=last_event_id, query=request.query_params.get("last_event_id"))
        plan, head = session.look(cursor, limit=resume.DEFAULT_LIMIT)
        if plan.mode == "nothing":
            return Response(status_code=204)
        if sessions.viewers >= viewers:
            # Not 503: a browser's EventSource gives up for good at every status but 200.
            return Response(frames.encode_retry(RETRY_MS[1]), media_type="text/event-stream", headers=_HEADERS)
        headers = {**_HEADERS, "X-Backtest-Stream": f"{plan.mode}; head={-1 if head is None else head}"}
        return StreamingResponse(session.follow(cursor), media_type="text/event-stream", headers=headers)

    return app


app = create_app()
