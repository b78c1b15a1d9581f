"""What an application trusts in place of a secret: tokens of an OpenID issuer, for an audience, under conditions on their claims.

Patterns are exact but for `*` (any characters save `/` and `:`) and `**` (any at all). A condition names a claim, or with a leading `/`
a place inside one (RFC 6901): `/kubernetes.io/namespace`. docs/decisions/0035-tokens-and-trusts.md.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from stagedoor.core.ceiling import Ceiling
from stagedoor.kit.errors import BadInput
from stagedoor.kit.strictjson import check_name

IDENTIFYING = frozenset(
    {"sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "workflow_ref", "project_path", "project_id",
     "namespace_path", "namespace_id", "/kubernetes.io/namespace", "/kubernetes.io/serviceaccount/uid", "client_id", "azp"}
)  # fmt: skip
"""Claims that say whose the workload is. GitHub's, GitLab's and Kubernetes', and those that providers have in common. Not among them:
`job_workflow_ref` and its like, which name a shared workflow and not who calls it, and `email`, which not every provider has proved."""
_ASKED_ANYWAY = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})
_SUBJECT = re.compile(r"(?:repo|project_path|system:serviceaccount):[^*/:]+[/:]")
"""How the `sub` of GitHub, GitLab and Kubernetes begins where it names somebody: other words before a name are the same for everybody."""
MOST_CONDITIONS, LONGEST, MOST_WILDCARDS = 20, 1000, 2
LEEWAY = 30
"""Seconds that clocks may differ by where a token is not good yet; one that has expired is never good."""

LONGEST_REST = 31 * 24 * 60 * 60
"""Seconds that a token may still have: what was shown once is remembered so long."""
_EXPIRES = "later than now, within 31 days"


class Terms(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True):
    """`reuse`: a token may be shown more than once, as Kubernetes' are, which lie in a file for an hour."""

    issuer: str
    audience: str
    conditions: dict[str, str]
    name: str = ""
    reuse: bool = False
    ceiling: Ceiling | None = None


class Finding(msgspec.Struct, rename="camel", frozen=True):
    """One condition, what it asks for, what the token has (None: nothing), and whether that will do."""

    check: str
    matches: bool
    expected: str
    found: Any = None


def check_terms(terms: Terms) -> None:
    """BadInput where they could let in somebody else than who is meant. The issuer's address is checked where it is called."""
    if terms.name:
        check_name(terms.name, "name")
    if "*" in terms.issuer:
        raise BadInput("issuer: it holds a wildcard; a trust names one issuer, as it stands in its tokens' iss", "issuer")
    if not terms.audience or "*" in terms.audience or len(terms.audience) > LONGEST:
        raise BadInput("audience: name the one audience that tokens must have, without a wildcard", "audience")
    if len(terms.conditions) > MOST_CONDITIONS:
        raise BadInput(f"conditions: more than {MOST_CONDITIONS}", "conditions")
    for claim, pattern in terms.conditions.items():
        _check_condition(claim, pattern)
    if not any(claim in IDENTIFYING and _pins(claim, pattern) for claim, pattern in terms.conditions.items()):
        raise BadInput(
            "conditions: none of them says whose the workload is, so everybody at this issuer would be trusted: give sub, repository, "
            "project_path or another identifying claim exactly, or up to a / or : after a name (repo:acme/*)", "conditions",
        )  # fmt: skip


def judge(terms: Terms, claims: dict[str, Any], now: int) -> list[Finding]:
    """Condition by condition. `now` in epoch milliseconds."""
    audience = claims.get("aud")
    only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    return [
        Finding("iss", claims.get("iss") == terms.issuer, terms.issuer, claims.get("iss")),
        Finding("aud", only == terms.audience, terms.audience, audience),
        *_times(claims, now // 1000),
        *(_condition(claims, claim, pattern) for claim, pattern in terms.conditions.items()),
    ]


def _times(claims: dict[str, Any], now: int) -> Iterator[Finding]:
    for name, needed in (("exp", True), ("iat", True), ("nbf", False)):
        value = claims.get(name)
        if value is None and not needed:
            continue
        time = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        good = time is not None and (now < time <= now + LONGEST_REST if name == "exp" else time <= now + LEEWAY)
        yield Finding(name, good, _EXPIRES if name == "exp" else "not later than now", value)


def _condition(claims: dict[str, Any], claim: str, pattern: str) -> Finding:
    found = _claim(claims, claim)
    text = {True: "true", False: "false"}[found] if isinstance(found, bool) else str(found) if isinstance(found, int | str) else None
    return Finding(claim, text is not None and _matches(pattern, text), pattern, found)


def _claim(claims: dict[str, Any], name: str) -> Any:
    if not name.startswith("/"):
        return claims.get(name)
    found: Any = claims
    for step in name[1:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _matches(pattern: str, text: str) -> bool:
    if "*" not in pattern:
        return pattern == text
    parts = (re.escape(part) if not part.startswith("*") else ".*" if part == "**" else "[^/:]*" for part in _split(pattern))
    return len(text) <= LONGEST and re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _split(pattern: str) -> list[str]:
    return re.split(r"(\*+)", pattern)


def _check_condition(claim: str, pattern: str) -> None:
    field = f"conditions.{claim[:64]}"
    if claim in _ASKED_ANYWAY:
        raise BadInput(f"{field}: it is no condition; iss, aud and times are asked of every token", field)
    check_name(claim, "conditions")
    wildcards = _split(pattern)[1::2]
    if not pattern or len(pattern) > LONGEST or len(wildcards) > MOST_WILDCARDS or any(len(stars) > 2 for stars in wildcards):
        raise BadInput(f"{field}: give 1 to {LONGEST} characters, with at most {MOST_WILDCARDS} wildcards, * or **", field)


def _pins(claim: str, pattern: str) -> bool:
    """Whether a pattern leaves nobody else's names open: exact, or up to the end of a name and its separator."""
    if "*" not in pattern:
        return bool(pattern.strip("/:"))
    if claim == "sub":
        return _SUBJECT.match(pattern) is not None
    literal = pattern.partition("*")[0]
    return bool(literal.strip("/:")) and literal[-1] in "/:"
