"""Corners of the exchange: what liars say, what is missing, what two readings make of one pact."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import digest_of
from relto.codec.message import encode_message
from relto.journal import Draft
from relto.model import Holding, Label
from relto.model.delegation import Delegations
from relto.model.message import (
    Message,
    RefusalCode,
    kind_of,
)
from relto.model.partner import PeerAdded
from relto.node import (
    AskConsent,
    By,
    Hold,
    NotWaitingError,
    Recall,
    Refuse,
)
from tests.sim.test_hand_delivery import lapsed
from tests.support_messages import EXAMPLES, KEYS, PROOF
from tests.support_node import ADMIN, FILES, OCTOBER, Site, Three, lie, pending_frame, register, say

BY = By(officer="officer-1", role="disclosure-officer", reason="because")
END_BY_KOR = b"""
[[acts]]
id = "test-end-2020-10-01"
instrument = "jpn-kor-gsomia-2016"
kind = "end"
by = ["KOR"]
on = 2020-10-01
channel = "diplomatic"
text = "The ROK declares the agreement ended, as it holds that it can on any day."
article = "not in the text"
evidence = "assumed"
source = "made up for this test"
"""


def pair(**changes: object) -> Three:
    three = Three(parties=("JPN", "KOR"), **changes)
    three.hold("JPN", "launch-1")
    return three


def test_a_receiver_that_reads_the_pact_as_ended_quarantines_what_the_giver_holds_lawful() -> None:
    """EX-22: each party decides in its own reading, and the receiver checks in its own."""
    name = "acts/jpn-kor-gsomia-2016.toml"
    files = {**FILES, name: FILES[name] + END_BY_KOR}
    three = pair(at=Instant.from_utc(2020, 11, 1))
    for party in three.sites:
        three[party].adopt_law(files, digest=digest_of(files), by=ADMIN)
    three.ask("c-1", is_forced=True)
    three.settle()
    assert three.state("KOR", "c-1") == "quarantined"
    note = three["KOR"].story("c-1").file.quarantined
    assert "in our reading" in note.detail


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda release: replace(release, consents=(PROOF,)), RefusalCode.BAD_EVIDENCE),
        (
            lambda release: replace(
                release,
                items=(
                    replace(
                        release.items[0],
                        package=replace(release.items[0].package, recipient="USA"),
                    ),
                ),
            ),
            RefusalCode.BAD_PACKAGE,
        ),
        (
            lambda release: replace(release, items=(replace(release.items[0], originator="USA"),)),
            RefusalCode.NOT_LAWFUL,
        ),
        (
            lambda release: replace(
                release,
                items=(
                    replace(
                        release.items[0],
                        package=replace(release.items[0].package, sealed_key=b"none"),
                    ),
                ),
            ),
            RefusalCode.BAD_PACKAGE,
        ),
    ],
)
def test_a_release_that_lies_is_quarantined_with_a_code(change, code) -> None:
    """EX-20, EX-21, EX-23."""
    three = pair()
    three.ask("c-1")
    lie(three, "JPN", change)
    three.settle()
    assert three["KOR"].story("c-1").file.quarantined.code is code
    assert three["JPN"].story("c-1").file.refused.code is code


def test_an_intermediary_that_quarantines_tells_both_sides() -> None:
    """EX-22."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    lie(three, "JPN", lambda release: replace(release, purpose="defence.planning"))
    three.approve("JPN", "c-1")
    three.settle()
    assert [three.state(one, "c-1") for one in ("JPN", "USA", "KOR")] == [
        "quarantined",
        "refused",
        "refused",
    ]
    assert three["KOR"].story("c-1").file.refused.code is RefusalCode.NOT_ACCEPTED


