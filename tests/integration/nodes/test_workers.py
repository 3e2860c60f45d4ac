"""`relto serve --workers`: real processes share one journal in PostgreSQL; any of them may die."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from relto.console import is_running
from tests.integration.nodes.conftest import CommandError, Party

pytestmark = [
    pytest.mark.net,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
]

CONTENT = b"a launch at 07:10, an apogee of 910 km"


@pytest.fixture
def crew(pair: tuple[Party, Party], databases: Callable[[], str]) -> tuple[Party, Party]:
    """JPN with its journal in a database, to be served by workers; KOR as ever."""
    jpn, _ = pair
    jpn.run("store", "migrate", "--to", databases())
    (jpn.directory / "journal.sqlite").unlink()
    return pair


def start(party: Party, count: int) -> None:
    """Serve with workers, and wait until all have begun."""
    before = party.log.read_text().count('"serving"') if party.log.exists() else 0
    party.start("--workers", str(count))
    until = time.monotonic() + 30
    while party.log.read_text().count('"serving"') < before + count:
        if time.monotonic() > until:
            raise CommandError(f"not all workers begin\n{party.tail()}")
        time.sleep(0.05)


def kill(party: Party, worker: int) -> None:
    """Kill a worker without warning, and wait until its supervisor has seen it."""
    os.kill(worker, signal.SIGKILL)
    until = time.monotonic() + 30
    while worker in party.workers():
        assert time.monotonic() < until
        time.sleep(0.01)


def logs(party: Party) -> dict[str, tuple[int, str]]:
    """Verify a journal; gives where the logs with the partner stand."""
    found = party.run("journal", "verify")
    assert all(log["is_sound"] for log in found), found
    shown = party.run("store", "show")["heads"]
    return {
        head["origin"]: (head["size"], head["root"])
        for head in shown
        if head["origin"] in {"relto/JPN/KOR", "relto/KOR/JPN"}
    }


def settle(one: Party, other: Party) -> None:
    """Wait until each side holds the whole of the other's log."""
    until = time.monotonic() + 30
    while True:
        links = [party.run("link", "status")["links"][0] for party in (one, other)]
        if all(link["ours"] == link["acknowledged"] for link in links):
            return
        if time.monotonic() > until:
            raise CommandError(f"never settled: {links}")
        time.sleep(0.1)


def test_workers_answer_every_request_once_while_one_after_another_is_killed(
    crew: tuple[Party, Party],
) -> None:
    """EX-50, LK-22, FL-1, FL-18: `kill -9` at random under load; whatever was asked is answered."""
    jpn, kor = crew
    luck = random.Random(20191122)
    item = jpn.hold(CONTENT, topic="dprk.missile.launch")
    kor.start()
    start(jpn, 3)
    cases, own = [], []
    for number in range(30):
        cases.append(kor.ask("JPN", "--item", item)["line"]["case"])
        own.append(jpn.ask("KOR", topic="dprk.nuclear.test")["line"]["case"])
        if number % 6 == 3:
            kill(jpn, luck.choice(jpn.workers()))
    for case in cases:
        story = kor.wait(case, "receipted")
        kinds = [entry["kind"] for entry in story["entries"]]
        assert (kinds.count("request"), kinds.count("release"), kinds.count("receipt")) == (1, 1, 1)
    for case in own:
        story = jpn.wait(case, "refused", "queued", "asked", "unroutable")
        assert sum(entry["kind"] == "request" for entry in story["entries"]) == 1
    settle(jpn, kor)
    # Whichever worker answers knows how the link is doing.
    assert {jpn.run("link", "status")["links"][0]["state"] for _ in range(8)} == {"up"}
    assert jpn.run("link", "reconcile", "KOR")["links"][0]["partner"] == "KOR"
    assert jpn.stop() == 0
    assert kor.stop() == 0
    told = jpn.log.read_text()
    assert told.count('"code": -9, "event": "worker_ended"') == 5
    # One that was killed late may still have been waiting for its next beginning.
    assert 3 + 3 <= told.count('"worker_started"') == told.count('"worker_ended"')
    assert logs(jpn) == logs(kor)


def test_officers_find_the_node_at_one_address_whoever_is_killed(crew: tuple[Party, Party]) -> None:
    """LK-22: the sockets are the supervisor's, so an order waits for the next worker."""
    jpn, _ = crew
    start(jpn, 2)
    for _ in range(3):
        for worker in jpn.workers():
            os.kill(worker, signal.SIGKILL)
        assert jpn.run("status")["is_running"]
    assert jpn.run("status", "--dir", str(jpn.directory), with_dir=False)["party"] == "JPN"
    assert jpn.stop() == 0
    assert not is_running(jpn.directory)
    assert jpn.workers() == []


