"""The pages, from templates beside this file: everything in them is escaped, and their policy lets no script run."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from stagedoor.api.http import Response

HOME = Path(__file__).parent / "templates"
STYLE_PATH = "/connect/style.css"


@cache
def _template(name: str) -> Template:
    """Read once, when it is first shown."""
    environment = Environment(loader=FileSystemLoader(HOME), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)


def page(name: str, status: int = 200, **shown: Any) -> Response:
    """`name` of a template, without its ending."""
    return Response.form(_template(f"{name}.html").render(style=STYLE_PATH, **shown), status)


def problem(message: str, status: int, *, again: str | None = None) -> Response:
    """What is wrong, and where to begin again, if anywhere."""
    return page("problem", status, message=message, again=again)


@cache
def style() -> Response:
    return Response.style((HOME / "style.css").read_text())


def see_other(where: str) -> Response:
    """303 (RFC 9110, 15.4.4), kept by nobody; where it comes from is told to nobody."""
    answer = Response.empty(303).with_header("location", where).with_header("cache-control", "no-store")
    return answer.with_header("referrer-policy", "no-referrer")
