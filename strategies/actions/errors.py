"""
What cannot be done.

    ActionError
    ├── StrategyRefused    the graph is not valid; every fault in the message
    ├── DataSetRefused     the market data cannot be read, or do not cover the days asked for
    ├── SettingsRefused    how orders should fill, what they should cost, or the capital
    └── StepRefused        the session is not in a state that allows it
"""

from __future__ import annotations

from collections.abc import Mapping


class ActionError(Exception):
    """Something that was asked for cannot be done."""


class StrategyRefused(ActionError):
    """The strategy graph is not valid."""


class DataSetRefused(ActionError):
    """The market data cannot be used."""


class SettingsRefused(ActionError):
    """
    A session's settings are not valid.

    `faults` has every fault by the setting: fills, costs or capital.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__("\n".join(faults.values()))


class StepRefused(ActionError):
    """The session's state does not allow the step."""
