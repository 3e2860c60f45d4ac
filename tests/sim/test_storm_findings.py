"""What storms have found, each told again by hand, with the seed that found it."""

import contextlib

import pytest
from whenever import Instant

from relto.codec import FRAME
from relto.driver import NoSuchPackageError, mark_restored
from relto.errors import PeerError
from relto.limits import LATE_FRAME_SECONDS_MAX
from relto.node import AskConsent, By, NotWaitingError, Refuse
from relto.ports import StoreFullError
from relto.sim.store import Disk
from tests.sim.test_keys import new_keys
from tests.support_node import ADMIN, Hand, Site, Three

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


# ---------------------------------------------------------------- after a restored backup


def _set_back(three: Three, party: str, disk: Disk) -> None:
    site = three.sites[party]
    site.store.crash()
    site.disk = disk.copy()
    site.start()
    mark_restored(site.store)
    site.start()


def _talk(three: Three, *, rounds: int = 12) -> None:
    """Let everybody call everybody; a refusal only means that one calls again."""
    for _ in range(rounds):
        for source in three.sites:
            for target in three.sites:
                frame = None if source == target else three[source].next_batch(target)
                if frame is None:
                    continue
                answer = three[target].handle_exchange(source, frame)
                with contextlib.suppress(PeerError):
                    three[source].receive_reply(target, answer)
        three.clock.at = three.clock.at.add(seconds=10)


def test_fl_17_two_nodes_set_back_at_once_help_each_other() -> None:
    """Seed 200: each waited for the other to come back first."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backups = {party: three.sites[party].disk.copy() for party in ("JPN", "KOR")}
    three.ask("c-1")
    three.settle()
    for party, disk in backups.items():
        _set_back(three, party, disk)
    _talk(three)
    assert three["JPN"].reconciling() == three["KOR"].reconciling() == ()
    three.ask("c-2")
    _talk(three)
    assert three.state("KOR", "c-2") == three.state("JPN", "c-2") == "receipted"


def test_fl_20_a_node_set_back_to_before_a_partners_new_keys_learns_them_again() -> None:
    """Seeds 314 and 385: it believed nothing that the partner signed from then on."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["KOR"].disk.copy()
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    three.settle()
    three.clock.at = three.clock.at.add(seconds=10)
    three.ask("c-1")
    three.settle()
    _set_back(three, "KOR", backup)
    _talk(three)
    assert three["KOR"].reconciling() == ()
    assert [span.serial for span in three["KOR"].node.state.peers["JPN"].ring.spans] == [2, 1]
    three.ask("c-2")
    _talk(three)
    assert three.state("KOR", "c-2") == "receipted"


def test_fl_20_a_node_set_back_to_before_its_own_new_keys_stands_by_them() -> None:
    """Seeds 231 and 1003: it no longer knew which keys its partners expected, and stood still."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    assert three.exchange("JPN", "KOR")  # USA has not heard of it when the disk is lost
    _set_back(three, "JPN", backup)
    _talk(three)
    assert three["JPN"].reconciling() == ()
    assert three["JPN"].unaware() == ()
    three.ask("c-1")
    three.ask("c-2", by="USA")
    _talk(three)
    assert three.state("KOR", "c-1") == three.state("USA", "c-2") == "receipted"
    for party in ("KOR", "USA"):
        ring = three[party].node.state.peers["JPN"].ring
        assert [span.serial for span in ring.spans] == [2, 1]


def test_fl_17_a_recovery_that_begins_anew_is_helped_anew() -> None:
    """Seed 16: a full disk undid the end of a recovery, and the partner refused to help again."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["KOR"].disk.copy()
    three.ask("c-1")
    three.settle()
    _set_back(three, "KOR", backup)
    site = three.sites["KOR"]

    def full(point: str) -> None:
        if point == "store.append":
            raise StoreFullError("no room")

    site.start(store_hook=full)
    for _ in range(6):
        frame = three["KOR"].next_batch("JPN")
        assert frame is not None
        answer = three["JPN"].handle_exchange("KOR", frame)
        with contextlib.suppress(PeerError, StoreFullError):
            three["KOR"].receive_reply("JPN", answer)
    assert three["KOR"].reconciling() == ("JPN",)
    site.start()
    _talk(three)
    assert three["KOR"].reconciling() == ()
    assert three.state("KOR", "c-1") == "receipted"


