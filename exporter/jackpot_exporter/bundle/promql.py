"""What an expression reads: metrics, matchers, label names, ranges, thresholds of quantiles.

The parser is that of the promql-parser package; promtool stays the judge of what is valid, and runs in the
tests and on request. This module knows no pack and no catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import promql_parser as parser

from .durations import ZERO, Duration

_COMPARISONS = {">", "<", ">=", "<=", "==", "!="}


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric read: exact matchers by label, all labels matched on, and how far back it reaches."""

    name: str
    matched: frozenset[str]
    equal: Mapping[str, str] = field(hash=False)
    reach: Duration


@dataclass(frozen=True, slots=True)
class QuantileLimit:
    """`histogram_quantile(…)` compared with a number."""

    names: tuple[str, ...]
    operator: str
    limit: float


@dataclass(frozen=True, slots=True)
class Expression:
    """The facts about one expression."""

    selectors: tuple[Selector, ...]
    grouped_by: frozenset[str]
    """Labels named by `by`, `without`, `on`, `ignoring` and `group_left`."""
    created: frozenset[str]
    """Labels that `label_replace` and `label_join` make."""
    quantile_limits: tuple[QuantileLimit, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(selector.name for selector in self.selectors)


def read(text: str) -> Expression:
    """Parse `text`. ValueError with the parser's reason when it is not PromQL."""
    tree = parser.parse(text)
    facts = _Facts()
    facts.visit(tree, ZERO)
    return Expression(
        tuple(facts.selectors), frozenset(facts.grouped_by), frozenset(facts.created), tuple(facts.limits)
    )


def read_series(text: str) -> Selector:
    """One series as a test writes it: `name{label="value"}`. ValueError when it is anything else."""
    tree = parser.parse(text)
    if not isinstance(tree, parser.VectorSelector) or not tree.name or tree.offset or tree.at:
        raise ValueError("not a series")
    if any(matcher.op != parser.MatchOp.Equal for matcher in tree.matchers.matchers):
        raise ValueError("a series names each label with =")
    return _selector(tree, ZERO)


class _Facts:
    def __init__(self) -> None:
        self.selectors: list[Selector] = []
        self.grouped_by: set[str] = set()
        self.created: set[str] = set()
        self.limits: list[QuantileLimit] = []

    def visit(self, node: parser.Expr, reach: Duration) -> None:
        match node:
            case parser.VectorSelector():
                self.selectors.append(_selector(node, reach + _offset(node.offset)))
            case parser.MatrixSelector():
                selector = node.vector_selector
                self.selectors.append(_selector(selector, reach + _span(node.range) + _offset(selector.offset)))
            case parser.SubqueryExpr():
                self.visit(node.expr, reach + _span(node.range) + _offset(node.offset))
            case parser.AggregateExpr():
                self.grouped_by.update(node.modifier.labels if node.modifier else ())
                self.visit(node.expr, reach)
            case parser.BinaryExpr():
                self._visit_binary(node, reach)
            case parser.Call():
                self._visit_call(node, reach)
            case parser.UnaryExpr() | parser.ParenExpr():
                self.visit(node.expr, reach)
            case _:
                pass

    def _visit_binary(self, node: parser.BinaryExpr, reach: Duration) -> None:
        if node.modifier:
            self.grouped_by.update(node.modifier.matching.labels if node.modifier.matching else ())
            self.grouped_by.update(node.modifier.group_labels or ())
        operator, right = str(node.op), _bare(node.rhs)
        if operator in _COMPARISONS and isinstance(right, parser.NumberLiteral) and _is_quantile(node.lhs):
            names = tuple(_metric_names(node.lhs))
            self.limits.append(QuantileLimit(names, operator, right.val))
        self.visit(node.lhs, reach)
        self.visit(node.rhs, reach)

    def _visit_call(self, node: parser.Call, reach: Duration) -> None:
        if node.func.name in ("label_replace", "label_join") and isinstance(node.args[1], parser.StringLiteral):
            self.created.add(node.args[1].val)
        for argument in node.args:
            self.visit(argument, reach)


def _selector(node: parser.VectorSelector, reach: Duration) -> Selector:
    matchers = node.matchers.matchers
    name = node.name or next((m.value for m in matchers if m.name == "__name__"), "")
    labels = [matcher for matcher in matchers if matcher.name != "__name__"]
    equal = {matcher.name: matcher.value for matcher in labels if matcher.op == parser.MatchOp.Equal}
    return Selector(name, frozenset(matcher.name for matcher in labels), equal, reach)


def _is_quantile(node: parser.Expr) -> bool:
    inner = _bare(node)
    return isinstance(inner, parser.Call) and inner.func.name == "histogram_quantile"


def _metric_names(node: parser.Expr) -> Iterator[str]:
    facts = _Facts()
    facts.visit(node, ZERO)
    yield from (selector.name for selector in facts.selectors)


def _bare(node: parser.Expr) -> parser.Expr:
    while isinstance(node, parser.ParenExpr):
        node = node.expr
    return node


def _span(delta: timedelta | None) -> Duration:
    return Duration(round(delta.total_seconds() * 1000)) if delta else ZERO


def _offset(delta: timedelta | None) -> Duration:
    """A negative offset looks ahead and reaches no further back."""
    return _span(delta) if delta and delta > timedelta(0) else ZERO
