"""
Tell a run on the console: the first events, every 100th tick, node events, trades and the end.

On a terminal a progress bar stays below the lines. Elsewhere the lines are flushed one by one, so that a reader of a
pipe sees them as they come.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from streaming.protocol.messages import BACKTEST_COMPLETE, INITIAL_STATE, NODE_EVENT, TICK_UPDATE, TRADE_UPDATE
from streaming.sse_event_emitter import EncodedEvent, SSEEvent

TICKS_PER_LINE: Final = 100


class Output(Protocol):
    """What a console needs of the stream that it writes to: any text file, or Django's wrapper of one."""

    def write(self, text: str, /) -> object:
        """Write text."""

    def flush(self) -> object:
        """Hand on what was written."""

    def isatty(self) -> bool:
        """Tell whether a person is looking."""

    def fileno(self) -> int:
        """Return the system's number of the file."""


def lines_of(event: SSEEvent) -> list[str]:
    """Write an event as the console shows it; most ticks are not shown."""
    name, data = event["event"], event["data"]
    text = _HEADLINES[name](data)
    if text is None:
        return []
    return [f"[Event {data['event_id']}] {name}{text}", *_details(name, data)]


class BacktestConsole:
    """A callback of the emitter that writes to a terminal, a pipe or a file."""

    def __init__(self, out: Output, progress: Progress | None = None) -> None:
        """Write to `out`, or above the one bar of `progress` where there is one."""
        self._out: Output | None = out
        self._progress = progress
        self._task = progress.task_ids[0] if progress else None
        self._ticks = 0

    def __call__(self, event: EncodedEvent) -> None:
        """Show one event."""
        if event.event == TICK_UPDATE:
            self._ticks += 1
            # Most ticks are not shown, and need not even be decoded.
            if not _is_shown(self._ticks):
                return
        told: SSEEvent = {"event": event.event, "data": event.data}
        for line in lines_of(told):
            self.write(line)
        if self._progress and self._task is not None:
            self._show_progress(self._progress, self._task, told)

    def write(self, line: str) -> None:
        """Write one line, above the progress bar where there is one."""
        if self._progress:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif self._out is not None:
            self._write_plain(self._out, line)

    def _show_progress(self, progress: Progress, task: TaskID, event: SSEEvent) -> None:
        # With the ticks that are shown: moving the bar at every tick would cost more than the tick.
        if event["event"] == TICK_UPDATE:
            progress.update(task, completed=event["data"]["tick"])
        elif event["event"] == BACKTEST_COMPLETE:
            progress.update(task, completed=event["data"]["total_ticks"])

    def _write_plain(self, out: Output, line: str) -> None:
        try:
            out.write(line + "\n")
            out.flush()
        except BrokenPipeError:
            # The reader of the pipe, such as `head`, has seen enough; the run goes on for its files' sake.
            self._out = None
            _discard(out)


@contextmanager
def open_console(out: Output, total_ticks: int) -> Iterator[BacktestConsole]:
    """
    Open a console for a run.

    Args:
        out: Where lines go; where it is a terminal, it is the one behind `sys.stdout`, and gets a progress bar.
        total_ticks: How many ticks the run will have.

    Yields:
        The console. Lines may still be written when the bar has ended.
    """
    if not out.isatty():
        yield BacktestConsole(out)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(), refresh_per_second=8) as progress:
        progress.add_task("ticks", total=total_ticks)
        yield BacktestConsole(out, progress)


def _discard(out: Output) -> None:
    """Send what is still buffered, and written at exit, nowhere: it would raise again then."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, out.fileno())
    finally:
        os.close(nowhere)


def _nothing_more(_data: Mapping[str, Any]) -> str:
    return ""


def _is_shown(tick: int) -> bool:
    return tick == 1 or tick % TICKS_PER_LINE == 0


def _tick(data: Mapping[str, Any]) -> str | None:
    tick = data["tick"]
    if not _is_shown(tick):
        return None
    return f" #{tick}: {data['execution_count']} nodes, {len(data['open_positions'])} positions"


def _node_event(data: Mapping[str, Any]) -> str:
    return f": {data['node_id']} (signal={data['signal_emitted']})"


def _trade(data: Mapping[str, Any]) -> str:
    return f": {data['trade']['symbol']} P&L={data['trade']['pnl']}"


_HEADLINES: Final = {
    INITIAL_STATE: _nothing_more,
    TICK_UPDATE: _tick,
    NODE_EVENT: _node_event,
    TRADE_UPDATE: _trade,
    BACKTEST_COMPLETE: _nothing_more,
}


def _details(name: str, data: Mapping[str, Any]) -> list[str]:
    if name == INITIAL_STATE:
        return [_size("Diagnostics", "diagnostics", data), _size("Trades", "trades", data)]
    if name == BACKTEST_COMPLETE:
        return [
            f"  Status: {data['status']}",
            f"  Total ticks: {data['total_ticks']:,}",
            _size("Final diagnostics", "diagnostics", data),
            _size("Final trades", "trades", data),
        ]
    return []


def _size(label: str, document: str, data: Mapping[str, Any]) -> str:
    packed: str = data[document]
    compressed = len(packed) * 3 // 4 - packed.count("=", -2)
    return f"  {label}: {data['uncompressed_sizes'][document]:,} bytes uncompressed, {compressed:,} bytes compressed"
