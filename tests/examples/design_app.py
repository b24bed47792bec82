"""
The integration as the stream's design has it, but for its layout and what its dots leave open.

Every request runs an engine of its own, whatever the session id: what examples/fastapi_app.py is there to do better.
"""

import json

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from tests.examples import small_app

# The text is older than our rules.
# ruff: noqa: ANN001, ANN201, ANN202, UP041
# mypy: ignore-errors

app = FastAPI()


@app.get("/api/backtest/{session_id}/stream")
async def stream_backtest(session_id: str):
    async def event_generator():
        # Create engine
        engine = CentralizedBacktestEngineWithSSE(small_app.small_config(), session_id)

        # Queue for events
        import asyncio

        queue = asyncio.Queue()

        # Callback adds to queue
        def callback(event):
            queue.put_nowait(event)

        engine.register_sse_callback(callback)

        # Start backtest in background
        import threading

        thread = threading.Thread(target=engine.run)
        thread.start()

        # Yield events as SSE
        while thread.is_alive() or not queue.empty():
            try:
                event = await asyncio.wait_for(queue.get(), timeout=0.1)
                yield f"event: {event['event']}\n"
                yield f"data: {json.dumps(event['data'])}\n"
                yield f"id: {event['data']['event_id']}\n\n"
            except asyncio.TimeoutError:
                continue

    return StreamingResponse(event_generator(), media_type="text/event-stream")
