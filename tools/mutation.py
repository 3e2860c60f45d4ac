"""Makes small faults in Python code, one at a time, to see whether tests notice.

Comparisons, connectives, negations, quantifiers, truth values, small numbers, and the verdicts of
rules are changed; words are not. Used for the rules of the decision, where a single flipped sign
would release what must not be released.
"""

import ast
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType
from typing import NamedTuple

_COMPARES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
_VERDICTS = ("_passes", "_asks", "_fails")


class Mutant(NamedTuple):
    """One fault: where, what, and the code with it."""

    line: int
    what: str
    code: CodeType


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every fault of a module, in the order of its lines.

    Args:
        source: The module.
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    skipped = {id(inner) for node in nodes for inner in _words(node)}
    for node in nodes:
        if id(node) in skipped:
            continue
        for what, change in _changes(node):
            # Changed in place and put back: copying the tree for each fault would take longer.
            kept = dict(node.__dict__)
            change(node)
            ast.fix_missing_locations(node)
            yield Mutant(getattr(node, "lineno", 0), what, compile(tree, "<fault>", "exec"))
            node.__dict__.update(kept)


def module_of(mutant: Mutant, original: ModuleType) -> ModuleType:
    """Run the faulty code as a module of its own.

    Args:
        mutant: The fault.
        original: The module it was made from.
    """
    module = ModuleType(original.__name__)
    exec(mutant.code, module.__dict__)  # noqa: S102 - our own source, changed by us
    return module


def _words(node: ast.AST) -> Iterator[ast.AST]:
    """What is said and not done: words in f-strings, keywords of a class, `strict` and such."""
    match node:
        case ast.JoinedStr():
            yield from ast.walk(node)
        case ast.ClassDef():
            yield from (keyword.value for keyword in node.keywords)
        case ast.keyword(arg="strict" | "covariant", value=value):
            yield value


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], None]]]:
    match node:
        case ast.Compare(ops=[op, *_]) if type(op) in _COMPARES:
            other = _COMPARES[type(op)]
            yield f"{type(op).__name__} -> {other.__name__}", _set_op(other)
        case ast.BoolOp(op=ast.And()):
            yield "and -> or", _set_bool(ast.Or)
        case ast.BoolOp(op=ast.Or()):
            yield "or -> and", _set_bool(ast.And)
        case ast.UnaryOp(op=ast.Not()):
            yield "not dropped", _drop_not
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield f"{name} -> {_NAMES[name]}", _rename(_NAMES[name])
        case ast.Call(func=ast.Name(id=name)) if name in _VERDICTS:
            for verdict in _VERDICTS:
                if verdict != name:
                    yield f"{name} -> {verdict}", _set_verdict(verdict)
        case ast.Constant(value=bool(value)):
            yield f"{value} -> {not value}", _set_constant(not value)
        case ast.Constant(value=int(value)):
            yield f"{value} -> {value + 1}", _set_constant(value + 1)


def _set_op(kind: type[ast.cmpop]) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops = [kind(), *node.ops[1:]]

    return change


def _set_bool(kind: type[ast.boolop]) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.BoolOp)
        node.op = kind()

    return change


def _drop_not(node: ast.AST) -> None:
    assert isinstance(node, ast.UnaryOp)
    # `not not x` is `x` wherever a truth value is wanted.
    inner = ast.UnaryOp(op=ast.Not(), operand=node.operand)
    node.operand = ast.copy_location(inner, node)


def _rename(name: str) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Call)
        node.func = ast.copy_location(ast.Name(id=name, ctx=ast.Load()), node.func)

    return change


def _set_verdict(name: str) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Call)
        node.func = ast.copy_location(ast.Name(id=name, ctx=ast.Load()), node.func)
        wanted = {"_passes": 3, "_asks": 4, "_fails": 4}[name]
        node.args = [*node.args, ast.copy_location(ast.Constant(""), node)][:wanted]

    return change


def _set_constant(value: int) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Constant)
        node.value = value

    return change