def test_a_holders_refusal_goes_back_through_the_intermediary_with_its_reason() -> None:
    """EX-16."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    three["JPN"].command(Refuse(case="c-1", by=replace(BY, reason="not to be shared")))
    three.settle()
    refused = three["KOR"].story("c-1").file.refused
    assert (refused.code, refused.reason) == (RefusalCode.OFFICER_REFUSED, "not to be shared")
    assert three.state("USA", "c-1") == "refused"


def test_an_intermediary_refuses_what_it_cannot_pass_on() -> None:
    """EX-16: no such partner, another way than it is part of, or a time that is over."""
    three = lapsed()
    three.ask("c-1", expires_at=three["KOR"].now().add(minutes=1))
    three.clock.at = three.clock.at.add(minutes=1)
    three.settle()
    assert three["KOR"].story("c-1").file.refused.code is RefusalCode.EXPIRED_MESSAGE
    asked = next(f.message for f in three["KOR"].story("c-1").facts if f.kind == "request")
    for case, changes in (
        ("c-2", {"hops": ()}),
        ("c-3", {"hops": tuple(reversed(asked.hops))}),
        ("c-4", {"request": replace(asked.request, case="c-4", holder="GBR", expires_at=None)}),
    ):
        request = replace(asked.request, case=case, expires_at=None)
        message = replace(asked, **{"request": request, **changes})
        parts = (("message", encode_message(message)),)
        say(three, "KOR", "USA", Draft(kind="request", case=case, parts=parts))
        three.settle()
        assert three.state("USA", case) == "refused"


def test_a_request_without_the_assurance_is_refused_and_told_so() -> None:
    """EX-15, EX-30: no officer of the holder can give the receiver's word."""
    three = pair()
    three.ask("c-1", assurance=None)
    three.settle()
    refused = three["KOR"].story("c-1").file.refused
    assert "assurance" in refused.reason
    assert [f.rule.value for f in refused.considered[0].findings] == ["assurance"]


@pytest.mark.parametrize(("holding", "state"), [("launch-1", "receipted"), ("none", "refused")])
def test_one_known_item_may_be_asked_for(holding: str, state: str) -> None:
    """EX-15: an unknown item and no item at all are told apart by nobody."""
    three = pair()
    three.ask("c-1", holding=holding)
    three.settle()
    assert three.state("KOR", "c-1") == state


def test_the_newest_items_come_first_and_no_more_than_a_release_may_hold() -> None:
    """EX-3, EX-18."""
    three = Three(parties=("JPN", "KOR"))
    for number in range(10):
        three.clock.at = OCTOBER.add(seconds=number)
        three.hold("JPN", f"launch-{number}")
    three.ask("c-1")
    three.settle()
    items = three["KOR"].story("c-1").file.arrived.message.items
    assert [item.holding for item in items] == [f"launch-{n}" for n in range(9, 1, -1)]
    assert len([*three["KOR"].node.state.items()]) == 8


def test_the_same_item_received_twice_is_registered_twice() -> None:
    """EX-24."""
    three = pair()
    for case in ("c-1", "c-2"):
        three.ask(case)
        three.settle()
    assert sorted(one.holding.id for one in three["KOR"].node.state.items()) == [
        "jpn.launch-1",
        "jpn.launch-1.c-2",
    ]
    assert len(register(three["KOR"])) == 2


def test_a_caveat_goes_along_in_words_and_one_that_forbids_release_denies() -> None:
    """EX-18."""
    three = Three(parties=("USA", "KOR"))
    for holding, category in (("launch-1", "orcon"), ("launch-2", "noforn")):
        three["USA"].hold(
            Hold(
                holding=Holding(
                    id=holding,
                    title="a launch",
                    originator="USA",
                    label=Label(scheme="usa", level="confidential", categories=(category,)),
                    topics=("dprk.missile.launch",),
                    form="document",
                    digest="0" * 64,
                    size_bytes=0,
                    held_at=OCTOBER,
                ),
                by=BY,
            ),
            b"words",
        )
    for case, holding in (("c-1", "launch-1"), ("c-2", "launch-2")):
        three.ask(case, holder="USA", holding=holding)
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    release = three["KOR"].story("c-1").file.arrived.message
    assert release.items[0].markings[1] == "USA CONFIDENTIAL ORCON"
    assert three.state("KOR", "c-2") == "refused"


