"""`kill -9` at every named place, over real sockets and files: nothing lost, nothing doubled.

FL-1 to FL-6 for real processes; LK-18: nothing in memory is needed to go on.
"""

from collections import Counter

import pytest

from relto.driver import FAULT_POINTS
from tests.integration.nodes.conftest import CommandError, Party

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(600)]

CONTENT = b"a launch at 07:10, an apogee of 910 km"
# Where the one that asks passes, and where the one that answers.
ASKER = tuple(point for point in FAULT_POINTS if point not in {"after-seal"})
HOLDER = tuple(point for point in FAULT_POINTS if point not in {"after-reply", "before-send"})


def _told_once(story: dict, *, log: tuple[str, str], kind: str) -> bool:
    found = [
        entry
        for entry in story["entries"]
        if (entry["source"], entry["target"], entry["kind"]) == (*log, kind)
    ]
    return len(found) == 1


def _check(jpn: Party, kor: Party, case: str) -> None:
    """Both journals tell the same story, each step once."""
    ours, theirs = kor.wait(case, "receipted"), jpn.wait(case, "receipted")
    for story in (ours, theirs):
        assert _told_once(story, log=("KOR", "JPN"), kind="request")
        assert _told_once(story, log=("JPN", "KOR"), kind="release")
        assert _told_once(story, log=("KOR", "JPN"), kind="receipt")
    counts = Counter(entry["kind"] for entry in ours["entries"])
    assert counts["held"] == 1


def _nth(point: str) -> int:
    """The first pass is the tick of the start; where that passes too, crash at the next."""
    return 2 if point in {"begin", "before-commit", "after-commit"} else 1


def kill_the_holder(jpn: Party, kor: Party, point: str) -> None:
    """Kill the one that answers at a named place, start it again, and find the whole story."""
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    kor.start()
    try:
        jpn.start(crash=(point, _nth(point)))
        has_started = True
    except CommandError:
        has_started = False
    case = kor.ask("JPN")["line"]["case"]
    if has_started:
        assert jpn.wait_crash() or point == "after-blob", f"never passed {point}"
    jpn.clean_up()
    jpn.start()
    _check(jpn, kor, case)


def kill_the_asker(jpn: Party, kor: Party, point: str) -> None:
    """Kill the one that asks at a named place, start it again, and find the whole story."""
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    # Ask while stopped: the request is durable. The process that sends it is the one that dies.
    case = kor.ask("JPN")["line"]["case"]
    try:
        kor.start(crash=(point, _nth(point)))
        kor.wait_crash(seconds=3)
    except CommandError:
        pass
    kor.clean_up()
    kor.start()
    _check(jpn, kor, case)


@pytest.mark.parametrize("point", HOLDER)
def test_a_holder_killed_at_a_named_place_goes_on_after_a_restart(
    pair: tuple[Party, Party], point: str
) -> None:
    """FL-1, FL-2, FL-4, FL-5, FL-6, LK-18."""
    kill_the_holder(*pair, point)


@pytest.mark.parametrize("point", ASKER)
def test_an_asker_killed_at_a_named_place_goes_on_after_a_restart(
    pair: tuple[Party, Party], point: str
) -> None:
    """FL-1, FL-2, FL-3, LK-18: before the commit of the request there is nothing; after it, all."""
    kill_the_asker(*pair, point)


def test_a_killed_node_has_lost_nothing_that_it_had_answered(pair: tuple[Party, Party]) -> None:
    """FL-5: what a command was told is durable, whatever happens the moment after."""
    jpn, kor = pair
    kor.start()
    cases = []
    for _ in range(5):
        cases.append(kor.ask("JPN")["line"]["case"])
        kor.kill()
        kor.start()
    assert {one["case"] for one in kor.run("cases")["cases"]} == set(cases)
    jpn.start()
    for case in cases:
        assert kor.wait(case, "refused")["refusal"] == "nothing-held"
