"""Law, liars and officers between drivers: nothing unlawful leaves, and nothing unlawful stays."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.codec import FRAME
from relto.codec.message import decode_message
from relto.custody import owed
from relto.driver import (
    BadPackageBytesError,
    NoSuchPackageError,
    RefusedFrameError,
    StoppedError,
    UnpinnedPartnerError,
)
from relto.errors import PeerError
from relto.journal import BadEvidenceError, Draft
from relto.model import Label, Precedence
from relto.model.message import RefusalCode
from relto.node import (
    BadCardError,
    By,
    CaseTakenError,
    ClockBackError,
    Destroy,
    Recall,
    SameOfficerError,
    SetClock,
    State,
    UnknownWordError,
    verify_proof,
)
from relto.ports import BlobMissingError
from relto.seal import digest
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_node import (
    ADMIN,
    OCTOBER,
    Crash,
    Site,
    Three,
    crash_at,
    digest_card,
    lie,
    pending_frame,
    register,
    row_counts,
    say,
)

LAST_SECOND = Instant.parse_iso("2019-11-22T15:00:59Z")
LARGE = bytes(range(256)) * 1_024


@pytest.fixture
def three() -> Three:
    made = Three(parties=("JPN", "KOR"))
    made.hold("JPN", "launch-1")
    return made


# ---------------------------------------------------------------- the law


def test_fl_34_the_last_instant_permits_and_the_end_denies() -> None:
    """EX-14."""
    for at, state in ((LAST_SECOND, "receipted"), (LAPSE, "refused")):
        three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
        three.hold("JPN", "launch-1")
        three.clock.at = at
        three.ask("c-1", is_forced=True)
        three.settle()
        assert three.state("KOR", "c-1") == state, at


def test_fl_34_a_margin_ahead_of_the_end_denies_before_it() -> None:
    """EX-14."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    delegations = three["JPN"].node.state.delegations
    three.adopt_delegations("JPN", delegations, margin=300)
    three.clock.at = LAPSE.subtract(seconds=299)
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "refused"


def test_fl_35_a_release_journaled_before_the_end_may_still_arrive() -> None:
    """EX-19, EX-40: a package inside a frame is part of its release."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    three.clock.at = LAST_SECOND
    three.ask("c-1")
    answer = three["JPN"].handle_exchange("KOR", pending_frame(three))
    three.clock.at = LAPSE.add(hours=1)
    three["KOR"].receive_reply("JPN", answer)
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "receipted"


def test_fl_36_a_transfer_by_range_that_meets_the_end_is_aborted_on_both_sides() -> None:
    """EX-40."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1", content=LARGE)
    three.clock.at = LAST_SECOND
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    half = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=100_000)
    three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=half)
    three.clock.at = LAPSE
    with pytest.raises(NoSuchPackageError):
        three["JPN"].read_package("KOR", parcel.digest, offset=100_000, size=100_000)
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "aborted"
    assert three["KOR"].wanted("JPN") == ()
    assert three["KOR"].received_bytes("JPN", parcel.digest) == 0
    for site in three.sites.values():
        assert not site.blobs.is_complete(parcel.digest)
        assert not site.blobs.held(parcel.digest)


