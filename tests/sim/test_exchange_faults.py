"""Faults and bad inputs between drivers: nothing is lost, doubled, or released unlawfully."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.codec import FRAME
from relto.codec.message import encode_message
from relto.journal import ClockError, Draft
from relto.model import LogId
from relto.model.message import RefusalCode
from relto.node import Alarm
from relto.ports import StoreFullError
from tests.support_node import (
    OCTOBER,
    Crash,
    Three,
    crash_at,
    pending_frame,
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


# ---------------------------------------------------------------- crashes


def test_fl_1_a_sender_that_dies_before_its_commit_has_said_nothing(three: Three) -> None:
    """EX-34."""
    site = three.sites["KOR"]
    site.start(fault=crash_at("before-commit"))
    with pytest.raises(Crash):
        three.ask("c-1")
    site.start()
    assert three.state("KOR", "c-1") == "none"
    assert three["KOR"].pending() == ()


def test_fl_2_a_sender_that_dies_after_its_commit_sends_the_same_bytes(three: Three) -> None:
    """EX-34, EX-35."""
    site = three.sites["KOR"]
    three.ask("c-1")
    first = FRAME.decode(pending_frame(three))
    site.start(fault=crash_at("before-send"))
    with pytest.raises(Crash):
        three["KOR"].next_batch("JPN")
    site.start()
    again = FRAME.decode(pending_frame(three))
    assert again.batch.entries == first.batch.entries
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_fl_3_a_lost_answer_is_given_again_and_nothing_is_doubled(three: Three) -> None:
    """EX-35."""
    three.ask("c-1")
    frame = pending_frame(three)
    first = FRAME.decode(three["JPN"].handle_exchange("KOR", frame))
    again = FRAME.decode(three["JPN"].handle_exchange("KOR", frame))
    assert again.batch.entries == first.batch.entries
    assert again.acknowledgement == first.acknowledgement
    three["KOR"].receive_reply("JPN", FRAME.encode(again))
    three.settle()
    assert row_counts(three.sites["JPN"])["relto/JPN/KOR"] == 1
    assert three.state("JPN", "c-1") == "receipted"


@pytest.mark.parametrize(
    "point", ["begin", "after-verify", "after-mirror", "after-seal", "after-append"]
)
def test_fl_4_a_receiver_that_dies_before_its_commit_has_taken_nothing(
    three: Three, point: str
) -> None:
    """EX-34, EX-36."""
    site = three.sites["JPN"]
    three.ask("c-1")
    frame = pending_frame(three)
    site.start(fault=crash_at(point))
    before = row_counts(site)
    with pytest.raises(Crash):
        three["JPN"].handle_exchange("KOR", frame)
    site.start()
    assert row_counts(site) == before
    three["KOR"].receive_reply("JPN", three["JPN"].handle_exchange("KOR", frame))
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    assert row_counts(site)["relto/KOR/JPN"] == 2


def test_fl_5_a_receiver_that_dies_after_its_commit_answers_with_the_same_acknowledgement(
    three: Three,
) -> None:
    """EX-35, EX-36."""
    site = three.sites["JPN"]
    three.ask("c-1")
    frame = pending_frame(three)
    site.start(fault=crash_at("after-commit"))
    with pytest.raises(Crash):
        three["JPN"].handle_exchange("KOR", frame)
    stored = site.disk.states[LogId(source="KOR", target="JPN")].acknowledgement
    assert stored
    site.start()
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", frame))
    assert answer.acknowledgement == stored
    assert row_counts(site)["relto/KOR/JPN"] == 1


def test_fl_6_what_was_stored_but_not_dealt_with_is_dealt_with_after_the_restart() -> None:
    """EX-13, EX-39."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=LARGE)
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    site = three.sites["KOR"]
    site.start(fault=crash_at("after-blob"))
    piece = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=parcel.size_bytes)
    with pytest.raises(Crash):
        three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=piece)
    site.start()
    assert three.state("KOR", "c-1") == "arrived"
    three["KOR"].tick()
    assert three.state("KOR", "c-1") == "receipted"


# ---------------------------------------------------------------- repeats and conflicts


def test_fl_7_a_frame_that_comes_twice_changes_nothing(three: Three) -> None:
    """EX-35."""
    three.ask("c-1")
    frame = pending_frame(three)
    three["JPN"].handle_exchange("KOR", frame)
    counts = row_counts(three.sites["JPN"])
    state = three["JPN"].node.state.digest()
    three["JPN"].handle_exchange("KOR", frame)
    assert row_counts(three.sites["JPN"]) == counts
    assert three["JPN"].node.state.digest() == state


def test_fl_8_a_case_id_with_other_bytes_is_refused_and_both_are_kept(three: Three) -> None:
    """EX-6."""
    three.ask("c-1")
    three.settle()
    story = three["KOR"].story("c-1")
    request = next(fact.message for fact in story.facts if fact.kind == "request")
    other = replace(request, request=replace(request.request, about="something else"))
    parts = (("message", encode_message(other)),)
    say(three, "KOR", "JPN", Draft(kind="request", case="c-1", parts=parts))
    three.settle()
    case, note = three["JPN"].node.state.quarantine[-1]
    assert (case, note.code) == ("c-1", RefusalCode.ID_CONFLICT)
    kinds = [fact.kind for fact in three["JPN"].story("c-1").facts]
    assert kinds.count("request") == 2
    assert three.state("JPN", "c-1") == "receipted"


