"""
Our web server, which tells its own counts: the same program with the same settings, in a process that answers.

    python -m benchmarks.contestants.counting_web

The first line of output names the port. Every line of input is answered with what ``streaming.counts`` says.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from backtest_site.site_processes import web_command
from benchmarks.site import free_port, listens


def answer(port: int) -> None:
    """Talk with the benchmark; the server stops when the input ends."""
    from streaming.counts import counts

    while not listens(port):
        threading.Event().wait(0.05)
    print(json.dumps({"port": port}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(asdict(counts)), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    chosen = free_port()
    threading.Thread(target=answer, args=[chosen], daemon=True).start()
    # Without the interpreter and its -m, which run this already.
    _, _, *sys.argv = web_command(Path(sys.executable), host="127.0.0.1", port=chosen)
    runpy.run_module("uvicorn", run_name="__main__", alter_sys=True)
