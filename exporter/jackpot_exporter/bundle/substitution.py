"""`${...}` in pack text: the entry's named values, and in test cases arithmetic over them.

A case written as `${limit + 1}` keeps standing just above the limit when the limit is changed. This is not
a programming language: numbers, names, `+ - * /`, parentheses, and `bucket(x)`, which writes a number the way the
label `le` does (`1.0`).
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

Scalar = int | float | str

_HOLE = re.compile(r"\$\{([^}]*)\}")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def holes(text: str) -> list[str]:
    """What stands inside each `${...}` of `text`, in order."""
    return [inner.strip() for inner in _HOLE.findall(text)]


def substitute(text: str, values: Mapping[str, Scalar]) -> str:
    """`text` with each `${expression}` replaced. ValueError names what is wrong with an expression."""
    return _HOLE.sub(lambda match: as_text(evaluate(match[1].strip(), values)), text)


def evaluate(expression: str, values: Mapping[str, Scalar]) -> Scalar:
    """The value of arithmetic over `values`; a lone name may stand for text."""
    if expression in values:
        return values[expression]
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError:
        raise ValueError(f'"${{{expression}}}" is not arithmetic over values') from None
    match tree.body:
        case ast.Call(func=ast.Name(id="bucket"), args=[inner], keywords=[]):
            return repr(float(_number(inner, values)))
        case body:
            return _number(body, values)


def as_text(value: Scalar) -> str:
    """A number as Prometheus reads it back unchanged; whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    rounded = float(f"{value:.15g}")
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)


def _number(node: ast.expr, values: Mapping[str, Scalar]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            return _named(name, values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand, values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            try:
                return _OPERATORS[type(op)](_number(left, values), _number(right, values))
            except ZeroDivisionError:
                raise ValueError(f'"{ast.unparse(node)}" divides by zero') from None
        case _:
            raise ValueError(f'"{ast.unparse(node)}": only numbers, values and + - * / stand in ${{}}')


def _named(name: str, values: Mapping[str, Scalar]) -> float:
    if name not in values:
        known = ", ".join(sorted(values)) or "none"
        raise ValueError(f'"{name}" is not one of the values ({known})')
    value = values[name]
    if isinstance(value, str):
        raise ValueError(f'"{name}" is the text "{value}", not a number to calculate with')
    return value
