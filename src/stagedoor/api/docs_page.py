"""`/docs`: the operations of the OpenAPI document as one plain page. No script, nothing from elsewhere; the style sheet is a file."""

from html import escape
from typing import Any

from stagedoor.api.http import Response
from stagedoor.api.openapi import Document

STYLE_PATH = "/docs/style.css"
STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1b1f; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ccc; }
section { margin: 1rem 0; padding: .5rem .75rem; border-left: 3px solid #7a5cc2; background: #f6f5fa; }
h3 { font: 600 .95rem ui-monospace, monospace; margin: 0; overflow-wrap: anywhere; } p { margin: .25rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .25rem 0; font-size: .9rem; } dd { margin: 0; }
@media (prefers-color-scheme: dark) { body { color: #e6e6ea; background: #16161a; } section { background: #202027; } }
"""


def style() -> Response:
    return Response.style(STYLE)


def page(document: Document) -> Response:
    """The page, made once at the start."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return Response.html(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{title}</title><link rel="stylesheet" href="{STYLE_PATH}"></head><body><h1>{title}</h1>'
        f'<p>The same for machines: <a href="/openapi.json">/openapi.json</a></p>{_groups(document)}</body></html>'
    )


def _groups(document: Document) -> str:
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    return "".join(f"<h2>{escape(tag)}</h2>{''.join(operations)}" for tag, operations in sorted(groups.items()))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [("Access", operation["description"])]
    if query := [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]:
        rows.append(("Query", ", ".join(query)))
    if body := operation.get("requestBody"):
        rows.append(("Body", _schema_name(body["content"]["application/json"]["schema"])))
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f"<section><h3>{escape(method.upper())} {escape(path)}</h3><p>{escape(operation['summary'])}</p><dl>{terms}</dl></section>"


def _schema_name(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        return str(reference).rpartition("/")[2]
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_schema_name(schema['items'])}"
    return str(schema.get("type", "any"))