def test_workers_end_with_their_supervisor(crew: tuple[Party, Party]) -> None:
    jpn, _ = crew
    start(jpn, 2)
    workers = jpn.workers()
    jpn.kill()
    until = time.monotonic() + 15
    while any(is_alive(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.05)
    # The socket that it left behind is nobody's, and the next one serves.
    start(jpn, 2)
    assert jpn.run("status")["is_running"]


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_keys_changed_at_one_worker_are_taken_up_by_all(crew: tuple[Party, Party]) -> None:
    """FL-20, EX-50."""
    jpn, kor = crew
    item = jpn.hold(CONTENT, topic="dprk.missile.launch")
    kor.start()
    start(jpn, 3)
    before = jpn.log.read_text().count('"serving"')
    jpn.run("key", "rotate", "--reason", "yearly")
    until = time.monotonic() + 30
    while jpn.log.read_text().count('"serving"') < before + 3:
        assert time.monotonic() < until, jpn.tail()
        time.sleep(0.05)
    for _ in range(6):
        kor.wait(kor.ask("JPN", "--item", item)["line"]["case"], "receipted")
    assert jpn.run("card")["serial"] == 2
    settle(jpn, kor)
    assert jpn.stop() == kor.stop() == 0
    assert logs(jpn) == logs(kor)


def test_fl_15_workers_that_lose_the_database_end_and_are_started_again(
    crew: tuple[Party, Party],
) -> None:
    """Each says so, writes nothing more, and the next ones go on."""
    jpn, kor = crew
    item = jpn.hold(CONTENT, topic="dprk.missile.launch")
    kor.start()
    start(jpn, 2)
    kor.wait(kor.ask("JPN", "--item", item)["line"]["case"], "receipted")
    before = jpn.workers()
    place = (jpn.directory / "store.url").read_text().strip().replace("+psycopg", "")
    with psycopg.connect(place, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    kor.wait(kor.ask("JPN", "--item", item)["line"]["case"], "receipted", seconds=40)
    until = time.monotonic() + 30
    while set(before) & set(jpn.workers()):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert jpn.log.read_text().count('"store_failed"') == 2
    settle(jpn, kor)
    assert jpn.stop() == kor.stop() == 0
    assert logs(jpn) == logs(kor)


def test_fl_17_a_node_restored_into_a_database_hears_from_its_partner_with_all_its_workers(
    crew: tuple[Party, Party],
    databases: Callable[[], str],
    tmp_path: Path,
) -> None:
    """EX-42, LK-22: what a partner gives back is not lost between two workers."""
    jpn, kor = crew
    item = jpn.hold(CONTENT, topic="dprk.missile.launch")
    kor.start()
    start(jpn, 2)
    kor.wait(kor.ask("JPN", "--item", item)["line"]["case"], "receipted")
    jpn.run("backup", "--out", str(tmp_path / "b"), "--with-keys")
    after = kor.ask("JPN", "--item", item)["line"]["case"]
    kor.wait(after, "receipted")
    assert jpn.stop() == 0

    jpn.directory.rename(tmp_path / "lost")
    restored = ["--dir", str(jpn.directory), "--to", databases()]
    jpn.run("restore", str(tmp_path / "b"), *restored, with_dir=False)
    start(jpn, 3)
    jpn.wait(after, "receipted", seconds=60)
    fresh = kor.ask("JPN", "--item", item)["line"]["case"]
    kor.wait(fresh, "receipted", seconds=60)
    settle(jpn, kor)
    # Soon one worker alone calls again.
    kill(jpn, jpn.workers()[0])
    last = kor.ask("JPN", "--item", item)["line"]["case"]
    kor.wait(last, "receipted", seconds=60)
    settle(jpn, kor)
    assert jpn.stop() == kor.stop() == 0
    assert logs(jpn) == logs(kor)


def test_node_toml_says_how_many_and_a_second_supervisor_is_refused(
    crew: tuple[Party, Party],
) -> None:
    """FL-18."""
    jpn, _ = crew
    file = jpn.directory / "node.toml"
    file.write_text(file.read_text().replace("workers = 0", "workers = 2"))
    jpn.start()
    assert jpn.run("status")["is_running"]
    assert jpn.run("serve", expect=4)["error"] == "world.store_locked"
    # Alone beside workers is refused as well, and so is anything that wants the journal alone.
    assert jpn.run("serve", "--workers", "0", expect=4)["error"] == "world.store_locked"
    assert jpn.stop() == 0
    # With nobody serving, a command opens the node itself, as one more worker.
    assert not jpn.run("status")["is_running"]


def test_a_journal_in_a_file_is_not_shared(pair: tuple[Party, Party]) -> None:
    jpn, _ = pair
    assert jpn.run("serve", "--workers", "2", expect=2)["error"] == "local.store_place"
    assert jpn.run("serve", "--workers", "65", expect=2)["error"] == "local.home"
