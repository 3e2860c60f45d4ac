"""The same rules for engines that Python can call: one class each, `ask` answers one request.

Each answers the outcome alone; none has reasons for a default deny. Policies are compiled or parsed
once and data is loaded once; each engine is shown the agreements of the pair alone, by its own
index where it has one, else by a choice made in Python. Where a language cannot say a rule, the
rule is asked in Python around it. Both favour the peer.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bench.decide_world import Agreement, Asked

Pairs = dict[frozenset[str], list[Agreement]]


def _by_pair(agreements: Iterable[Agreement]) -> Pairs:
    found: Pairs = defaultdict(list)
    for one in agreements:
        found[frozenset((one.a, one.b))].append(one)
    return found


def _stands(one: Agreement, asked: Asked) -> bool:
    """All rules that can only pass or fail."""
    third = asked.originator not in (asked.holder, asked.recipient)
    return (
        one.starts <= asked.day < one.ends
        and all(any(up in one.roots for up in ups) for ups in asked.topics)
        and asked.form in one.forms
        and asked.level <= one.cap
        and (not third or one.procedure)
        and (not one.purposes or any(up in one.purposes for up in asked.purposes))
        and (not third or asked.kept_purpose)
        and (not one.on_request or asked.requested)
    )


def _asks(one: Agreement, asked: Asked) -> bool:
    third = asked.originator not in (asked.holder, asked.recipient)
    return third or one.case_by_case or (one.assured and not asked.assured)


class Plain:
    """A plain loop by hand over the agreements of the pair; the floor, without reasons."""

    def __init__(self, agreements: tuple[Agreement, ...]) -> None:
        self._pairs = _by_pair(agreements)

    def ask(self, asked: Asked) -> str:
        outcome = "deny"
        for one in self._pairs.get(frozenset((asked.holder, asked.recipient)), ()):
            if _stands(one, asked):
                if not _asks(one, asked):
                    return "permit"
                outcome = "refer"
        return outcome


class Cedar:
    """cedarpy: a policy for each agreement and action, parsed once; two actions, in turn.

    The engine looks at every policy it has, so each pair and action gets a set of its own.
    """

    def __init__(self, agreements: tuple[Agreement, ...]) -> None:
        import cedarpy

        self._cedar = cedarpy
        self._entities = cedarpy.Entities.from_json_str("[]")
        self._policies = {
            pair: {
                action: cedarpy.PolicySet.from_str(
                    "\n".join(_cedar_policy(one, action) for one in found)
                )
                for action in _ACTIONS
            }
            for pair, found in _by_pair(agreements).items()
        }

    def ask(self, asked: Asked) -> str:
        policies = self._policies.get(frozenset((asked.holder, asked.recipient)))
        if policies is None:
            return "deny"
        context = _cedar_context(asked)
        for action in _ACTIONS:
            answer = self._cedar.is_authorized(
                {
                    "principal": {"type": "Party", "id": asked.recipient},
                    "action": {"type": "Action", "id": action},
                    "resource": {"type": "Party", "id": asked.holder},
                    "context": context,
                },
                policies[action],
                self._entities,
            )
            if answer.allowed:
                return action
        return "deny"


_ACTIONS = ("permit", "refer")


def _cedar_context(asked: Asked) -> dict[str, object]:
    # Cedar has no quantifier over a set of sets: the first and the last topic are named.
    return {
        "day": asked.day,
        "level": asked.level,
        "first": list(asked.topics[0]),
        "last": list(asked.topics[-1]),
        "form": asked.form,
        "purposes": list(asked.purposes),
        "kept": asked.kept_purpose,
        "third": asked.originator not in (asked.holder, asked.recipient),
        "requested": asked.requested,
        "assured": asked.assured,
    }


def _cedar_policy(pact: Agreement, action: str) -> str:
    def words(values: Iterable[str]) -> str:
        return "[" + ", ".join(json.dumps(value) for value in values) + "]"

    parts = [
        f"context.day >= {pact.starts} && context.day < {pact.ends}",
        f"{words(pact.roots)}.containsAny(context.first)",
        f"{words(pact.roots)}.containsAny(context.last)",
        f"{words(pact.forms)}.contains(context.form)",
        f"context.level <= {pact.cap}",
        "(!context.third || context.kept)" if pact.procedure else "!context.third",
    ]
    if pact.purposes:
        parts.append(f"{words(pact.purposes)}.containsAny(context.purposes)")
    if pact.on_request:
        parts.append("context.requested")
    if action == "permit":
        parts.append("!context.third")
        if pact.case_by_case:
            parts.append("false")
        if pact.assured:
            parts.append("context.assured")
    when = " && ".join(parts)
    return "\n".join(
        f'permit(principal == Party::"{one}", action == Action::"{action}", '
        f'resource == Party::"{other}") when {{ {when} }};'
        for one, other in ((pact.a, pact.b), (pact.b, pact.a))
    )


class Casbin:
    """casbin's FastEnforcer, indexed by the pair; the rules are a function called for each line."""

    def __init__(self, agreements: tuple[Agreement, ...]) -> None:
        import casbin
        from casbin.model import FastModel

        model = FastModel([0, 1])
        model.add_def("r", "r", "pair, act, asked")
        model.add_def("p", "p", "pair, act, id")
        model.add_def("e", "e", "some(where (p.eft == allow))")
        model.add_def("m", "m", "r.pair == p.pair && r.act == p.act && holds(r.asked, p.id, r.act)")
        self._enforcer = casbin.FastEnforcer(model, cache_key_order=[0, 1])
        by_id = {one.id: one for one in agreements}

        def holds(asked: Asked, id: str, act: str) -> bool:
            one = by_id[id]
            return _stands(one, asked) and (act == "refer" or not _asks(one, asked))

        self._enforcer.add_function("holds", holds)
        lines = [[f"{one.a} {one.b}", act, one.id] for one in agreements for act in _ACTIONS]
        self._enforcer.add_policies(lines)

    def ask(self, asked: Asked) -> str:
        pair = " ".join(sorted((asked.holder, asked.recipient)))
        for act in _ACTIONS:
            if self._enforcer.enforce(pair, act, asked):
                return act
        return "deny"


