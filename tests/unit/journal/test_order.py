"""The order in which the entries of several logs are told."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from relto.codec.message import decode_message
from relto.journal import Basis, ProvenConsent, Statement, in_order
from relto.model import Acknowledgement, LogId
from relto.model.case import Consent
from relto.model.message import OfficerStepped, Quarantined, RefusalCode, Step, kind_of
from tests.support_journal import AT, Log
from tests.support_messages import EXAMPLES, ITEM
from tests.unit.journal.test_extract import say

CASELESS = {"law-adopted", "delegations-adopted"}


def step(what):
    return OfficerStepped(step=what, officer="officer-1", role="registrar", reason="so")


class Told:
    """Entries of several parties, said in the order in which they came about."""

    def __init__(self, **behind):
        """Begin.

        Args:
            behind: How many seconds each party's clock is behind.
        """
        self.behind = behind
        self.logs = {}
        self.statements = []
        self.passed = 0

    def say(self, way, message, *, basis=None, case="c-1", later=1):
        """Say something; `later` 0 means in the transaction of the last entry."""
        source, _, target = way.partition(">")
        log = LogId(source=source, target=target or source)
        self.passed += later
        at = AT.add(seconds=self.passed - self.behind.get(source, 0))
        kind = kind_of(message)
        held = self.logs.setdefault(log, Log(log))
        entry = say(held, kind, message, case=None if kind in CASELESS else case, at=at)
        found = decode_message(entry.content("message"), kind=kind)
        assert found is not None
        self.statements.append(
            Statement(entry=entry, message=found, destroyed=(), is_acknowledged=False, basis=basis)
        )
        return self.statements[-1]

    def order(self, *, acknowledged=None):
        """Hand them in log by log, as an extract has them."""
        by_log = sorted(self.statements, key=lambda it: it.place)
        return list(in_order(by_log, acknowledged=acknowledged or {}))


def kinds(statements):
    return [it.entry.header.kind for it in statements]


def direct(**behind):
    """KOR asks, JPN releases, KOR receipts; JPN recalls, KOR destroys."""
    told = Told(**behind)
    told.say("JPN", EXAMPLES["law-adopted"])
    told.say("KOR", step(Step.ASK))
    told.say("KOR>JPN", EXAMPLES["request"], later=0)
    told.say("JPN", EXAMPLES["queued"])
    told.say("JPN>KOR", EXAMPLES["referral"], later=0)
    told.say("JPN", step(Step.APPROVE))
    told.say("JPN>KOR", EXAMPLES["release"], later=0)
    told.say("KOR", EXAMPLES["held"])
    told.say("KOR>JPN", replace(EXAMPLES["receipt"], number=2), later=0)
    told.say("JPN", step(Step.RECALL))
    told.say("JPN>KOR", EXAMPLES["recall"], later=0)
    told.say("KOR", step(Step.DESTROY))
    told.say("KOR>JPN", EXAMPLES["destroyed"], later=0)
    return told


HOUR = 3_600


@pytest.mark.parametrize("behind", [0, HOUR, -HOUR, 2, -2])
def test_no_effect_is_told_before_its_cause_whatever_the_clocks(behind):
    """JN-37: request, release, receipt, recall, destruction, and each officer's step."""
    told = direct(KOR=behind)
    ordered = told.order()
    places = {it.place: place for place, it in enumerate(ordered)}
    said = told.statements[1:]
    # JPN's and KOR's steps alternate, each an answer to the one before; its law rests on nothing.
    assert [it.place for it in ordered if it.entry.header.case] == [it.place for it in said]
    assert len(places) == len(told.statements)


def test_with_equal_clocks_the_order_is_that_of_time():
    """JN-37."""
    told = direct()
    assert told.order() == told.statements


def through(**behind):
    """KOR asks USA, USA asks JPN; JPN consents and releases to USA, which releases to KOR."""
    told = Told(**behind)
    item = replace(ITEM, holding="launch-1", originator="JPN")
    release = replace(EXAMPLES["release"], items=(item,), consents=())
    told.say("KOR>USA", EXAMPLES["request"])
    told.say("USA>JPN", EXAMPLES["request"])
    told.say("USA>KOR", EXAMPLES["referral"], later=0)
    consent = told.say("JPN>USA", EXAMPLES["consent-given"])
    told.say("JPN>USA", release, later=0)
    told.say("USA", EXAMPLES["held"])
    told.say("USA>KOR", EXAMPLES["referral"], later=0)
    proven = ProvenConsent(header=consent.entry.header, message=consent.message)
    basis = Basis(law=None, authority=None, delegation=None, consents=(proven,))
    told.say("USA>KOR", release, basis=basis)
    told.say("KOR>USA", replace(EXAMPLES["receipt"], number=3))
    told.say("KOR>USA", EXAMPLES["loss-reported"])
    told.say("USA>JPN", EXAMPLES["loss-reported"])
    told.say("JPN>USA", EXAMPLES["recall"])
    told.say("USA>KOR", EXAMPLES["recall"])
    return told


