// @ts-nocheck: the text of the stream's design, which predates strict types.
/**
 * The hook as the stream's design has it, to the letter, with one change: an EventSource takes no headers, so that the
 * cursor travels in the address. Written for pako 1, which takes binary strings.
 */

import { useEffect, useState } from 'react';
import pako from 'pako';

export function useBacktestSSE(sessionId: string) {
  const [state, setState] = useState({
    diagnostics: null,
    trades: null,
    currentTick: null,
    lastEventId: 0
  });

  useEffect(() => {
    const eventSource = new EventSource(
      `/api/backtest/${sessionId}/stream?last_event_id=${state.lastEventId.toString()}`
    );

    // Handle initial_state
    eventSource.addEventListener('initial_state', (e) => {
      const data = JSON.parse(e.data);
      
      // Decompress diagnostics
      const diagCompressed = atob(data.diagnostics);
      const diagDecompressed = pako.ungzip(diagCompressed, { to: 'string' });
      const diagnostics = JSON.parse(diagDecompressed);
      
      // Decompress trades
      const tradesCompressed = atob(data.trades);
      const tradesDecompressed = pako.ungzip(tradesCompressed, { to: 'string' });
      const trades = JSON.parse(tradesDecompressed);
      
      setState(s => ({ ...s, diagnostics, trades, lastEventId: data.event_id }));
    });

    // Handle tick_update (no decompression needed)
    eventSource.addEventListener('tick_update', (e) => {
      const data = JSON.parse(e.data);
      setState(s => ({ ...s, currentTick: data, lastEventId: data.event_id }));
    });

    // Handle node_event (incremental)
    eventSource.addEventListener('node_event', (e) => {
      const data = JSON.parse(e.data);
      // Append to diagnostics
      setState(s => ({
        ...s,
        diagnostics: {
          ...s.diagnostics,
          events_history: {
            ...s.diagnostics.events_history,
            [data.execution_id]: data
          }
        },
        lastEventId: data.event_id
      }));
    });

    // Handle trade_update (incremental)
    eventSource.addEventListener('trade_update', (e) => {
      const data = JSON.parse(e.data);
      // Append trade and update summary
      setState(s => ({
        ...s,
        trades: {
          ...s.trades,
          trades: [...s.trades.trades, data.trade],
          summary: data.summary
        },
        lastEventId: data.event_id
      }));
    });

    return () => eventSource.close();
  }, [sessionId]);

  return state;
}