class Biscuit:
    """biscuit: rules and the facts of the pair's agreements, parsed once; two policies in order."""

    RULES = """
    stands($id) <- pact($id, $starts, $ends, $roots, $forms, $cap, $procedure, $purposes, $asks,
        $needs), asked($day, $level, $first, $last, $form, $wanted, $kept, $third, $requested),
        $starts <= $day, $day < $ends, $roots.intersection($first).length() > 0,
        $roots.intersection($last).length() > 0, $forms.contains($form), $level <= $cap,
        !$third || ($procedure && $kept), $purposes.contains("*") ||
        $purposes.intersection($wanted).length() > 0, !$asks || $requested;
    permits($id) <- stands($id), pact($id, $starts, $ends, $roots, $forms, $cap, $procedure,
        $purposes, $asks, $needs), asked($day, $level, $first, $last, $form, $wanted, $kept, $third,
        $requested), given($assured, $each), !$third, !$needs || $assured, free($id);
    allow if permits($id);
    allow if stands($id);
    """

    def __init__(self, agreements: tuple[Agreement, ...]) -> None:
        import biscuit_auth

        self._biscuit = biscuit_auth
        keys = biscuit_auth.KeyPair()
        self._token = biscuit_auth.BiscuitBuilder('user("x")').build(keys.private_key)
        self._bases = {
            pair: biscuit_auth.AuthorizerBuilder("".join(map(_biscuit_facts, found)) + self.RULES)
            for pair, found in _by_pair(agreements).items()
        }

    def ask(self, asked: Asked) -> str:
        base = self._bases.get(frozenset((asked.holder, asked.recipient)))
        if base is None:
            return "deny"
        builder = self._biscuit.AuthorizerBuilder(_biscuit_asked(asked))
        builder.merge(base)
        builder.set_limits(_limits(builder))
        try:
            return _ACTIONS[builder.build(self._token).authorize()]
        except self._biscuit.AuthorizationError:
            return "deny"


