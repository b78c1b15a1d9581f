"""WAIT and HUMAN: tasks that time, or somebody outside, brings to an end."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from stagedoor.engine.definition import Json, TaskNode
from stagedoor.engine.embedded.draft import Attempt, Draft, Place
from stagedoor.engine.embedded.javatext import java_text
from stagedoor.engine.embedded.limits import FOREVER, begins_at, waits_until
from stagedoor.engine.embedded.operators.operator import Walk
from stagedoor.engine.run import Task

_DURATION = re.compile(
    r"\s*(?:(\d+)\s*(?:days?|d))?\s*(?:(\d+)\s*(?:hours?|hrs?|h))?"
    r"\s*(?:(\d+)\s*(?:minutes?|mins?|m))?\s*(?:(\d+)\s*(?:seconds?|secs?|s))?\s*",
    re.IGNORECASE | re.ASCII,
)
_UNTIL = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?: (\d\d?):(\d\d?)(?: (\S+))?)?", re.ASCII)
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d\d?):?(\d\d)?", re.ASCII)
_AMERICAN = {"PST": -8, "PDT": -7, "MST": -7, "MDT": -6, "CST": -6, "CDT": -5, "EST": -5, "EDT": -4}


def begin(draft: Draft, node: TaskNode, place: Place, attempt: Attempt) -> Task:
    task_id = draft.around.new_id()
    given = draft.input(node, task_id)
    task = draft.add(node, place, attempt, task_id=task_id, status="SCHEDULED", input_data=given)
    return advance(draft, node, task)


def advance(draft: Draft, node: TaskNode, task: Task, walk: Walk | None = None) -> Task:
    now = draft.around.now
    if task.status == "SCHEDULED":
        if begins_at(task) > now:
            return task
        task = _in_progress(draft, node, task)
    if node.type == "WAIT" and task.status == "IN_PROGRESS" and 0 < waits_until(task) <= now:
        return draft.finish(task, "COMPLETED")
    return task


def _in_progress(draft: Draft, node: TaskNode, task: Task) -> Task:
    if node.type != "WAIT":
        return draft.change(task, status="IN_PROGRESS", start_time=draft.around.now, callback_after_seconds=0)
    try:
        seconds = wait_seconds(task.input_data, draft.around.now)
    except ValueError as wrong:
        return draft.finish(task, "FAILED_WITH_TERMINAL_ERROR", reason_for_incompletion=str(wrong))
    return draft.change(task, status="IN_PROGRESS", start_time=draft.around.now, callback_after_seconds=seconds)


def wait_seconds(given: dict[str, Json], now: int) -> int:
    """How long a WAIT with this input lasts from `now` (epoch ms); FOREVER if it names no time. ValueError if it is not valid."""
    duration = java_text(given["duration"]) if given.get("duration") is not None else ""
    until = java_text(given["until"]) if given.get("until") is not None else ""
    if duration.strip() and until.strip():
        raise ValueError("Both 'duration' and 'until' specified. Please provide only one input")
    if duration.strip():
        return min(parse_duration(duration), FOREVER - 1)
    if until.strip():
        return min(max(0, -(-(parse_until(until) - now) // 1000)), FOREVER - 1)
    return FOREVER


def parse_duration(text: str) -> int:
    """Seconds of `2 days 3h 10 minutes 5s` (any part may be missing)."""
    match = _DURATION.fullmatch(text) if len(text) <= 100 else None
    if match is None:
        raise ValueError("Not a valid duration: write it like '1 days 2 hours 3 minutes 4 seconds'")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def parse_until(text: str) -> int:
    """Epoch ms of `yyyy-MM-dd`, `yyyy-MM-dd HH:mm` or `yyyy-MM-dd HH:mm z`; without a zone it is UTC."""
    match = _UNTIL.fullmatch(text.strip())
    if match is None:
        raise ValueError("Invalid/Unsupported Wait Until format: write it like '2030-01-31 12:30 UTC'")
    year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=_zone(match[6] or "UTC"))
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError, OSError, LookupError) as wrong:
        raise ValueError("Invalid/Unsupported Wait Until: no such moment or time zone") from wrong


def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    if name.upper() in _AMERICAN:
        return timezone(timedelta(hours=_AMERICAN[name.upper()]))
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return ZoneInfo(name)
    minutes = int(offset[2]) * 60 + int(offset[3] or 0)
    return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
