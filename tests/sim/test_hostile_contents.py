"""What partners put into messages: the same thing twice, more than fits, another thing inside."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.limits import (
    IDENTIFIER_CHARS_MAX,
    LIST_ITEMS_MAX,
    PACKAGE_BYTES_MAX,
    RELEASE_ITEMS_MAX,
    TEXT_CHARS_MAX,
)
from relto.model import Form, Holding, Label
from relto.model.case import Consent, ConsentedItem
from relto.model.message import Approval, ConsentGiven, Message, RefusalCode, Released
from relto.node import Hold, OutOfBoundsError
from relto.seal import digest
from tests.sim.test_exchange_consent import waiting_for_consent
from tests.sim.test_hand_delivery import lapsed
from tests.sim.test_hostile_partners import codes, tell
from tests.sim.test_sealed_past import fetch_all, is_anywhere
from tests.support_node import ADMIN, Three, lie

IN_2024 = Instant.parse_iso("2024-02-01T00:00:00Z")
WARNING = ("dprk.missile.warning",)


# ---------------------------------------------------------------- the same thing twice


def test_a_release_that_names_one_item_twice_is_set_aside() -> None:
    """EX-3: of two things under one name, the register would keep one."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    lie(three, "JPN", lambda release: replace(release, items=release.items * 2))
    three.ask("c-1")
    three.settle()
    assert codes(three, "KOR") == [RefusalCode.MALFORMED]
    assert three["KOR"].node.state.stock == {}


def test_two_items_of_one_id_by_two_parties_do_not_go_out_as_one() -> None:
    """EX-14: Seoul holds its own `w-1` and Tokyo's; each goes under its own name."""
    three = Three(at=IN_2024)
    for party, content in (("JPN", b"seen by Tokyo"), ("KOR", b"seen by Seoul")):
        three.hold(party, "w-1", topics=WARNING, form=Form.ELECTRONIC, content=content)
    three.ask("c-1", topics=WARNING)
    three.settle()
    for case, holding in (("c-2", None), ("c-3", "w-1"), ("c-4", "jpn.w-1")):
        three.ask(case, by="USA", holder="KOR", topics=WARNING, holding=holding)
        three.settle()
        three.approve("KOR", case)
        three.settle()
        assert three.state("USA", case) == "receipted"
    got = {(line.case, line.originator) for line in three["USA"].node.state.register.values()}
    assert got == {("c-2", "JPN"), ("c-3", "KOR"), ("c-4", "JPN")}


def test_an_item_of_a_member_of_a_circle_is_accepted_from_another_member() -> None:
    """EX-22: it goes on for the purpose of the release; what it was received for, Seoul knows."""
    three = Three(at=IN_2024)
    three.hold("JPN", "w-1", topics=WARNING, form=Form.ELECTRONIC)
    three.ask("c-1", topics=WARNING)
    three.settle()
    three.ask("c-2", by="USA", holder="KOR", topics=WARNING)
    three.settle()
    three.approve("KOR", "c-2")
    three.settle()
    assert codes(three, "USA") == []
    assert three.state("USA", "c-2") == "receipted"


# ---------------------------------------------------------------- more than fits


@pytest.mark.parametrize("times", [1, LIST_ITEMS_MAX + 6])
def test_a_consent_given_again_and_again_is_proved_once(times: int) -> None:
    """EX-21: a giver cannot make an item go on with more proofs than its recipient takes."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    consent = Consent(
        originator="JPN",
        recipient="KOR",
        holding="other-1",
        purposes=("defence.warning",),
        given_at=three["JPN"].now(),
    )
    for _ in range(times):
        tell(three, "JPN", "USA", ConsentGiven(consent=consent, approvals=()))
    three.approve("JPN", "c-1")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    (proof,) = three["KOR"].story("c-1").file.arrived.message.consents
    assert b"launch-1" in proof.body


def fat_consents(three: Three) -> None:
    """As many consents for one item, each as large, as a partner may send."""
    filler = "x" * (IDENTIFIER_CHARS_MAX - 2)
    many = tuple(f"{filler}{place}" for place in range(60))
    item = ConsentedItem(
        label=Label(scheme="jpn", level="hi", categories=many), topics=many, form=Form.DOCUMENT
    )
    for number in range(RELEASE_ITEMS_MAX + 1):
        consent = Consent(
            originator="JPN",
            recipient="KOR",
            holding="launch-1",
            topics=("dprk", *many),
            purposes=("defence.warning", *many[number:]),
            given_at=three["JPN"].now(),
        )
        said = Approval(party="JPN", role="r" * IDENTIFIER_CHARS_MAX, at=three["JPN"].now())
        given = ConsentGiven(consent=consent, item=item, approvals=(said,) * LIST_ITEMS_MAX)
        tell(three, "JPN", "USA", given)


def test_a_release_that_would_not_fit_is_refused_and_stops_nothing_else() -> None:
    """EX-3, FL-42: what a giver wrote around its consent is not the intermediary's failure."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    fat_consents(three)
    three.approve("JPN", "c-1")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("USA", "c-1") == three.state("KOR", "c-1") == "refused"
    assert three["USA"].node.state.outgoing == {}