def _limits(builder: object) -> object:
    from datetime import timedelta

    limits = builder.limits()  # type: ignore[attr-defined]
    limits.max_time = timedelta(seconds=5)
    limits.max_facts = 100_000
    limits.max_iterations = 1_000
    return limits


def _set(values: Iterable[str]) -> str:
    return "{" + ", ".join(json.dumps(value) for value in values) + "}"


def _bool(value: object) -> str:
    return "true" if value else "false"


def _biscuit_facts(one: Agreement) -> str:
    purposes = _set(one.purposes or ("*",))
    fact = (
        f'pact("{one.id}", {one.starts}, {one.ends}, {_set(one.roots)}, {_set(one.forms)}, '
        f"{one.cap}, {_bool(one.procedure)}, {purposes}, {_bool(one.on_request)}, "
        f"{_bool(one.assured)});\n"
    )
    return fact if one.case_by_case else fact + f'free("{one.id}");\n'


def _biscuit_asked(asked: Asked) -> str:
    third = asked.originator not in (asked.holder, asked.recipient)
    return (
        f"asked({asked.day}, {asked.level}, {_set(asked.topics[0])}, {_set(asked.topics[-1])}, "
        f'"{asked.form}", {_set(asked.purposes)}, {_bool(asked.kept_purpose)}, {_bool(third)}, '
        f"{_bool(asked.requested)});\ngiven({_bool(asked.assured)}, true);\n"
    )


REGO = Path(__file__).parent / "opa" / "policy.rego"


def _rego_data(agreements: Iterable[Agreement]) -> str:
    """The agreements by pair, which is how the policy finds them."""
    pacts: dict[str, list[dict[str, object]]] = defaultdict(list)
    for one in agreements:
        pacts[f"{one.a} {one.b}"].append({name: getattr(one, name) for name in one.__slots__})
    return json.dumps({"pacts": pacts})


def _rego_input(asked: Asked) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(asked, name) for name in asked.__slots__}
    fields["pair"] = " ".join(sorted((asked.holder, asked.recipient)))
    fields |= {"first": asked.topics[0], "last": asked.topics[-1], "kept": asked.kept_purpose}
    return fields


class Rego:
    """regopy (rego-cpp): agreements as data by pair, one module compiled once, one query."""

    def __init__(self, agreements: tuple[Agreement, ...]) -> None:
        import regopy

        self._rego = regopy.Interpreter()
        self._rego.add_module("relto", REGO.read_text(encoding="utf-8"))
        self._rego.add_data_json(_rego_data(agreements))
        self._bundle = self._rego.build("x = data.relto.outcome")

    def ask(self, asked: Asked) -> str:
        self._rego.set_input(_rego_input(asked))
        answer = json.loads(str(self._rego.query_bundle(self._bundle)))
        return str(answer["bindings"]["x"])


class OpaWasm:
    """OPA's compiled policy in Wasmtime: the same module and data, parsed once."""

    def __init__(self, agreements: tuple[Agreement, ...]) -> None:
        from bench.opa_wasm import POLICY, OpaPolicy

        data = _rego_data(agreements)
        self._policy = OpaPolicy(POLICY.read_bytes(), data, entry="relto/outcome")

    def ask(self, asked: Asked) -> str:
        return str(self._policy.ask(json.dumps(_rego_input(asked))))


PEERS = {
    "plain Python loop": Plain,
    "cedarpy": Cedar,
    "casbin": Casbin,
    "biscuit": Biscuit,
    "regopy": Rego,
    "OPA Wasm": OpaWasm,
}