@pytest.mark.parametrize("behind", [{}, {"USA": HOUR}, {"JPN": HOUR}, {"KOR": HOUR, "JPN": -HOUR}])
def test_through_an_intermediary_too(behind):
    """JN-37: a consent before the release that rests on it, an item before it goes on."""
    told = through(**behind)
    placed = [it.place for it in told.order()]
    for early, late in [(0, 1), (1, 3), (3, 7), (4, 7), (4, 5), (5, 6), (7, 8), (9, 10), (11, 12)]:
        first, then = (told.statements[it].place for it in (early, late))
        assert placed.index(first) < placed.index(then), (early, late)


@pytest.mark.parametrize("behind", [0, HOUR, -HOUR])
def test_a_consent_stands_after_the_question(behind):
    """JN-37: also where the originator was not the one who was asked for the item."""
    for answer in (
        EXAMPLES["consent-given"],
        EXAMPLES["consent-refused"],
        replace(
            EXAMPLES["consent-given"],
            consent=Consent(originator="JPN", recipient="USA", topics=("dprk",), given_at=AT),
        ),
    ):
        told = Told(USA=behind)
        told.say("KOR>JPN", EXAMPLES["request"])
        told.say("JPN>USA", EXAMPLES["consent-asked"])
        told.say("USA>JPN", answer)
        assert told.order() == told.statements


@pytest.mark.parametrize("behind", [0, HOUR, -HOUR])
def test_a_question_about_consent_is_no_beginning_for_who_has_requested(behind):
    """JN-37: the originator asks for its own item back."""
    told = Told(KOR=behind)
    told.say("KOR>JPN", EXAMPLES["request"])
    told.say("JPN>KOR", EXAMPLES["consent-asked"])
    told.say("KOR>JPN", EXAMPLES["consent-refused"])
    assert told.order() == told.statements


@pytest.mark.parametrize("behind", [0, HOUR, -HOUR])
def test_what_was_quarantined_or_refused_by_number_came_before(behind):
    """JN-37."""
    told = Told(KOR=behind)
    told.say("JPN>KOR", EXAMPLES["referral"])
    told.say("KOR", Quarantined(source="JPN", number=1, code=RefusalCode.OUT_OF_PLACE))
    told.say("KOR>JPN", replace(EXAMPLES["refusal"], number=1), later=0)
    assert told.order() == told.statements


def test_what_was_acknowledged_came_before_what_its_reader_said_later():
    """JN-37, JN-15: nothing in the messages says so, the partner's signature does."""
    told = Told(KOR=HOUR)
    told.say("JPN>KOR", EXAMPLES["reclassified"])
    told.say("KOR>JPN", EXAMPLES["loss-reported"], later=10)
    log = LogId(source="JPN", target="KOR")

    def acknowledged(seconds, size=1):
        at = AT.add(seconds=seconds - HOUR)
        return {log: Acknowledgement(log=log, size=size, root=bytes(32), at=at, note=b"")}

    assert told.order(acknowledged=acknowledged(2)) == told.statements
    for unsaid in (acknowledged(11), acknowledged(2, size=0), {}):
        assert told.order(acknowledged=unsaid) == told.statements[::-1]


def test_an_authors_own_acknowledgement_orders_nothing_of_its_own():
    told = Told()
    told.say("JPN", EXAMPLES["law-adopted"])
    told.say("JPN", step(Step.CHANGE_KEYS), later=10)
    log = LogId(source="JPN", target="JPN")
    given = Acknowledgement(log=log, size=1, root=bytes(32), at=AT, note=b"")
    assert told.order(acknowledged={log: given}) == told.statements


def test_signed_entries_that_contradict_each_other_are_told_by_number_and_time():
    """JN-37: two liars, each of whose receipts comes before the other's release."""
    told = Told()
    for way in ("JPN>KOR", "KOR>JPN"):
        told.say(way, replace(EXAMPLES["receipt"], number=2), later=0)
        told.say(way, EXAMPLES["referral"])
    ordered = told.order()
    assert {it.place for it in ordered} == {it.place for it in told.statements}
    assert kinds(ordered) == ["receipt", "referral", "receipt", "referral"]


def test_a_body_that_is_gone_leaves_the_order_of_numbers_and_time():
    """JN-6, JN-37."""
    told = direct()
    told.statements = [replace(it, message=None) for it in told.statements]
    assert told.order() == told.statements


@given(st.integers(-HOUR, HOUR), st.integers(-HOUR, HOUR), st.randoms(use_true_random=False))
def test_every_entry_is_told_once_and_each_log_by_number(jpn, usa, chance: random.Random):
    """JN-37: whatever the clocks, and in whatever order the logs are handed in."""
    told = through(JPN=jpn, USA=usa)
    by_log = sorted(told.statements, key=lambda it: it.place)
    logs = sorted({it.log for it in by_log})
    chance.shuffle(logs)
    shuffled = [it for log in logs for it in by_log if it.log == log]
    ordered = list(in_order(shuffled, acknowledged={}))
    assert ordered == told.order()
    assert sorted(it.place for it in ordered) == [it.place for it in by_log]
    for log in logs:
        numbers = [it.place[1] for it in ordered if it.log == log]
        assert numbers == sorted(numbers)
