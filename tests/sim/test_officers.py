"""What officers may and may not tell a node; a command works whole or changes nothing (EX-28)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from relto.driver import Driver, NotInitialisedError, OtherNodeError
from relto.limits import BODY_BYTES_MAX
from relto.model import Label
from relto.model.message import RefusalCode
from relto.node import (
    AddPeer,
    Approve,
    AskConsent,
    BadCardError,
    By,
    CaseTakenError,
    Destroy,
    NoLawError,
    NoPartnerError,
    NoSuchCaseError,
    NotWaitingError,
    OutOfBoundsError,
    Recall,
    Reclassify,
    Refuse,
    ReportLoss,
    TextTooLongError,
    UnknownItemError,
    UnknownWordError,
)
from tests.support_node import ADMIN, OCTOBER, Site, Three, crash_at, register

BY = By(officer="officer-1", role="disclosure-officer", reason="because")
LONG = replace(BY, reason="x" * 5_000)


@pytest.fixture
def three() -> Three:
    made = Three(parties=("JPN", "KOR"))
    made.hold("JPN", "launch-1")
    made.ask("done-1")
    made.settle()
    made.hold("JPN", "launch-2", topics=("rus.cyber",))
    made.ask("waits-1", topics=("rus.cyber",))
    made.settle()
    assert made.state("JPN", "waits-1") == "queued"
    return made


REFUSED: dict[str, tuple[type[Exception], Callable[[Three], object]]] = {
    "an unknown topic": (UnknownWordError, lambda t: t.ask("n-1", topics=("no.such",))),
    "no topic": (UnknownWordError, lambda t: t.ask("n-1", topics=())),
    "an unknown purpose": (UnknownWordError, lambda t: t.ask("n-1", purpose="no.such")),
    "an unknown party": (UnknownWordError, lambda t: t.ask("n-1", holder="XXX")),
    "oneself": (NoPartnerError, lambda t: t.ask("n-1", holder="KOR")),
    "a stranger, directly": (
        NoPartnerError,
        lambda t: t.ask("n-1", holder="USA", is_forced=True),
    ),
    "a text that is too long": (TextTooLongError, lambda t: t.ask("n-1", about="x" * 5_000)),
    "a case id that is taken": (CaseTakenError, lambda t: t.ask("waits-1", about="other")),
    "another's case": (CaseTakenError, lambda t: t.ask("done-1", by="JPN", holder="KOR")),
    "approving nothing": (NoSuchCaseError, lambda t: t.approve("JPN", "no-such")),
    "approving what is done": (NotWaitingError, lambda t: t.approve("JPN", "done-1")),
    "approving as the one who asks": (NotWaitingError, lambda t: t.approve("KOR", "waits-1")),
    "refusing with too many words": (
        TextTooLongError,
        lambda t: t["JPN"].command(Refuse(case="waits-1", by=LONG)),
    ),
    "asking consent for one's own item": (
        NotWaitingError,
        lambda t: t["JPN"].command(AskConsent(case="waits-1", by=BY)),
    ),
    "recalling what was not given": (
        UnknownItemError,
        lambda t: t["JPN"].command(Recall(case="waits-1", holding="launch-2", by=BY)),
    ),
    "destroying what was not received": (
        UnknownItemError,
        lambda t: t["JPN"].command(
            Destroy(case="done-1", holding="launch-1", method="fire", by=BY)
        ),
    ),
    "a label of no scheme": (
        UnknownWordError,
        lambda t: t["JPN"].command(
            Reclassify(
                case="done-1", holding="launch-1", label=Label(scheme="xxx", level="hi"), by=BY
            )
        ),
    ),
    "a level of no scheme": (
        UnknownWordError,
        lambda t: t["JPN"].command(
            Reclassify(
                case="done-1", holding="launch-1", label=Label(scheme="jpn", level="xx"), by=BY
            )
        ),
    ),
    "a caveat of no scheme": (
        UnknownWordError,
        lambda t: t["JPN"].command(
            Reclassify(
                case="done-1",
                holding="launch-1",
                label=Label(scheme="jpn", level="hi", categories=("xx",)),
                by=BY,
            )
        ),
    ),
    "delegations of another party": (
        UnknownWordError,
        lambda t: t.adopt_delegations("KOR", t["JPN"].node.state.delegations),
    ),
    "delegations larger than an entry": (
        OutOfBoundsError,
        lambda t: t.delegate("JPN", by="x" * BODY_BYTES_MAX),
    ),
    "delegations up to no level": (UnknownWordError, lambda t: t.delegate("JPN", up_to="xx")),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_command_that_breaks_a_rule_changes_nothing(name: str, three: Three) -> None:
    """EX-28."""
    error, step = REFUSED[name]
    before = {party: three[party].node.state.digest() for party in three.sites}
    with pytest.raises(error):
        step(three)
    assert {party: three[party].node.state.digest() for party in three.sites} == before


def test_a_command_repeated_with_the_same_id_changes_nothing(three: Three) -> None:
    """EX-28."""
    assert three.ask("waits-1", topics=("rus.cyber",)).facts == ()
    assert three.ask("done-1").facts == ()
    assert three["KOR"].new_case() != three["KOR"].new_case()


def test_an_officers_refusal_is_told_with_its_reason(three: Three) -> None:
    """EX-30."""
    three["JPN"].command(Refuse(case="waits-1", by=replace(BY, reason="not this week")))
    three.settle()
    refused = three["KOR"].story("waits-1").file.refused
    assert (refused.code, refused.reason) == (RefusalCode.OFFICER_REFUSED, "not this week")
    assert three["KOR"].story("no-such") is None


def test_a_change_of_label_and_a_loss_reach_the_other_register(three: Three) -> None:
    """EX-25."""
    label = Label(scheme="jpn", level="gokuhi")
    three["JPN"].command(Reclassify(case="done-1", holding="launch-1", label=label, by=BY))
    three.settle()
    (line,) = register(three["KOR"])
    assert line.label == label
    three["KOR"].command(
        ReportLoss(
            case="done-1",
            holding="launch-1",
            is_possible_only=True,
            text="a folder is missing",
            by=BY,
        )
    )
    three.settle()
    (line,) = register(three["JPN"])
    assert (line.state.value, line.note) == ("lost", "a folder is missing")


def test_several_commands_share_a_commit_and_one_bad_one_does_not_undo_the_others(
    three: Three,
) -> None:
    """EX-28."""
    results = three["JPN"].command_many(
        (Approve(case="no-such", by=BY), Approve(case="waits-1", by=BY))
    )
    assert isinstance(results[0], NoSuchCaseError)
    assert three.state("JPN", "waits-1") == "released"


def test_nothing_is_asked_or_released_before_a_law_is_adopted() -> None:
    site = Site("JPN", Three(parties=()).clock)
    with pytest.raises(NoLawError):
        site.driver.command(Approve(case="c-1", by=BY))


def test_a_store_belongs_to_one_node() -> None:
    three = Three(parties=("JPN",))
    site = three.sites["JPN"]
    site.party = "KOR"
    with pytest.raises(OtherNodeError):
        site.start()
    empty = Site("GBR", three.clock)
    empty.disk.values.clear()
    with pytest.raises(NotInitialisedError):
        Driver(empty.driver._world)


def test_a_card_is_pinned_once_and_an_older_one_never(three: Three) -> None:
    """EX-32."""
    peer = three["JPN"].node.state.peers["KOR"]
    again = AddPeer(
        party="KOR",
        card=peer.card,
        fingerprint=peer.fingerprint,
        keys=peer.ring.spans[0].keys,
        serial=1,
        is_exercise=True,
        by=ADMIN,
    )
    assert three["JPN"].command(again).facts == ()
    with pytest.raises(BadCardError):
        three["JPN"].command(replace(again, card=b"other"))
    with pytest.raises(BadCardError):
        three["JPN"].command(replace(again, party="USA", is_exercise=False))


def test_a_broken_law_file_is_not_adopted(three: Three) -> None:
    from relto.law import LawFileError

    with pytest.raises(LawFileError):
        three["JPN"].adopt_law({"a.toml": b"format = "}, digest="0" * 64, by=ADMIN)
    assert three["JPN"].node.state.law is not None


def test_shells_hear_what_was_journaled_and_what_is_alarming(three: Three) -> None:
    three["JPN"].notices()
    three.ask("c-9")
    three.settle()
    kinds = [one.kind for one in three["JPN"].notices()]
    assert kinds == ["request", "release", "receipt"]
    assert three["JPN"].notices() == ()
    assert three["JPN"].partners() == ("KOR",)
    assert three.clock.at == OCTOBER
    assert crash_at("begin", skip=1)("begin") is None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("an unknown topic", "dprk.missile.launch"),
        ("an unknown purpose", "defence.warning"),
        ("an unknown party", "JPN"),
    ],
)
def test_an_unknown_word_is_refused_with_the_words_there_are(
    name: str, known: str, three: Three
) -> None:
    """EX-28: whoever has mistyped one finds the right one in the answer."""
    with pytest.raises(UnknownWordError) as caught:
        REFUSED[name][1](three)
    assert known in caught.value.hint
