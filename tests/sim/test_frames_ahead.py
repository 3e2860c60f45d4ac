"""Two frames on their way at once: nothing is lost, nothing comes twice, there is one order."""

import pytest

from relto.codec import FRAME
from relto.journal import GapError
from relto.limits import BATCH_SHARED_ENTRIES
from relto.model import Frame
from tests.support_node import Three


@pytest.fixture
def three() -> Three:
    made = Three()
    made.hold("JPN", "launch-1")
    made.settle()
    return made


def two_frames(three: Three) -> tuple[bytes, bytes]:
    """A request in one frame, and another one in the frame that goes ahead of its answer."""
    three.ask("c-1")
    first = three["KOR"].next_batch("JPN")
    three.ask("c-2")
    second = three["KOR"].next_batch("JPN", is_ahead=True)
    assert first is not None
    assert second is not None
    return first, second


def numbers(frame: Frame) -> list[int]:
    batch = frame.batch
    return [] if batch is None else list(range(batch.first, batch.first + len(batch.entries)))


def assert_whole(three: Three, *cases: str) -> None:
    """Every case has gone its way once, and both sides hold the same two logs."""
    three.settle()
    for case in cases:
        assert three.state("KOR", case) == three.state("JPN", case) == "receipted"
        kinds = [fact.kind for fact in three["JPN"].story(case).facts]
        assert kinds == ["request", "release", "receipt"]
    here, there = three["KOR"].counts("JPN"), three["JPN"].counts("KOR")
    assert (here.ours, here.acknowledged, here.theirs) == (there.theirs, here.ours, there.ours)


def test_a_frame_ahead_and_the_answer_to_it_go_on_where_those_before_end(three: Three) -> None:
    """EX-51."""
    first, second = two_frames(three)
    assert three["KOR"].next_batch("JPN", is_ahead=True) is None
    assert FRAME.decode(second).is_ahead
    assert not FRAME.decode(first).is_ahead
    assert numbers(FRAME.decode(second))[0] == numbers(FRAME.decode(first))[-1] + 1
    answers = [three["JPN"].handle_exchange("KOR", frame) for frame in (first, second)]
    told = [FRAME.decode(answer) for answer in answers]
    assert numbers(told[1])[0] == numbers(told[0])[-1] + 1
    assert [len(answer.packages) for answer in told] == [1, 1]
    for answer, is_ahead in zip(answers, (False, True), strict=True):
        three["KOR"].receive_reply("JPN", answer, is_ahead=is_ahead)
    assert_whole(three, "c-1", "c-2")


def test_the_next_frame_may_leave_before_the_answer_that_is_here_is_taken(three: Three) -> None:
    """EX-51."""
    three.ask("c-1")
    answer = three["JPN"].handle_exchange("KOR", three["KOR"].next_batch("JPN"))
    three.ask("c-2")
    ahead = three["KOR"].next_batch("JPN", is_ahead=True)
    three["KOR"].receive_reply("JPN", answer)
    three["KOR"].receive_reply("JPN", three["JPN"].handle_exchange("KOR", ahead), is_ahead=True)
    assert_whole(three, "c-1", "c-2")


def test_a_frame_that_overtakes_another_changes_nothing_and_is_sent_again(three: Three) -> None:
    """EX-51, FL-9."""
    first, second = two_frames(three)
    before = three["JPN"].counts("KOR")
    early = three["JPN"].handle_exchange("KOR", second)
    assert FRAME.decode(early).rejection.code == GapError.code
    assert three["JPN"].counts("KOR") == before
    answer = three["JPN"].handle_exchange("KOR", first)
    three["KOR"].receive_reply("JPN", answer)
    assert three["KOR"].receive_reply("JPN", early, is_ahead=True)
    three.ask("c-3")
    assert three["KOR"].next_batch("JPN", is_ahead=True) is None
    again = FRAME.decode(three["KOR"].next_batch("JPN"))
    assert not again.is_ahead
    assert set(numbers(FRAME.decode(second))) < set(numbers(again))
    assert_whole(three, "c-1", "c-2", "c-3")


def test_after_a_lost_answer_everything_begins_with_what_is_acknowledged(three: Three) -> None:
    """EX-35, EX-51."""
    first, second = two_frames(three)
    lost = FRAME.decode(three["JPN"].handle_exchange("KOR", first))
    three["JPN"].handle_exchange("KOR", second)
    again = three["KOR"].next_batch("JPN")
    assert numbers(FRAME.decode(again)) == [
        *numbers(FRAME.decode(first)),
        *numbers(FRAME.decode(second)),
    ]
    answer = three["JPN"].handle_exchange("KOR", again)
    assert numbers(FRAME.decode(answer))[0] == numbers(lost)[0]
    assert len(FRAME.decode(answer).packages) == 2
    three["KOR"].receive_reply("JPN", answer)
    assert_whole(three, "c-1", "c-2")


def test_an_answer_without_the_one_before_it_is_asked_for_again(three: Three) -> None:
    """EX-51."""
    first, second = two_frames(three)
    three["JPN"].handle_exchange("KOR", first)
    answer = three["JPN"].handle_exchange("KOR", second)
    assert three["KOR"].receive_reply("JPN", answer, is_ahead=True)
    assert three["KOR"].counts("JPN").theirs == 0
    assert three["KOR"].pending() == ("JPN",)
    assert_whole(three, "c-1", "c-2")


def test_a_holder_that_restarts_between_two_frames_answers_from_what_is_acknowledged(
    three: Three,
) -> None:
    """EX-34, EX-51."""
    first, second = two_frames(three)
    answer = three["JPN"].handle_exchange("KOR", first)
    three.sites["JPN"].start()
    both = three["JPN"].handle_exchange("KOR", second)
    assert numbers(FRAME.decode(both)) == [1, 2]
    three["KOR"].receive_reply("JPN", answer)
    three["KOR"].receive_reply("JPN", both, is_ahead=True)
    assert_whole(three, "c-1", "c-2")


def test_half_of_many_entries_is_left_to_the_frame_that_goes_ahead(three: Three) -> None:
    """EX-51."""
    cases = [f"c-{place}" for place in range(3 * BATCH_SHARED_ENTRIES)]
    for case in cases:
        three.ask(case)
    first = three["KOR"].next_batch("JPN", is_shared=True)
    second = three["KOR"].next_batch("JPN", is_ahead=True)
    half = 3 * BATCH_SHARED_ENTRIES // 2
    assert [len(numbers(FRAME.decode(one))) for one in (first, second)] == [half, half]
    for frame, is_ahead in ((first, False), (second, True)):
        answer = three["JPN"].handle_exchange("KOR", frame)
        three["KOR"].receive_reply("JPN", answer, is_ahead=is_ahead)
    assert_whole(three, *cases)


def test_few_entries_are_not_shared_out(three: Three) -> None:
    """EX-51."""
    three.ask("c-1")
    three.ask("c-2")
    assert numbers(FRAME.decode(three["KOR"].next_batch("JPN", is_shared=True))) == [1, 2]
    assert three["KOR"].next_batch("JPN", is_ahead=True) is None