def test_fl_17_a_package_that_went_with_the_disk_is_not_waited_for() -> None:
    """Seed 5862: the release came back, its package did not, and the receiver waited for ever."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=bytes(range(256)) * 1_024)
    backup, packages = three.sites["JPN"].disk.copy(), three.sites["JPN"].blobs.copy()
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    three.sites["JPN"].blobs = packages
    _set_back(three, "JPN", backup)
    _talk(three)
    assert three.state("JPN", "c-1") == "released"
    with pytest.raises(NoSuchPackageError):
        three["JPN"].read_package("KOR", parcel.digest, offset=0, size=parcel.size_bytes)
    _talk(three)
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "aborted"
    assert three["KOR"].wanted("JPN") == ()


def test_fl_36_a_release_of_several_large_items_ends_once_when_its_instrument_does() -> None:
    """Seed 288396380: each of its packages ended it, and no tick of the node worked any more."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    for number in range(3):
        three.hold("JPN", f"launch-{number}", content=bytes([number]) * 200_000)
    three.ask("c-1")
    three.settle()
    assert len(three["KOR"].wanted("JPN")) == 3
    three.set_clock(LAPSED)
    three["JPN"].tick()
    three["JPN"].tick()
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "aborted"
    story = three["JPN"].story("c-1")
    assert story is not None
    assert [fact.kind for fact in story.facts].count("aborted") == 1


class Behind(Hand):
    """A clock a minute behind another."""

    def __init__(self, other: Hand) -> None:
        self._other = other

    @property
    def at(self) -> Instant:  # type: ignore[override]  # it follows the other
        return self._other.at.subtract(seconds=60)


def test_fl_17_a_set_back_intermediary_whose_clock_is_behind_finds_its_part_again() -> None:
    """Seeds 288397536 and 288395913: by its clock it had passed the request on before it came.

    So it took the request for its own, what followed for out of place, and nobody was answered.
    """
    three = Three(
        known=BEFORE_SUSPENSION,
        delegated=False,
        at=LAPSED,
        make=lambda party, clock: Site(party, Behind(clock) if party == "USA" else clock),
    )
    three.hold("JPN", "launch-1")
    backup = three.sites["USA"].disk.copy()
    three.ask("c-1")
    three.settle()
    assert three.state("USA", "c-1") == "asked"
    _set_back(three, "USA", backup)
    _talk(three)
    file = three["USA"].node.state.case("c-1")
    assert file is not None
    assert (file.role, file.state) == ("intermediary", "asked")
    for holder in ("JPN", "USA"):
        three.approve(holder, "c-1")
        _talk(three)
    assert [three.state(one, "c-1") for one in ("KOR", "USA", "JPN")] == ["receipted"] * 3


def _set_back_with_a_frame_under_way() -> tuple[Three, bytes]:
    """JPN is set back while a frame of its own is under way to KOR."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-1", by="JPN", holder="KOR", topics=("dprk.nuclear.test",))
    late = three["JPN"].next_batch("KOR")
    assert late is not None
    _set_back(three, "JPN", backup)
    return three, late


def test_fl_17_a_frame_from_before_the_backup_that_comes_late_stops_no_link() -> None:
    """Seed 288397073: it lay on the wire while its sender was set back, and looked like a fork."""
    three, late = _set_back_with_a_frame_under_way()
    _talk(three)
    three.ask("c-2")
    _talk(three)
    assert three.state("KOR", "c-2") == "receipted"
    answer = FRAME.decode(three["KOR"].handle_exchange("JPN", late))
    assert answer.rejection is not None
    assert answer.rejection.code == "peer.stale"
    assert three["KOR"].stopped("JPN") == ""
    assert three["KOR"].node.state.case("c-1") is None
    three.ask("c-3")
    _talk(three)
    assert three.state("KOR", "c-3") == "receipted"


def test_fl_14_a_large_content_is_destroyed_when_no_entry_came_to_name_it() -> None:
    """Seed 785639437: the disk was full just then, the holder gave up, and the content stayed."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    content = bytes(range(256)) * 1_024
    three.hold("JPN", "launch-1", content=content)
    three.ask("c-1")
    three.settle()
    is_full = False

    def hook(point: str) -> None:
        if point == "store.commit" and is_full:
            raise StoreFullError("no room")

    three.sites["KOR"].start(store_hook=hook)
    (parcel,) = three["KOR"].wanted("JPN")
    size = parcel.size_bytes
    package = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=size)
    is_full = True
    with pytest.raises(StoreFullError):
        three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=package)
    is_full = False
    assert three.state("KOR", "c-1") == "arrived"
    assert content not in three.sites["KOR"].blobs.whole().values()
    three["KOR"].tick()
    assert three.state("KOR", "c-1") == "receipted"
    assert content in three.sites["KOR"].blobs.whole().values()