def test_fl_25_a_request_repeated_years_later_is_counted_and_answered_by_what_stands(
    three: Three,
) -> None:
    """EX-6."""
    three.ask("c-1")
    three.settle()
    story = three["KOR"].story("c-1")
    request = next(fact.message for fact in story.facts if fact.kind == "request")
    three.clock.at = three.clock.at.add(hours=24 * 365)
    parts = (("message", encode_message(request)),)
    say(three, "KOR", "JPN", Draft(kind="request", case="c-1", parts=parts))
    three.settle()
    assert three["JPN"].node.state.repeats == 1
    assert row_counts(three.sites["JPN"])["relto/JPN/KOR"] == 1


def test_fl_9_a_gap_is_refused_and_healed_by_sending_from_where_the_partner_stands(
    three: Three,
) -> None:
    """EX-35, EX-38."""
    three.ask("c-1")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-2")
    three.settle()
    three.sites["JPN"].store.crash()
    three.sites["JPN"].disk = backup
    three.sites["JPN"].start()
    three.ask("c-3")
    frame = pending_frame(three)
    answer = three["JPN"].handle_exchange("KOR", frame)
    assert FRAME.decode(answer).rejection.code in {"world.rewound", "peer.gap"}


def test_fl_10_a_request_whose_time_is_over_is_refused(three: Three) -> None:
    three.ask("c-1", expires_at=OCTOBER.add(minutes=5))
    three.clock.at = OCTOBER.add(minutes=5)
    three.settle()
    assert three["KOR"].story("c-1").file.refused.code is RefusalCode.EXPIRED_MESSAGE


def test_fl_10_a_case_that_waits_too_long_for_an_officer_is_refused_when_its_time_is_over() -> None:
    """EX-13."""
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.hold("JPN", "launch-1")
    three.ask("c-1", expires_at=OCTOBER.add(minutes=5))
    three.settle()
    assert three.state("JPN", "c-1") == "queued"
    assert three["JPN"].next_deadline() == OCTOBER.add(minutes=5)
    three.clock.at = OCTOBER.add(minutes=5)
    three["JPN"].tick()
    three.settle()
    assert three["KOR"].story("c-1").file.refused.code is RefusalCode.EXPIRED_MESSAGE


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("frame", [b"", b"hello", b"[" * 100_000, b'{"version":NaN}'])
def test_fl_29_what_is_no_frame_is_refused_without_an_echo_and_the_operator_hears_of_it(
    three: Three, frame: bytes
) -> None:
    """EX-36: a partner whose frames are refused is in trouble, or makes some."""
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", frame))
    assert answer.rejection.code == "peer.malformed"
    assert answer.batch is None
    (alarm,) = [one for one in three["JPN"].notices() if isinstance(one, Alarm)]
    assert (alarm.code, alarm.partner) == ("peer.malformed", "KOR")
    assert "hello" not in alarm.text


def test_fl_13_a_frame_from_the_future_is_refused_as_a_whole(three: Three) -> None:
    three.clock.at = OCTOBER.add(hours=1)
    three.ask("c-1")
    frame = pending_frame(three)
    three.clock.at = OCTOBER
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", frame))
    assert answer.rejection.code == "peer.clock_skew"
    assert three.state("JPN", "c-1") == "none"
    (alarm,) = [one for one in three["JPN"].notices() if isinstance(one, Alarm)]
    assert (alarm.code, alarm.partner) == ("peer.clock_skew", "KOR")


def test_fl_13_a_clock_that_goes_back_stops_the_pen_and_not_the_law(three: Three) -> None:
    three.clock.at = OCTOBER.subtract(seconds=5)
    with pytest.raises(ClockError):
        three.ask("c-1")
    three.clock.at = OCTOBER
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_fl_13_a_release_dated_before_its_request_is_quarantined(three: Three) -> None:
    """EX-19."""
    other = Three(parties=("JPN", "KOR"))
    other.hold("JPN", "launch-1")
    slow = other.sites["JPN"]
    slow.clock = type(other.clock)(OCTOBER.add(minutes=1))
    slow.start()
    other.clock.at = OCTOBER.add(minutes=6, seconds=1)
    other.ask("c-1")
    frame = FRAME.decode(pending_frame(other))
    assert frame.batch is not None
    answer = FRAME.decode(other["JPN"].handle_exchange("KOR", FRAME.encode(frame)))
    assert answer.rejection.code == "peer.clock_skew"


def test_fl_14_a_full_disk_refuses_new_things_and_recovers_without_repair(three: Three) -> None:
    three.ask("c-1")
    frame = pending_frame(three)
    full = [True]

    def hook(point: str) -> None:
        if point == "store.commit" and full[0]:
            raise StoreFullError("no room")

    full[0] = False
    three.sites["JPN"].start(store_hook=hook)
    full[0] = True
    with pytest.raises(StoreFullError):
        three["JPN"].handle_exchange("KOR", frame)
    full[0] = False
    three["KOR"].receive_reply("JPN", three["JPN"].handle_exchange("KOR", frame))
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"
