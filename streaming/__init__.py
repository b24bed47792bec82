"""How a session is told: the event log, the relay, the stream and the pages that show it."""