def test_a_receipt_for_something_else_is_not_believed() -> None:
    """EX-24: only the release's own number, header and packages make a receipt."""
    three = pair()
    three.ask("c-1")
    three["JPN"].handle_exchange("KOR", pending_frame(three))
    assert three.state("JPN", "c-1") == "released"
    unsaid(three, "KOR", "JPN", EXAMPLES["receipt"])
    three["JPN"].handle_exchange("KOR", pending_frame(three))
    assert three.state("JPN", "c-1") == "released"
    assert not register(three["JPN"])
    _, note = three["JPN"].node.state.quarantine[-1]
    assert note.code is RefusalCode.OUT_OF_PLACE


def unsaid(three: Three, source: str, target: str, message: Message) -> None:
    """Let a node write what it does not itself believe."""
    driver = three[source]
    parts = (("message", encode_message(message)),)
    with driver._turn() as turn:
        driver._logs.append(
            target, Draft(kind=kind_of(message), case="c-1", parts=parts), now=turn.now
        )


def test_a_recall_of_what_was_never_given_is_set_aside() -> None:
    """EX-8, EX-25."""
    three = pair()
    three.ask("c-1")
    three.settle()
    recall = replace(EXAMPLES["recall"], holding="no-such")
    unsaid(three, "JPN", "KOR", recall)
    three["KOR"].handle_exchange("JPN", pending_frame(three, "JPN", "KOR"))
    _, note = three["KOR"].node.state.quarantine[-1]
    assert note.code is RefusalCode.OUT_OF_PLACE


def test_consent_is_asked_only_where_it_helps() -> None:
    """EX-31."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    three["KOR"].command(AskConsent(case="c-2", by=BY))
    three.settle()
    with pytest.raises(NotWaitingError):
        three["JPN"].command(AskConsent(case="c-2", by=BY))
    three.ask("c-3", by="JPN", holder="KOR", holding="jpn.launch-1")
    three.settle()
    if three.state("KOR", "c-3") == "queued":
        with pytest.raises(NotWaitingError):
            three["KOR"].command(AskConsent(case="c-3", by=BY))


def test_waiting_for_consent_ends_with_the_requests_time() -> None:
    """EX-13, EX-31."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR", expires_at=OCTOBER.add(hours=1))
    three.settle()
    three["KOR"].command(AskConsent(case="c-2", by=BY))
    three["KOR"].tick()
    assert three.state("KOR", "c-2") == "consent-asked"
    three.clock.at = OCTOBER.add(hours=1)
    three["KOR"].tick()
    three.settle()
    assert three["USA"].story("c-2").file.refused.code is RefusalCode.EXPIRED_MESSAGE


def test_a_level_that_cannot_be_placed_needs_two() -> None:
    """EX-30: what is unknown counts as high."""
    three = pair()
    driver = three["JPN"]
    unknown = Delegations(holder="JPN", two_persons_from="no-such-level")
    site = Site("GBR", three.clock)
    site.driver.node.state.delegations = unknown
    driver.node.state.delegations = unknown
    three.ask("c-1")
    three.settle()
    (waiting,) = driver.node.queue()
    assert waiting.needs == 2


def test_an_older_card_in_the_journal_changes_no_keys() -> None:
    """EX-41."""
    three = pair()
    ring = three["KOR"].node.state.peers["JPN"].ring
    older = PeerAdded(
        party="JPN", card=b"old", fingerprint="0" * 64, keys=KEYS, serial=1, by="administrator"
    )
    parts = (("message", encode_message(older)),)
    say(three, "KOR", "KOR", Draft(kind="peer-added", parts=parts))
    assert three["KOR"].node.state.peers["JPN"].ring == ring


def test_what_was_recalled_before_it_was_given_is_unknown() -> None:
    """EX-27."""
    three = pair()
    three.ask("c-1")
    three.settle()
    three["JPN"].command(Recall(case="c-1", holding="launch-1", by=BY))
    three.settle()
    assert [line.holding for line in three["KOR"].node.to_destroy()] == ["launch-1"]
    assert three["JPN"].node.to_destroy() == ()