def test_fl_36_the_holder_aborts_by_itself_when_nobody_asks() -> None:
    """EX-40."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1", content=LARGE)
    three.clock.at = LAST_SECOND
    three.ask("c-1")
    three.settle()
    three.clock.at = LAPSE
    three["JPN"].tick()
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "aborted"


def test_fl_37_what_arrived_whole_before_the_end_may_be_opened_after_it() -> None:
    """EX-24, EX-26, EX-39."""
    three = Three(parties=("JPN", "KOR"), known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1", content=LARGE)
    three.clock.at = LAST_SECOND
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    whole = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=parcel.size_bytes)
    three.sites["KOR"].start(fault=crash_at("after-blob"))
    with pytest.raises(Crash):
        three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=whole)
    three.clock.at = LAPSE
    three.sites["KOR"].start().tick()
    assert three.state("KOR", "c-1") == "receipted"
    line = next(iter(register(three["KOR"])))
    assert "return-or-destroy" in {duty.kind.value for duty in owed(line)}


def test_fl_38_whichever_is_journaled_first_decides_between_a_new_law_and_a_request() -> None:
    """EX-14."""
    for law_first in (True, False):
        three = Three(parties=("JPN", "KOR"))
        three.hold("JPN", "launch-1")
        three.clock.at = LAPSE
        three.ask("c-1")
        frame = pending_frame(three)
        if law_first:
            three.adopt("JPN", known=BEFORE_SUSPENSION)
        answer = three["JPN"].handle_exchange("KOR", frame)
        if not law_first:
            three.adopt("JPN", known=BEFORE_SUSPENSION)
        three["KOR"].receive_reply("JPN", answer)
        three.settle()
        assert three.state("JPN", "c-1") == ("refused" if law_first else "receipted")


def test_fl_27_the_receiver_quarantines_what_its_own_law_does_not_allow() -> None:
    """EX-22."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.adopt("KOR", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three.ask("c-1", is_forced=True)
    three.settle()
    assert three.state("KOR", "c-1") == three.state("JPN", "c-1") == "quarantined"
    assert not [*three["KOR"].node.state.items()]
    assert not register(three["KOR"])
    assert three["JPN"].story("c-1").file.refused.code is RefusalCode.NOT_LAWFUL


def test_fl_27_a_level_without_equivalent_is_refused_and_says_nothing_about_the_item() -> None:
    """EX-15."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", level="kimitsu")
    three.ask("c-1")
    three.settle()
    refused = three["KOR"].story("c-1").file.refused
    assert refused.code is RefusalCode.NOT_LAWFUL
    for considered in refused.considered:
        for finding in considered.findings:
            assert "kimitsu" not in finding.fact
            if finding.rule.value == "level":
                assert finding.fact == ""


# ---------------------------------------------------------------- liars


def test_fl_42_a_poisonous_message_is_set_aside_and_the_queue_goes_on(three: Three) -> None:
    """EX-1, EX-3, EX-8."""
    say(three, "KOR", "JPN", Draft(kind="request", case="c-0", parts=(("message", b"{}"),)))
    say(three, "KOR", "JPN", Draft(kind="no-such-kind", case="c-0", parts=(("message", b""),)))
    say(three, "KOR", "JPN", Draft(kind="law-adopted", parts=(("message", b"{}"),)))
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    codes = [note.code for _, note in three["JPN"].node.state.quarantine]
    assert codes == [RefusalCode.MALFORMED] * 3


def test_fl_23_a_frame_of_another_party_is_refused(three: Three) -> None:
    """EX-36."""
    three.ask("c-1")
    frame = FRAME.decode(pending_frame(three))
    forged = FRAME.encode(replace(frame, source="USA"))
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", forged))
    assert answer.rejection.code == "peer.identity_mismatch"
    with pytest.raises(UnpinnedPartnerError):
        three["JPN"].next_batch("USA", is_poll=True)


def test_fl_24_a_frame_replayed_to_another_node_is_refused() -> None:
    """EX-36."""
    three = Three()
    three.ask("c-1")
    frame = pending_frame(three)
    answer = FRAME.decode(three["USA"].handle_exchange("KOR", frame))
    assert answer.rejection.code == "peer.identity_mismatch"


def test_fl_45_an_unknown_major_version_is_refused(three: Three) -> None:
    """EX-36."""
    three.ask("c-1")
    frame = FRAME.decode(pending_frame(three))
    answer = three["JPN"].handle_exchange("KOR", FRAME.encode(replace(frame, version=2)))
    assert FRAME.decode(answer).rejection.code == "peer.protocol"
    with pytest.raises(RefusedFrameError):
        three["KOR"].receive_reply("JPN", answer)


def test_a_package_changed_on_the_way_is_quarantined_and_nothing_of_it_used(three: Three) -> None:
    three.ask("c-1")
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", pending_frame(three)))
    bad = answer.packages[0].content[:-1] + b"x"
    changed = replace(answer, packages=(replace(answer.packages[0], content=bad),))
    three["KOR"].receive_reply("JPN", FRAME.encode(changed))
    assert three.state("KOR", "c-1") == "arrived"
    assert digest(bad) != answer.packages[0].digest
    three.clock.at = three.clock.at.add(seconds=6)
    three.settle()
    assert three.state("KOR", "c-1") in {"arrived", "receipted"}


# ---------------------------------------------------------------- officers


def test_fl_48_two_different_officers_decide_from_the_configured_level_on() -> None:
    """EX-30."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", level="gokuhi")
    before = three["JPN"].node.state.delegations
    three.adopt_delegations("JPN", replace(before, two_persons_from="gokuhi"))
    three.ask("c-1")
    three.settle()
    (waiting,) = three["JPN"].node.queue()
    assert (waiting.needs, waiting.approved) == (2, 0)
    three.approve("JPN", "c-1", officer="one")
    three.settle()
    assert three.state("KOR", "c-1") == "referred"
    with pytest.raises(SameOfficerError):
        three.approve("JPN", "c-1", officer="one")
    three.approve("JPN", "c-1", officer="two")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    assert len(three["KOR"].story("c-1").file.arrived.message.approvals) == 2


