"""Values as text, the way Java writes them: what a template puts into a string and what a SWITCH compares."""

from decimal import Decimal

from stagedoor.engine.definition import Json

_DEEPEST = 100


def java_text(value: Json, depth: int = 0) -> str:
    """`Objects.toString`: null, true, 1, 1.5, 1.0E10, {a=b, c=d}, [x, y]. Deeper than 100 levels: `...`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return _double(value)
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(member, depth + 1)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(java_text(member, depth + 1) for member in value) + "]"
    return _whole(value)


def _whole(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python converts; a number like that comes from nobody's definition
        return hex(value)


def _double(value: float) -> str:
    """`Double.toString`: decimal from 10^-3 up to 10^7, else one digit before the point and an exponent."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else text + ".0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, rest = str(digits[0]), "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{int(exponent) + len(digits) - 1}"


def java_truth(value: Json) -> bool:
    """Upstream's reading of a loop condition: a boolean as it is, a number above 0, anything else false."""
    if isinstance(value, bool):
        return value
    return isinstance(value, int | float) and value > 0