def test_fl_17_a_frame_from_before_the_backup_does_not_come_between() -> None:
    """Seed 290369407: it came when its sender had asked what it had lost, and not gone on yet."""
    three, late = _set_back_with_a_frame_under_way()
    asks = three["JPN"].next_batch("KOR")
    assert asks is not None
    answer = three["KOR"].handle_exchange("JPN", asks)
    for _ in range(2):
        refused = FRAME.decode(three["KOR"].handle_exchange("JPN", late)).rejection
        assert refused is not None
        assert refused.code == "peer.stale"
        three.sites["KOR"].start()
    three["JPN"].receive_reply("KOR", answer)
    _talk(three)
    # The question is late now, too, and means nothing any more.
    three["KOR"].handle_exchange("JPN", asks)
    three.ask("c-2")
    _talk(three)
    assert three.state("KOR", "c-2") == three.state("JPN", "c-2") == "receipted"
    assert three["KOR"].stopped("JPN") == three["JPN"].stopped("KOR") == ""


def test_fl_17_a_partner_that_got_its_own_disk_back_is_believed_again() -> None:
    """JN-36: when nothing from before can be under way any more."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    whole, backup = three.sites["JPN"].disk, three.sites["JPN"].disk.copy()
    _set_back(three, "JPN", backup)
    asks = three["JPN"].next_batch("KOR")
    assert asks is not None
    three["KOR"].handle_exchange("JPN", asks)
    three.sites["JPN"].store.crash()
    three.sites["JPN"].disk = whole
    three.sites["JPN"].start()
    three.ask("c-1")
    _talk(three)
    assert three.state("KOR", "c-1") == "asked"
    three.clock.at = three.clock.at.add(seconds=LATE_FRAME_SECONDS_MAX)
    _talk(three)
    assert three.state("KOR", "c-1") == "receipted"


def test_a_request_passed_on_for_a_partner_that_was_passed_over_takes_no_other_case_along() -> None:
    """Seed 120084. EX-42, EX-47: it has lost its place; an answer to another case has not."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.clock.at = LAPSED
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.adopt("KOR", known=BEFORE_SUSPENSION)
    three.adopt("USA", known=BEFORE_SUSPENSION)
    backup = three.sites["USA"].disk.copy()
    three.ask("c-6")
    three.settle()
    assert (three.state("USA", "c-6"), three.state("KOR", "c-6")) == ("asked", "referred")
    three.ask("c-5", by="USA", holder="JPN")
    three.settle()
    assert three.state("USA", "c-5") == "receipted"
    three.approve("JPN", "c-6")
    three.settle()
    site = three.sites["USA"]
    site.store.crash()
    site.disk = backup
    site.start()
    mark_restored(site.store)
    site.start()
    three["USA"].pass_over("KOR", by=OFFICER)
    for _ in range(3):
        with contextlib.suppress(PeerError):
            three.exchange("USA", "JPN")
        three.clock.at = three.clock.at.add(seconds=10)
    assert three["USA"].reconciling() == ()
    assert three.state("USA", "c-5") == three.state("JPN", "c-5") == "receipted"
