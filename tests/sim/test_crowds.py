"""A partner that opens more cases than anybody could answer (EX-55, FL-44)."""

import pytest

from relto.codec.message import encode_message
from relto.journal import Draft
from relto.limits import BATCH_ENTRIES_MAX, PARTNER_OPEN_CASES_MAX
from relto.model import LogId
from relto.model.case import Request
from relto.model.message import Requested
from relto.node import Alarm, AskConsent, Refuse
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_node import ADMIN, OCTOBER, Three, pending_frame, say

MOST = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few be many."""
    monkeypatch.setattr("relto.node.crowd.PARTNER_OPEN_CASES_MAX", MOST)


def by_hand(**changes: object) -> Three:
    """Nobody has a standing authority, so each request waits for an officer of Tokyo's."""
    three = Three(delegated=False, **changes)
    three.hold("JPN", "launch-1")
    return three


def states(three: Three, party: str, cases: list[str]) -> list[str]:
    return [three.state(party, case) for case in cases]


def test_the_limit_is_above_what_is_under_way_after_a_long_silence() -> None:
    """Two frames on their way, and the answers to a third."""
    assert PARTNER_OPEN_CASES_MAX > 3 * BATCH_ENTRIES_MAX


def test_fl_44_one_case_too_many_is_refused_with_a_code_and_the_oldest_keep_their_places() -> None:
    """EX-55: also when all of them come at once; nothing that was said is lost."""
    three = by_hand()
    cases = [f"c-{number}" for number in range(MOST + 2)]
    for case in cases:
        three.ask(case)
    three.settle()
    assert states(three, "JPN", cases) == ["queued"] * MOST + ["refused"] * 2
    assert states(three, "KOR", cases) == ["referred"] * MOST + ["refused"] * 2
    refused = three["KOR"].story(cases[-1]).file.refused
    assert (refused.code, refused.considered, refused.law) == ("too-many", (), None)
    with three.sites["JPN"].store.reading() as tx:
        came = tx.entries(LogId(source="KOR", target="JPN"), first=1, end=99)
    assert [one.header.case for one in came if one.header.kind == "request"] == cases
    alarms = [one for one in three["JPN"].notices() if isinstance(one, Alarm)]
    assert [(one.code, one.partner) for one in alarms] == [("refusing.too-many", "KOR")] * 2


def test_other_partners_are_served_beside_one_that_asks_too_much() -> None:
    """EX-55: each has places of its own, and so has this party itself."""
    three = by_hand()
    for number in range(MOST + 2):
        three.ask(f"c-{number}")
        three.ask(f"j-{number}", by="JPN", holder="KOR", topics=("dprk.nuclear",))
    three.settle()
    three.ask("u-1", by="USA")
    three.settle()
    assert three.state("JPN", "u-1") == "queued"
    assert three.state("JPN", f"j-{MOST + 1}") == "refused"
    assert three["JPN"].story(f"j-{MOST + 1}").file.refused.code == "nothing-held"


def test_when_one_has_come_to_its_end_the_partner_can_ask_again() -> None:
    """EX-55, EX-6: under a new id; the same request again stays refused."""
    three = by_hand()
    for number in range(MOST + 1):
        three.ask(f"c-{number}")
    three.settle()
    before = three["JPN"].node.state.digest()
    assert three.sites["JPN"].start().node.state.digest() == before
    three["JPN"].tick()
    assert three["JPN"].node.state.digest() == before
    three["JPN"].command(Refuse(case="c-0", by=ADMIN))
    three.settle()
    again = three["KOR"].story(f"c-{MOST}").file
    message = Requested(request=again.request, hops=again.hops)
    three.ask("c-9")
    draft = Draft(kind="request", case=again.case, parts=(("message", encode_message(message)),))
    say(three, "KOR", "JPN", draft)
    three.settle()
    assert three.state("JPN", "c-9") == "queued"
    assert three.state("JPN", again.case) == "refused"


