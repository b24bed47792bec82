"""Market data as plain records, which tests can compare whole."""

from strategies.engine.ticks import MarketData, Tick, TickSecond
from strategies.market_data import exchange_time


def seconds_of(data: MarketData) -> list[TickSecond]:
    """Return every second with its ticks."""
    seconds: list[TickSecond] = []
    for day in data.days():
        names = [day.symbols[code] for code in day.codes.tolist()]
        ticks = list(map(Tick, names, day.ltp.tolist(), day.volume.tolist(), day.oi.tolist()))
        bounds = day.starts.tolist()
        seconds += [
            TickSecond(exchange_time.exchange_datetime(epoch), ticks[bounds[place] : bounds[place + 1]])
            for place, epoch in enumerate(day.seconds.tolist())
        ]
    return seconds
