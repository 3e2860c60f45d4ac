"""What storms have found, each told again by hand, with the seed that found it."""

import pytest
from whenever import Instant

from relto.node import AskConsent, By, NotWaitingError, Refuse
from tests.support_node import Three

OFFICER = By(officer="officer-1", role="disclosure-officer", reason="needed now")
LAPSED = Instant.parse_iso("2019-11-25T00:00:00Z")
BEFORE_SUSPENSION = Instant.parse_iso("2019-09-01T00:00:00Z")


def _received(three: Three, holder: str, *, by: str, holding: str, case: str) -> None:
    """Let a party get an item of another, so that it holds what it did not make."""
    three.hold(holder, holding)
    three.ask(case, by=by, holder=holder)
    three.settle()
    three.approve(holder, case)
    three.settle()
    assert three.state(by, case) == "receipted"


@pytest.fixture
def three() -> Three:
    """KOR holds an item that USA made, and JPN asks KOR for it."""
    made = Three(delegated=False)
    _received(made, "USA", by="KOR", holding="usa-1", case="c-0")
    made.ask("c-1", by="JPN", holder="KOR")
    made.settle()
    assert made.state("KOR", "c-1") == "queued"
    return made


def _ask_consent(three: Three) -> None:
    three["KOR"].command(AskConsent(case="c-1", by=OFFICER))
    three.settle()


def test_an_originator_can_be_asked_again_after_it_has_said_no(three: Three) -> None:
    """Seed 52: the second question found the originator's case closed, and the holder hung."""
    _ask_consent(three)
    three["USA"].command(Refuse(case="c-1", by=OFFICER))
    three.settle()
    assert three.state("KOR", "c-1") == "queued"
    _ask_consent(three)
    assert three.state("USA", "c-1") == "queued"
    three.approve("USA", "c-1")
    three.settle()
    three.approve("KOR", "c-1")
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"


def test_a_yes_to_the_first_question_is_no_yes_to_the_second(three: Three) -> None:
    """Seed 52: asked again, the originator's officers decide again."""
    _ask_consent(three)
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "queued"
    _ask_consent(three)
    assert three.state("USA", "c-1") == "queued"
    (waiting,) = three["USA"].node.queue()
    assert waiting.approved == 0


def test_a_case_that_waits_for_a_silent_originator_can_be_refused(three: Three) -> None:
    """Seed 11: without that it would wait for ever."""
    three["KOR"].command(AskConsent(case="c-1", by=OFFICER))
    assert three.state("KOR", "c-1") == "consent-asked"
    three["KOR"].command(Refuse(case="c-1", by=OFFICER))
    three.settle()
    assert three.state("JPN", "c-1") == "refused"


def test_a_request_runs_out_while_the_originator_is_silent() -> None:
    """Seed 11, FL-10: an answer that comes too late is of no use."""
    three = Three(delegated=False)
    _received(three, "USA", by="KOR", holding="usa-1", case="c-0")
    three.ask("c-1", by="JPN", holder="KOR", expires_at=three.clock.at.add(hours=1))
    three.settle()
    three["KOR"].command(AskConsent(case="c-1", by=OFFICER))
    assert three["KOR"].next_deadline() == three.clock.at.add(hours=1)
    three["KOR"].tick()
    assert three.state("KOR", "c-1") == "consent-asked"
    three.clock.at = three.clock.at.add(hours=1)
    three["KOR"].tick()
    three.settle()
    assert three.state("JPN", "c-1") == "refused"


def test_an_originator_behind_an_intermediary_is_not_asked_in_its_own_case() -> None:
    """Seed 11: it plays the requester in that case and cannot play the originator too."""
    three = Three(delegated=False)
    _received(three, "KOR", by="JPN", holding="kor-1", case="c-0")
    three.set_clock(LAPSED)
    three.adopt_all(known=BEFORE_SUSPENSION)
    three.ask("c-1", by="KOR", holder="JPN")
    three.settle()
    assert three.state("USA", "c-1") == "asked"
    assert three.state("JPN", "c-1") == "queued"
    with pytest.raises(NotWaitingError):
        three["JPN"].command(AskConsent(case="c-1", by=OFFICER))
    three["JPN"].command(Refuse(case="c-1", by=OFFICER))
    three.settle()
    assert three.state("KOR", "c-1") == "refused"


def test_an_intermediary_asks_nobody_for_consent() -> None:
    """Seed 262: the command ended the process, because its entry was out of place."""
    three = Three(delegated=False)
    three.hold("JPN", "launch-1")
    three.set_clock(LAPSED)
    three.adopt_all(known=BEFORE_SUSPENSION)
    three.ask("c-1", by="KOR", holder="JPN")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    with pytest.raises(NotWaitingError):
        three["USA"].command(AskConsent(case="c-1", by=OFFICER))
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