def test_those_who_said_yes_before_leave_room_for_those_who_say_it_now() -> None:
    """EX-3: the list that goes on is no longer than its recipient takes."""
    three = lapsed()
    said = Approval(party="JPN", role="minister", at=three["JPN"].now())
    lie(three, "JPN", lambda release: replace(release, approvals=(said,) * LIST_ITEMS_MAX))
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    approvals = three["KOR"].story("c-1").file.arrived.message.approvals
    assert len(approvals) == LIST_ITEMS_MAX
    assert approvals[-1].party == "USA"


# ---------------------------------------------------------------- another thing inside


def forged(three: Three, content: bytes) -> None:
    """Seoul's officers let another content go to Washington under Tokyo's consent."""
    three.approve("JPN", "c-2")
    three.settle()
    three.hold("KOR", "forged-1", content=content)
    stock = three["KOR"].node.state.stock
    other, held = stock["forged-1"].holding, stock["jpn.launch-1"]
    lied = replace(held.holding, digest=other.digest, size_bytes=other.size_bytes)
    stock["jpn.launch-1"] = replace(held, holding=lied)
    three.approve("KOR", "c-2")
    three.settle()
    fetch_all(three, "KOR", "USA")
    three.settle()
    assert codes(three, "USA") == [RefusalCode.BAD_EVIDENCE]


FORGED = [b"nothing was seen", b"nothing was seen " * 6_000]


@pytest.mark.parametrize("content", FORGED, ids=["small", "large"])
def test_a_holder_cannot_put_other_content_under_the_originators_consent(content: bytes) -> None:
    """EX-46: the originator names what it registered, and the recipient sees it on opening.

    EX-22: what had been opened to see it is destroyed, and so is its package.
    """
    three = waiting_for_consent()
    forged(three, content)
    assert three["USA"].node.state.stock == {}
    assert not is_anywhere(three, "USA", content)
    assert not three.sites["USA"].blobs.whole()


@pytest.mark.parametrize("content", FORGED, ids=["small", "large"])
@pytest.mark.parametrize("is_file", [True, False])
def test_a_content_that_is_held_here_stays_when_a_partner_forges_with_it(
    content: bytes, is_file: bool
) -> None:
    """EX-22: also where it lies beside the store, as officers put it there."""
    three = waiting_for_consent()
    site = three.sites["USA"]
    if is_file:
        name = digest(content)
        site.blobs.write(name, offset=0, data=content)
        site.blobs.finish(name, size_bytes=len(content))
    three.hold("USA", "own-1", topics=("prc.cyber",), content=content)
    if is_file:
        site.disk.values.pop(f"blob/{digest(content)}", None)
    forged(three, content)
    assert three["USA"].content(digest(content)) == content


def half_true(message: Message) -> Message:
    """Let a release say of its second item, if it has one, that it holds something else."""
    assert isinstance(message, Released)
    first, *others = message.items
    lied = (replace(one, content=digest(b"something else")) for one in others)
    return replace(message, items=(first, *lied))