def test_who_gives_no_receipts_gets_no_more_either() -> None:
    """EX-55: a release counts until it is receipted, since its package is kept until then."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    for number in range(MOST + 1):
        three.ask(f"c-{number}")
        three["JPN"].handle_exchange("KOR", pending_frame(three))
        three.clock.at = three.clock.at.add(seconds=10)
    cases = [f"c-{number}" for number in range(MOST + 1)]
    assert states(three, "JPN", cases) == ["released"] * MOST + ["refused"]


def test_what_waits_for_a_law_is_bounded_too_whoever_it_is_for() -> None:
    """EX-55: a name that an intermediary makes up gives it no further places."""
    three = Three(parties=("JPN", "USA"))
    three["JPN"].node.state.law = None
    for number in range(MOST + 2):
        asked = Request(
            case=f"c-{number}",
            requester="USA",
            on_behalf_of=f"AA{number}",
            holder="JPN",
            topics=("dprk.missile.launch",),
            purpose="defence.warning",
            asked_at=OCTOBER,
        )
        body = encode_message(Requested(request=asked))
        say(three, "USA", "JPN", Draft(kind="request", case=asked.case, parts=(("message", body),)))
    three["JPN"].handle_exchange("USA", pending_frame(three, "USA"))
    cases = [f"c-{number}" for number in range(MOST + 2)]
    assert states(three, "JPN", cases) == ["received"] * MOST + ["refused"] * 2
    # A start finds the same, and with a law none of them stays.
    three.sites["JPN"].start().tick()
    assert states(three, "JPN", cases) == ["refused"] * (MOST + 2)


def test_one_party_behind_an_intermediary_does_not_take_anothers_places() -> None:
    """EX-55: what Washington asks in Tokyo for Seoul and for itself are counted apart."""
    three = by_hand(at=OCTOBER, known=BEFORE_SUSPENSION)
    three.set_clock(LAPSE)
    for number in range(MOST + 1):
        three.ask(f"c-{number}")
    three.settle()
    cases = [f"c-{number}" for number in range(MOST + 1)]
    assert states(three, "USA", cases) == ["asked"] * MOST + ["refused"]
    assert states(three, "JPN", cases[:MOST]) == ["queued"] * MOST
    for number in range(MOST + 1):
        three.ask(f"u-{number}", by="USA")
    three.settle()
    own = [f"u-{number}" for number in range(MOST + 1)]
    assert states(three, "JPN", own[:MOST]) == ["queued"] * MOST
    assert three.state("JPN", own[MOST]) == "refused"


def test_an_originator_that_is_asked_for_too_many_consents_says_no_and_the_holder_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-55, EX-31: asked once more after others were answered, it waits like any other."""
    monkeypatch.setattr("relto.node.crowd.PARTNER_OPEN_CASES_MAX", MOST + 1)
    three = Three()
    for number in range(MOST + 1):
        three.hold("JPN", f"launch-{number}")
        three.ask(f"c-{number}", holding=f"launch-{number}")
    three.settle()
    items = {one.reference: one.holding.id for one in three["KOR"].node.state.items()}
    cases = [f"u-{number}" for number in range(MOST + 1)]
    for number, case in enumerate(cases):
        three.ask(case, by="USA", holder="KOR", holding=items[f"launch-{number}"])
    three.settle()
    monkeypatch.setattr("relto.node.crowd.PARTNER_OPEN_CASES_MAX", MOST)
    for case in cases:
        three["KOR"].command(AskConsent(case=case, by=ADMIN))
    three.settle()
    assert states(three, "JPN", cases) == ["queued"] * MOST + ["answered"]
    assert states(three, "KOR", cases) == ["consent-asked"] * MOST + ["queued"]
    three["JPN"].command(Refuse(case=cases[0], by=ADMIN))
    three["KOR"].command(AskConsent(case=cases[-1], by=ADMIN))
    three.settle()
    assert states(three, "JPN", cases) == ["answered", *["queued"] * MOST]