def test_fl_48_a_recall_is_a_signed_request_answered_by_a_signed_certificate(three: Three) -> None:
    """EX-25, EX-27."""
    three.ask("c-1")
    three.settle()
    by = By(officer="officer-1", role="disclosure-officer", reason="sent to the wrong desk")
    three["JPN"].command(Recall(case="c-1", holding="launch-1", by=by))
    three.settle()
    (line,) = three["KOR"].node.to_destroy()
    assert line.note == "sent to the wrong desk"
    content = three["KOR"].node.state.item("jpn.launch-1").holding.digest
    three["KOR"].command(Destroy(case="c-1", holding="launch-1", method="overwritten", by=ADMIN))
    three.settle()
    states = [line.state.value for line in register(three["JPN"])]
    assert states == ["destroyed"]
    with pytest.raises(BlobMissingError):
        three["KOR"].content(content)


# ---------------------------------------------------------------- order, limits, strangers


def test_the_most_urgent_comes_first_wherever_something_waits() -> None:
    """EX-33: in the officers' queue, among packages in a frame, and among packages by range."""
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.hold("JPN", "launch-1", content=LARGE)
    for case, precedence in (("c-1", "routine"), ("c-2", "flash"), ("c-3", "immediate")):
        three.ask(case, precedence=Precedence(precedence))
    three.settle()
    assert [one.file.case for one in three["JPN"].node.queue()] == ["c-2", "c-3", "c-1"]
    for case in ("c-1", "c-3", "c-2"):
        three.approve("JPN", case)
    three.settle()
    assert [one.case for one in three["KOR"].wanted("JPN")] == ["c-2", "c-3", "c-1"]
    assert [one.case for one in three["JPN"].owed("KOR")] == ["c-2", "c-3", "c-1"]


def test_a_package_is_handed_only_to_the_partner_it_was_released_to() -> None:
    """EX-39."""
    three = Three()
    three.hold("JPN", "launch-1", content=LARGE)
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    assert three["JPN"].offered_bytes("KOR", parcel.digest) == parcel.size_bytes
    assert three["JPN"].offered_bytes("USA", parcel.digest) is None
    with pytest.raises(NoSuchPackageError):
        three["JPN"].read_package("USA", parcel.digest, offset=0, size=1)
    with pytest.raises(NoSuchPackageError):
        three["KOR"].write_package("USA", parcel.digest, offset=0, piece=b"x")
    with pytest.raises(NoSuchPackageError):
        three["KOR"].write_package(
            "JPN", parcel.digest, offset=0, piece=bytes(parcel.size_bytes + 1)
        )


