"""`kill -9` at every named place with a large item: in the end only what is named lies on the disk.

FL-1 to FL-6 for what lies beside the journal (EX-57).
"""

import os
from pathlib import Path

import pytest

from relto.console import open_home
from relto.console.node import keep_content
from relto.limits import SWEEP_AGE_SECONDS
from relto.seal import digest
from tests.integration.nodes.conftest import CommandError, Party
from tests.integration.nodes.test_crashes import ASKER, HOLDER

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(600)]

CONTENT = b"a launch at 07:10, an apogee of 910 km. " * 20_000
OTHER = b"nothing that anybody has registered. " * 20_000


def lying(party: Party) -> set[str]:
    """What lies among a node's blobs, whole or in part."""
    return {path.name for path in (party.directory / "blobs").rglob("*") if path.is_file()}


def grow_old(party: Party) -> None:
    for path in (party.directory / "blobs").rglob("*"):
        if path.is_file():
            at = path.stat().st_mtime - 2 * SWEEP_AGE_SECONDS
            os.utime(path, (at, at))


def sweep(party: Party) -> int:
    """Sweep a stopped node, as it does by itself once it has run for a while."""
    grow_old(party)
    with open_home(party.directory) as node:
        return node.driver.sweep()


def _nth(point: str) -> int:
    """The start passes some places once; a package comes to the disk before its content does."""
    return 2 if point in {"begin", "before-commit", "after-commit", "after-blob"} else 1


def play(jpn: Party, kor: Party, *, killed: Party, point: str) -> None:
    """Ask for a large item, kill one side at a named place, start it again and receive the item."""
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    other = kor if killed is jpn else jpn
    other.start()
    case = kor.ask("JPN")["line"]["case"]
    try:
        killed.start(crash=(point, _nth(point)))
        killed.wait_crash(seconds=3)
    except CommandError:
        pass
    killed.clean_up()
    killed.start()
    kor.wait(case, "receipted")
    jpn.wait(case, "receipted")
    assert (jpn.stop(), kor.stop()) == (0, 0)


def check(jpn: Party, kor: Party) -> None:
    """Each side holds the one content, and nothing that was sealed, opened or fetched for it."""
    for party in (jpn, kor):
        sweep(party)
        assert lying(party) == {digest(CONTENT)}
        assert sweep(party) == 0
        assert all(log["is_sound"] for log in party.run("journal", "verify"))


@pytest.mark.parametrize("point", HOLDER)
def test_a_holder_killed_over_a_large_item_leaves_nothing_that_no_entry_names(
    pair: tuple[Party, Party], point: str
) -> None:
    """FL-1, FL-2, EX-57: what was sealed before the crash is sealed anew, under another key."""
    jpn, kor = pair
    play(jpn, kor, killed=jpn, point=point)
    check(jpn, kor)


@pytest.mark.parametrize("point", ASKER)
def test_an_asker_killed_over_a_large_item_leaves_nothing_that_no_entry_names(
    pair: tuple[Party, Party], point: str
) -> None:
    """FL-4, FL-5, FL-6, EX-57: what was opened before the crash is registered, or is gone."""
    jpn, kor = pair
    play(jpn, kor, killed=kor, point=point)
    check(jpn, kor)


def test_what_a_killed_command_has_left_is_removed_and_an_officer_sees_it(
    pair: tuple[Party, Party], tmp_path: Path
) -> None:
    """EX-57: `relto hold` lays the content down first, and is killed before it registers it."""
    jpn, _ = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    file = tmp_path / "other"
    file.write_bytes(OTHER)
    keep_content(jpn.directory, file)
    part = jpn.directory / "blobs" / "part" / digest(b"half a package")
    part.write_bytes(b"half")
    assert lying(jpn) == {digest(CONTENT), digest(OTHER), part.name}
    assert sweep(jpn) == 2
    assert lying(jpn) == {digest(CONTENT)}
    (line,) = jpn.run("journal", "evidence")
    assert line["kind"] == "local.swept"
    assert line["about"] == "2 files in blobs/ that no entry named were removed"
    out = tmp_path / "swept"
    jpn.run("journal", "evidence", "1", "--out", str(out))
    assert sorted(row.split()[0] for row in out.read_text().splitlines()) == sorted(
        [digest(OTHER), part.name]
    )