def test_what_was_opened_before_the_package_that_does_not_fit_goes_with_it() -> None:
    """EX-22, EX-23: and what another release brings in the same turn stays, as it is held."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=b"seen twice")
    three.hold("JPN", "launch-2", content=b"seen once")
    lie(three, "JPN", half_true)
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "quarantined"
    assert not is_anywhere(three, "KOR", b"seen twice")
    assert not is_anywhere(three, "KOR", b"seen once")
    three.ask("c-2")
    three.ask("c-3", holding="launch-1")
    three.settle()
    assert (three.state("KOR", "c-2"), three.state("KOR", "c-3")) == ("quarantined", "receipted")
    assert three["KOR"].content(digest(b"seen twice")) == b"seen twice"


# ---------------------------------------------------------------- what cannot go out


def lose_content(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    three.sites["JPN"].blobs._whole.clear()


def outgrow(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relto.seal.package.PACKAGE_BYTES_MAX", len(LARGE))


LARGE = b"x" * 90_000


@pytest.mark.parametrize("harm", [lose_content, outgrow])
def test_an_item_that_cannot_be_packed_does_not_stop_the_link(
    harm: Callable[[Three, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FL-42, EX-23: its own case is refused, an alarm says why, and everything else goes on."""
    three = Three()
    three.hold("JPN", "large-1", content=LARGE)
    three.hold("JPN", "small-1", topics=("dprk.nuclear",))
    harm(three, monkeypatch)
    three.ask("c-1")
    three.ask("c-2", topics=("dprk.nuclear",))
    three.ask("c-3", by="USA", topics=("dprk.nuclear",))
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "refused"
    assert three["KOR"].story("c-1").file.refused.code is RefusalCode.NOTHING_HELD
    assert three.state("KOR", "c-2") == three.state("USA", "c-3") == "receipted"
    assert three["JPN"].node.state.outgoing == {}


def test_an_intermediary_that_has_lost_the_content_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """FL-42, FL-41: with the officer's yes, and not for ever again with each tick."""
    three = lapsed()
    three.hold("JPN", "launch-2", content=LARGE)
    three.ask("c-1", holding="launch-2")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    fetch_all(three, "JPN", "USA")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    three.sites["USA"].blobs._whole.clear()
    three.approve("USA", "c-1")
    three.settle()
    three["USA"].tick()
    assert three.state("USA", "c-1") == three.state("KOR", "c-1") == "refused"


# ---------------------------------------------------------------- one's own slips


OWN = Holding(
    id="launch-1",
    title="a launch",
    originator="JPN",
    label=Label(scheme="jpn", level="hi"),
    topics=("dprk.missile.launch",),
    form=Form.DOCUMENT,
    digest="0" * 64,
    size_bytes=0,
    held_at=IN_2024,
)
SLIPS = {
    "an id with spaces": {"id": "Launch 1"},
    "an id that is too long": {"id": "l" * (IDENTIFIER_CHARS_MAX + 1)},
    "a title that is too long": {"title": "t" * (TEXT_CHARS_MAX + 1)},
    "too many topics": {"topics": OWN.topics * (LIST_ITEMS_MAX + 1)},
    "more content than one package holds": {"size_bytes": PACKAGE_BYTES_MAX},
    "readers who are no parties": {
        "label": Label(scheme="jpn", level="hi", releasable_to=("everybody",))
    },
}


@pytest.mark.parametrize("name", SLIPS)
def test_an_item_that_no_partner_would_take_is_not_registered(name: str) -> None:
    """EX-29: its release would be set aside, and the one who asked would wait for ever."""
    three = Three(parties=("JPN", "KOR"))
    with pytest.raises(OutOfBoundsError):
        three["JPN"].command(Hold(holding=replace(OWN, **SLIPS[name]), by=ADMIN))
    assert three["JPN"].node.state.stock == {}


@pytest.mark.parametrize(
    "changes",
    [{"holding": "Launch 1"}, {"topics": OWN.topics * (LIST_ITEMS_MAX + 1)}],
    ids=["an id with spaces", "too many topics"],
)
def test_a_request_that_no_partner_would_take_is_not_made(changes: dict[str, object]) -> None:
    """EX-28: nothing has happened; not even a case has begun."""
    three = Three(parties=("JPN", "KOR"))
    with pytest.raises(OutOfBoundsError):
        three.ask("c-1", **changes)
    assert three.state("KOR", "c-1") == "none"
    assert three["KOR"].pending() == ()