def test_a_package_by_range_that_is_not_what_was_named_is_thrown_away_and_fetched_again() -> None:
    """EX-39."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=LARGE)
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    with pytest.raises(BadPackageBytesError):
        three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=bytes(parcel.size_bytes))
    assert three["KOR"].received_bytes("JPN", parcel.digest) == 0
    offset = 0
    while offset < parcel.size_bytes:
        piece = three["JPN"].read_package("KOR", parcel.digest, offset=offset, size=70_000)
        offset = three["KOR"].write_package("JPN", parcel.digest, offset=offset, piece=piece)
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"


def test_fl_19_a_partner_with_two_logs_stops_its_own_link_and_no_other() -> None:
    """EX-38: both signed heads are kept."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.hold("USA", "launch-2")
    fork = three.sites["KOR"].disk.copy()
    three.ask("c-1")
    three.settle()
    three.sites["KOR"].store.crash()
    three.sites["KOR"].disk = fork
    three.sites["KOR"].start()
    three.ask("c-9", topics=("dprk.nuclear",))
    frame = FRAME.decode(pending_frame(three))
    lied = FRAME.encode(replace(frame, acknowledgement=b""))
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", lied))
    assert answer.rejection.code == "peer.fork"
    assert three["JPN"].stopped("KOR") == "peer.fork"
    with pytest.raises(StoppedError):
        three["JPN"].next_batch("KOR", is_poll=True)
    with three.sites["JPN"].store.transaction() as tx:
        assert [one.kind for one in tx.kept()] == ["peer.fork"]
    three.ask("c-2", by="USA")
    three.exchange("USA", "JPN")
    three.exchange("USA", "JPN")
    assert three.state("USA", "c-2") == "receipted"


def test_fl_17_a_node_set_back_to_an_old_backup_signs_nothing_and_stops_that_link() -> None:
    """EX-38."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-1")
    three.settle()
    three.sites["JPN"].store.crash()
    three.sites["JPN"].disk = backup
    three.sites["JPN"].start()
    three.ask("c-2")
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", pending_frame(three)))
    assert answer.rejection.code == "world.rewound"
    assert answer.batch is None
    assert row_counts(three.sites["JPN"]).get("relto/JPN/KOR", 0) == 0


def test_fl_41_an_intermediary_that_lost_its_store_gets_everything_again() -> None:
    """EX-35: a partner that holds less than it had acknowledged says how far it holds."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    empty = three.sites["JPN"].disk.copy()
    three.ask("c-1", topics=("dprk.nuclear",))
    frame = pending_frame(three)
    three["KOR"].receive_reply("JPN", three["JPN"].handle_exchange("KOR", frame))
    three.sites["JPN"].store.crash()
    three.sites["JPN"].disk = empty
    three.sites["JPN"].start()
    three.ask("c-2")
    frame = FRAME.decode(pending_frame(three))
    answer = three["JPN"].handle_exchange("KOR", FRAME.encode(replace(frame, acknowledgement=b"")))
    assert FRAME.decode(answer).rejection.code == "peer.gap"
    assert three["KOR"].receive_reply("JPN", answer)
    again = FRAME.decode(pending_frame(three))
    assert again.batch.first == 1
    assert len(again.batch.entries) == 2


