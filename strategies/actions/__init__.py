"""
What can happen to strategies, data sets and sessions: one function for each happening.

Views, admin buttons, commands and the worker make one call here and translate the result. A session's state changes
only by the table in `session_states`, by an update that names the state before: whoever comes second finds no row.
"""

from strategies.actions.data_sets import describe_data_set, load_data_set, load_files
from strategies.actions.ending import (
    cancel_session,
    claim_session,
    end_session,
    finish_session,
    is_cancel_requested,
    note_total_ticks,
    put_back_session,
    session_ended,
    store_results,
)
from strategies.actions.errors import ActionError, DataSetRefused, SettingsRefused, StepRefused, StrategyRefused
from strategies.actions.graphs import check_graph, create_strategy, save_graph
from strategies.actions.starting import (
    QUEUE,
    RUN_SESSION_TASK,
    SessionSettings,
    check_settings,
    enqueue,
    queue_session,
    run_again,
)
from strategies.actions.viewing import can_act, can_view, visible_sessions, visible_strategies

__all__ = [
    "QUEUE",
    "RUN_SESSION_TASK",
    "ActionError",
    "DataSetRefused",
    "SessionSettings",
    "SettingsRefused",
    "StepRefused",
    "StrategyRefused",
    "can_act",
    "can_view",
    "cancel_session",
    "check_graph",
    "check_settings",
    "claim_session",
    "create_strategy",
    "describe_data_set",
    "end_session",
    "enqueue",
    "finish_session",
    "is_cancel_requested",
    "load_data_set",
    "load_files",
    "note_total_ticks",
    "put_back_session",
    "queue_session",
    "run_again",
    "save_graph",
    "session_ended",
    "store_results",
    "visible_sessions",
    "visible_strategies",
]
