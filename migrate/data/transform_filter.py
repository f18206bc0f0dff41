"""Condition expressions in DynamoDB's syntax, compiled to functions.

Beside DynamoDB's own grammar, values may be written in place: text in quotes ('...' or "..."), numbers, `true`, `false`
and `null`. Anything else is a placeholder (`:name`) with a typed value; `#name` stands for an attribute whose name is
no plain word. Reserved words need no placeholder here.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.data import transform_operands as operands
from migrate.data.transform_operands import TYPES, Item, Operand, Wire

Condition = Callable[[Item], bool]
"""True when the condition holds for an item in wire form."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[#:][A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|<>|[=<>(),.\[\]]))",
    re.DOTALL,
)
_WORDS = {"AND", "OR", "NOT", "BETWEEN", "IN"}
_CONSTANTS: dict[str, Wire] = {"true": {"BOOL": True}, "false": {"BOOL": False}, "null": {"NULL": True}}
_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_DEEPEST = 100


class FilterError(ValueError):
    """The text is no condition. Says what and where in it."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def compile_filter(text: str, names: Mapping[str, str] = {}, values: Mapping[str, Wire] = {}) -> Condition:
    """The condition in `text`. `names` are attribute names by `#name`, `values` typed values by `:name`.

    Raises `FilterError`, also for a placeholder that is missing, or given and not used.
    """
    parser = _Parser(text, names, values)
    condition = parser.condition()
    parser.expect_end()
    unused = sorted({*names, *values} - parser.used)
    if unused:
        raise FilterError(f"does not use {', '.join(unused)}")
    return condition


class _Parser:
    """Recursive descent, one method for each rule, loosest binding first."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Wire]) -> None:
        self._text = text
        self._names = names
        self._values = values
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self.used: set[str] = set()

    def condition(self) -> Condition:
        """a OR b."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError(f"is nested more than {_DEEPEST} deep")
        found = [self._conjunction()]
        while self._takes("OR"):
            found.append(self._conjunction())
        self._depth -= 1
        return _any_of(found)

    def expect_end(self) -> None:
        """Raise unless everything has been read."""
        if self._next < len(self._tokens):
            raise self._unexpected("AND, OR or the end")

    def _conjunction(self) -> Condition:
        found = [self._negation()]
        while self._takes("AND"):
            found.append(self._negation())
        return _all_of(found)

    def _negation(self) -> Condition:
        is_negated = False
        while self._takes("NOT"):
            is_negated = not is_negated
        found = self._comparison()
        return (lambda item: not found(item)) if is_negated else found

    def _comparison(self) -> Condition:
        if self._takes("("):
            found = self.condition()
            self._expect(")")
            return found
        if self._is_call(_FUNCTIONS):
            return self._function()
        left = self._operand()
        if self._takes("BETWEEN"):
            low = self._operand()
            self._expect("AND")
            return _between(left, low, self._operand())
        if self._takes("IN"):
            return _among(left, self._arguments())
        for sign in ("=", "<>", *_ORDERS):
            if self._takes(sign):
                return _compare(sign, left, self._operand())
        raise self._unexpected("a comparison (= <> < <= > >=), BETWEEN or IN")

    def _function(self) -> Condition:
        name = self._take().text
        at = self._next
        arguments = self._arguments()
        count, make = _FUNCTIONS[name]
        if len(arguments) != count:
            raise FilterError(f"{name} takes {count} argument{'s' if count != 1 else ''}, not {len(arguments)}")
        if self._tokens[at + 1].kind != "name" or self._tokens[at + 1].text[0] == ":":
            raise FilterError(f"{name} takes the path of an attribute first")
        if name == "attribute_type":
            kind = (arguments[1]({}) or {}).get("S")
            if kind not in TYPES:
                raise FilterError(f"attribute_type takes one of {', '.join(TYPES)} in quotes")
        return make(*arguments)

    def _arguments(self) -> list[Operand]:
        self._expect("(")
        found = [self._operand()]
        while self._takes(","):
            found.append(self._operand())
        self._expect(")")
        return found

    def _operand(self) -> Operand:
        if self._is_call({"size"}):
            self._take()
            (inner,) = self._exactly_one("size", self._arguments())
            return lambda item: operands.size(inner(item))
        token = self._take("an attribute or a value")
        value = self._constant(token)
        if value is not None:
            return lambda _item: value
        if token.kind != "name" or token.text in _WORDS or token.text.upper() in _WORDS:
            self._next -= 1
            raise self._unexpected("an attribute or a value")
        return operands.path(self._path(token))

    def _constant(self, token: _Token) -> Wire | None:
        if token.kind == "text":
            return {"S": re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)}
        if token.kind == "number":
            return {"N": token.text}
        if token.text.startswith(":"):
            if token.text not in self._values:
                raise FilterError(f"uses {token.text}, which has no value: add it under `values`")
            self.used.add(token.text)
            return self._values[token.text]
        return _CONSTANTS.get(token.text)

    def _path(self, token: _Token) -> tuple[str | int, ...]:
        parts: list[str | int] = [self._name(token)]
        while True:
            if self._takes("."):
                parts.append(self._name(self._take("a name", "name")))
            elif self._takes("["):
                index = self._take("a position in a list, such as [0]", "number").text
                if not index.isdigit():
                    raise FilterError(f"has the position [{index}], which is not 0, 1, 2 and so on")
                parts.append(int(index))
                self._expect("]")
            else:
                return tuple(parts)

    def _name(self, token: _Token) -> str:
        if token.text.startswith("#"):
            if token.text not in self._names:
                raise FilterError(f"uses {token.text}, which stands for no name: add it under `names`")
            self.used.add(token.text)
            return self._names[token.text]
        return token.text

    @staticmethod
    def _exactly_one(name: str, arguments: list[Operand]) -> list[Operand]:
        if len(arguments) != 1:
            raise FilterError(f"{name} takes 1 argument, not {len(arguments)}")
        return arguments

    def _is_call(self, names: Any) -> bool:
        here = self._tokens[self._next : self._next + 2]
        return len(here) == 2 and here[0].text in names and here[0].kind == "name" and here[1].text == "("

    def _takes(self, word: str) -> bool:
        here = self._tokens[self._next] if self._next < len(self._tokens) else None
        is_it = here is not None and here.kind != "text" and here.text.upper() == word
        self._next += is_it
        return is_it

    def _take(self, wanted: str = "more", kind: str = "") -> _Token:
        if self._next >= len(self._tokens) or (kind and self._tokens[self._next].kind != kind):
            raise self._unexpected(wanted)
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected(word)

    def _unexpected(self, wanted: str) -> FilterError:
        if self._next >= len(self._tokens):
            return FilterError(f"ends where {wanted} should follow")
        token = self._tokens[self._next]
        return FilterError(f"has `{token.text}` at character {token.at + 1}, where {wanted} should be")


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise FilterError(f"has `{text[at]}` at character {at + 1}, which means nothing here")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    if not found:
        raise FilterError("is empty")
    return found


def _any_of(found: list[Condition]) -> Condition:
    if len(found) == 2:  # the usual number, at half the price
        one, other = found
        return lambda item: one(item) or other(item)
    return found[0] if len(found) == 1 else lambda item: any(each(item) for each in found)


def _all_of(found: list[Condition]) -> Condition:
    if len(found) == 2:
        one, other = found
        return lambda item: one(item) and other(item)
    return found[0] if len(found) == 1 else lambda item: all(each(item) for each in found)


def _compare(sign: str, left: Operand, right: Operand) -> Condition:
    if sign == "=":
        return lambda item: operands.is_equal(left(item), right(item))
    if sign == "<>":  # true as well for an attribute that is not there
        return lambda item: not operands.is_equal(left(item), right(item))
    holds = _ORDERS[sign]

    def compare(item: Item) -> bool:
        order = operands.order_of(left(item), right(item))
        return order is not None and holds(order)

    return compare


def _between(value: Operand, low: Operand, high: Operand) -> Condition:
    at_least, at_most = _compare(">=", value, low), _compare("<=", value, high)
    return lambda item: at_least(item) and at_most(item)


def _among(value: Operand, choices: list[Operand]) -> Condition:
    def among(item: Item) -> bool:
        found = value(item)
        return any(operands.is_equal(found, one(item)) for one in choices)

    return among


def _typed(path: Operand, kind: Operand) -> Condition:
    wanted = (kind({}) or {})["S"]
    return lambda item: wanted in (path(item) or ())


_FUNCTIONS: dict[str, tuple[int, Callable[..., Condition]]] = {
    "attribute_exists": (1, lambda path: lambda item: path(item) is not None),
    "attribute_not_exists": (1, lambda path: lambda item: path(item) is None),
    "attribute_type": (2, _typed),
    "begins_with": (2, lambda path, start: lambda item: operands.begins_with(path(item), start(item))),
    "contains": (2, lambda path, part: lambda item: operands.contains(path(item), part(item))),
}