def test_fl_40_a_consent_that_the_intermediary_changed_is_not_believed() -> None:
    """EX-21: nothing that an intermediary says replaces the originator's own signature."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    three.set_clock(LAPSE)
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    three.approve("USA", "c-1")
    frame = FRAME.decode(pending_frame(three, "USA", "KOR"))
    release = decode_message(frame.batch.entries[-1].bodies[0].content, kind="release")
    proof = release.consents[0]
    state = three["KOR"].node.state
    assert verify_proof(state, proof)[1] == "JPN"
    other = proof.body.replace(b'"recipient":"KOR"', b'"recipient":"GBR"')
    assert other != proof.body
    changes = (
        {"body": other},
        {"salt": bytes(32)},
        {"salt": b"short"},
        {"source": "USA"},
        {"source": "GBR"},
        {"target": "KOR"},
        {"path": (*proof.path, bytes(32))},
        {"checkpoint": b"no note"},
        {"header": proof.header.replace(b'"number":2', b'"number":3')},
        {"part": "other"},
    )
    for change in changes:
        with pytest.raises(PeerError):
            verify_proof(state, replace(proof, **change))
    real = replace_state_world(three)
    with pytest.raises(BadEvidenceError):
        verify_proof(real, proof)


def replace_state_world(three: Three) -> State:
    """The same knowledge in the real world instead of the exercise."""
    state = three["KOR"].node.state
    return State(party="KOR", is_exercise=False, peers=state.peers)


def test_an_exercise_node_and_a_real_one_never_pin_each_other() -> None:
    """EX-32."""
    three = Three(parties=("JPN", "KOR"))
    real = Site("GBR", three.clock, is_exercise=False)
    with pytest.raises(PeerError):
        real.driver.pin(
            three.sites["JPN"].card, fingerprint=digest_card(three.sites["JPN"].card), by=ADMIN
        )
    with pytest.raises(BadCardError):
        three["JPN"].pin(
            three.sites["JPN"].card, fingerprint=digest_card(three.sites["JPN"].card), by=ADMIN
        )


def test_the_exercise_clock_goes_forward_only() -> None:
    """EX-32."""
    three = Three(parties=("JPN", "KOR"))
    three["JPN"].command(SetClock(offset_seconds=100, by=ADMIN))
    assert three["JPN"].now() == OCTOBER.add(seconds=100)
    with pytest.raises(ClockBackError):
        three["JPN"].command(SetClock(offset_seconds=50, by=ADMIN))
    real = Site("GBR", three.clock, is_exercise=False)
    with pytest.raises(ClockBackError):
        real.driver.command(SetClock(offset_seconds=100, by=ADMIN))


def test_an_item_with_words_that_the_law_does_not_know_is_not_registered() -> None:
    """EX-29, EX-28: and nothing has changed."""
    three = Three(parties=("JPN", "KOR"))
    before = three["JPN"].node.state.digest()
    for changes in ({"topics": ("no.such.topic",)}, {"level": "no-such-level"}, {"topics": ()}):
        with pytest.raises(UnknownWordError):
            three.hold("JPN", "launch-1", **changes)
    assert three["JPN"].node.state.digest() == before
    three.hold("JPN", "launch-1")
    assert three.hold("JPN", "launch-1").facts == ()
    with pytest.raises(CaseTakenError):
        three.hold("JPN", "launch-1", content=b"something else")


def test_a_release_for_something_else_than_was_asked_is_quarantined() -> None:
    """EX-20, EX-23: by topic, purpose, addressee, and the package's context."""
    for change in (
        lambda release: replace(release, purpose="defence.planning"),
        lambda release: replace(release, onward="USA"),
        lambda release: replace(release, instrument="no-such-pact"),
        lambda release: replace(release, items=(replace(release.items[0], topics=("prc.cyber",)),)),
        lambda release: replace(release, items=(replace(release.items[0], content_bytes=3),)),
        lambda release: replace(
            release, items=(replace(release.items[0], label=Label(scheme="jpn", level="gokuhi")),)
        ),
    ):
        three = Three(parties=("JPN", "KOR"))
        three.hold("JPN", "launch-1")
        three.ask("c-1")
        lie(three, "JPN", change)
        three.settle()
        assert three.state("KOR", "c-1") == "quarantined"
        assert not [*three["KOR"].node.state.items()]
        assert three.state("JPN", "c-1") == "quarantined"
