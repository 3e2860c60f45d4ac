"""Proofs about a change: the examples are real, and where none is found none is hit by chance."""

import builtins

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relto.adapters.proof import AnalysisMissingError, ClaimKind, prove
from relto.cli import main
from relto.cli.output import stdout
from relto.cli.proof_views import render_proof
from relto.decide import decide
from relto.law import State
from relto.model import Outcome
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import RandomDice, make_law, refine_law
from tests.unit.decide.world import ALL, LAPSE, LAPSING, PACT, law_of, span

pytest.importorskip("z3")


def kinds(proof):
    return [(claim.kind, claim.holder, claim.recipient) for claim in proof.claims]


def test_a_lapse_denies_what_was_permitted_from_its_very_instant():
    """DEC-41, DEC-44."""
    proof = prove(law_of(PACT), law_of(PACT, lives=[("pact", LAPSING)]))
    assert proof.pairs == (("AAA", "BBB"), ("BBB", "AAA"))
    assert kinds(proof) == [
        (ClaimKind.NEWLY_DENIED, "AAA", "BBB"),
        (ClaimKind.NEWLY_DENIED, "BBB", "AAA"),
    ]
    for claim in proof.claims:
        assert claim.at == LAPSE
        assert (claim.before, claim.after) == (Outcome.PERMIT, Outcome.DENY)


def test_an_example_is_as_plain_as_it_can_be():
    """DEC-44: an own item with its own label, and nothing that the claim does not need."""
    proof = prove(law_of(*ALL), law_of(*ALL, lives=[("pact", LAPSING)]))
    claim = next(claim for claim in proof.claims if claim.kind is ClaimKind.NEWLY_DENIED)
    case = claim.case
    assert case.originator == case.holder
    assert case.label.scheme == case.holder.lower()
    assert (case.marked, case.onward, case.provenance, case.received_for) == (None,) * 4
    assert case.consents == ()


def test_a_renewal_permits_what_was_denied():
    """DEC-41."""
    proof = prove(law_of(PACT, lives=[("pact", LAPSING)]), law_of(PACT))
    assert {claim.kind for claim in proof.claims} == {ClaimKind.NEWLY_PERMITTED}


def test_a_law_that_does_not_change_has_nothing_to_prove():
    """DEC-41."""
    proof = prove(law_of(*ALL), law_of(*ALL))
    assert (proof.pairs, proof.claims) == ((), ())


def test_an_instrument_that_never_comes_into_force_is_dead():
    """DEC-42."""
    proof = prove(law_of(PACT), law_of(PACT, lives=[("pact", (span(State.SIGNED),))]))
    dead = [claim for claim in proof.claims if claim.kind is ClaimKind.DEAD]
    assert [claim.instruments for claim in dead] == [("pact",)]


def test_two_instruments_for_one_case_overlap():
    """DEC-43."""
    twin = msgspec.structs.replace(PACT, id="twin")
    proof = prove(law_of(PACT), law_of(PACT, twin))
    overlaps = [claim for claim in proof.claims if claim.kind is ClaimKind.OVERLAP]
    assert {claim.instruments for claim in overlaps} == {("pact", "twin")}


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=8, deadline=None)
def test_chance_finds_no_change_that_the_proof_denies(seed):
    """DEC-41."""
    dice = RandomDice(seed)
    law = make_law(dice, most=3)
    gone = dice.some(tuple(law.instruments), least=0, most=1) if law.instruments else ()
    after = refine_law(
        law, {name: terms for name, terms in law.instruments.items() if name not in gone}
    )
    proof = prove(law, after)
    permitted = {c[1:] for c in kinds(proof) if c[0] is ClaimKind.NEWLY_PERMITTED}
    denied = {c[1:] for c in kinds(proof) if c[0] is ClaimKind.NEWLY_DENIED}
    for _ in range(40):
        case, at = make_case(dice, law), make_instant(dice)
        was, now = (decide(one, case, at=at).outcome for one in (law, after))
        pair = (case.holder, case.recipient)
        if now is Outcome.DENY and was is not Outcome.DENY:
            assert pair in denied
        if now is Outcome.PERMIT and was is not Outcome.PERMIT:
            assert pair in permitted


def test_without_the_solver_the_error_says_what_to_install(monkeypatch):
    """The code is local.analysis_missing."""
    real = builtins.__import__

    def without(name, *more, **most):
        if name == "z3":
            raise ImportError(name)
        return real(name, *more, **most)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(AnalysisMissingError) as missing:
        prove(law_of(PACT), law_of(PACT))
    assert missing.value.code == "local.analysis_missing"
    assert "analysis" in missing.value.hint


@pytest.mark.slow
def test_the_command_shows_the_proof_of_a_notice(capsys):
    """DEC-41: after the notice of August 2019, from the end of its term."""
    words = ["law", "diff", "--known", "2019-08-22", "--known", "2019-08-24", "--prove"]
    assert main([*words, "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    denied = [c for c in found["proof"]["claims"] if c["kind"] == "newly-denied"]
    assert {(c["holder"], c["recipient"]) for c in denied} == {("JPN", "KOR"), ("KOR", "JPN")}
    assert {c["at"] for c in denied} == {"2019-11-22T15:01:00Z"}


def test_people_see_each_claim_with_its_example(capsys):
    """DEC-44."""
    twin = msgspec.structs.replace(PACT, id="twin")
    dead = [("pact", (span(State.SIGNED),))]
    for law in (law_of(PACT, twin), law_of(PACT, lives=dead)):
        render_proof(stdout(), prove(law_of(PACT), law))
    shown = capsys.readouterr().out
    assert "Proved over every case between: AAA>BBB, BBB>AAA" in shown
    for words in (
        "overlap",
        "pact, twin",
        "no case at all rests on it",
        "made by AAA",
        "requested",
        "Newly permitted: nothing, in no case.",
        "Newly denied: AAA>BBB, BBB>AAA.",
        "Caveats and words",
    ):
        assert words in shown


def test_the_command_says_so_when_nothing_changes(capsys):
    words = ["law", "diff", "--known", "2018-01-01", "--known", "2018-01-02", "--prove"]
    assert main(words) == 0
    assert "decide every case between any two parties alike" in capsys.readouterr().out
