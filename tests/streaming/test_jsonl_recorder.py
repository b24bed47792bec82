"""The recorder: five files, all or nothing."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streaming.jsonl_recorder import FILE_NAMES, JsonlRecorder, OutputFailed, OutputRefused, check_output_folder
from streaming.sse_event_emitter import EncodedEvent, SSEEventEmitter

EVENTS = ("initial_state", "tick_update", "node_event", "tick_update", "trade_update", "backtest_complete")


def record(folder: Path, session_id: str = "s") -> None:
    """Record a short session completely."""
    emitter = SSEEventEmitter(session_id)
    with JsonlRecorder(folder) as recorder:
        emitter.register_encoded(recorder)
        for event in EVENTS:
            emitter.emit(event, {"text": "₹\n"})
        recorder.publish()


def record_until(failure: BaseException, folder: Path) -> None:
    """Record one event, then fail."""
    with JsonlRecorder(folder) as recorder:
        recorder(EncodedEvent("tick_update", 0, data={}))
        raise failure


def test_each_kind_of_event_has_its_file_with_one_event_a_line(tmp_path: Path) -> None:
    record(tmp_path / "out")

    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()} == {
        "initial_state.json": line_of("initial_state", 0),
        "tick_updates_stream.jsonl": line_of("tick_update", 1) + line_of("tick_update", 3),
        "node_events_stream.jsonl": line_of("node_event", 2),
        "trade_updates_stream.jsonl": line_of("trade_update", 4),
        "final_state.json": line_of("backtest_complete", 5),
    }


def line_of(event: str, event_id: int) -> str:
    """Write the line that an event of `record` must have."""
    return f'{{"event":"{event}","data":{{"event_id":{event_id},"session_id":"s","text":"₹\\n"}}}}\n'


def test_nothing_is_seen_before_the_session_is_complete(tmp_path: Path) -> None:
    with JsonlRecorder(tmp_path / "out") as recorder:
        recorder(EncodedEvent("tick_update", 0, data={}))

        assert not (tmp_path / "out").exists()


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        record_until(KeyboardInterrupt(), tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_an_earlier_output_stays_when_a_later_run_fails(tmp_path: Path) -> None:
    record(tmp_path / "out", "earlier")

    with pytest.raises(RuntimeError, match="the engine failed"):
        record_until(RuntimeError("the engine failed"), tmp_path / "out")

    assert "earlier" in (tmp_path / "out" / "final_state.json").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_complete_output_replaces_an_earlier_one(tmp_path: Path) -> None:
    record(tmp_path / "out", "earlier")

    record(tmp_path / "out", "later")

    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()]
    assert len(texts) == len(FILE_NAMES)
    assert all("later" in text and "earlier" not in text for text in texts)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_missing_parent_folders_are_made(tmp_path: Path) -> None:
    record(tmp_path / "a" / "b" / "out")

    assert len(list((tmp_path / "a" / "b" / "out").iterdir())) == len(FILE_NAMES)


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    record(tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert len(list((tmp_path / "real").iterdir())) == len(FILE_NAMES)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse to make a file larger, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_recording_and_leaves_the_earlier_output(tmp_path: Path) -> None:
    record(tmp_path / "out", "earlier")
    event = EncodedEvent("tick_update", 0, data={"text": "x" * 3_000_000})

    with JsonlRecorder(tmp_path / "out") as recorder, files_of_at_most(1_000_000):
        recorder(event)
        failure = recorder.failure
        recorder(event)
        with pytest.raises(OutputFailed, match="File too large"):
            recorder.publish()

    assert failure is not None
    assert recorder.event_counts["tick_update"] == 0
    assert "earlier" in (tmp_path / "out" / "final_state.json").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_at_the_very_end_is_told_too(tmp_path: Path) -> None:
    with JsonlRecorder(tmp_path / "out") as recorder, files_of_at_most(10):
        recorder(EncodedEvent("tick_update", 0, data={"small enough": "to be buffered until the end"}))
        with pytest.raises(OutputFailed, match="File too large"):
            recorder.publish()

    assert recorder.failure is None
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")

    with pytest.raises(OutputFailed, match="cannot be written"), JsonlRecorder(tmp_path / "file" / "out"):
        pass


def test_a_folder_that_holds_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "initial_state.json").write_text("{}", encoding="utf-8")
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(OutputRefused, match=r"thesis\.txt"):
        check_output_folder(tmp_path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")

    with pytest.raises(OutputRefused, match="is a file"):
        check_output_folder(tmp_path / "out")


def test_the_folder_that_one_stands_in_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(OutputRefused, match="the folder that you are in"):
        check_output_folder(Path())


def test_a_new_an_empty_and_an_earlier_output_folder_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    record(tmp_path / "earlier")

    for name in ("new", "empty", "earlier"):
        check_output_folder(tmp_path / name)
