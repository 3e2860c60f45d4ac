"""Nothing lies beside the journal that nothing names: what a crash has left there is removed.

A large content or package is on the disk before the entry that names it; a crash in between leaves
it there, and nobody would look for it. So the node looks at what lies there, now and then and a few
files at a time, and asks its state and its marks, never the whole journal, whether anything names
it. What is removed is written down first. In doubt it stays, and that is said.

Source: docs/spec/exchange.md EX-57; ADR-0065.
"""

from collections.abc import Sequence
from typing import Final

from whenever import Instant

from relto.driver.faults import Hook, no_fault
from relto.driver.laws import LawBook
from relto.driver.loop import Turn
from relto.driver.parcels import Parcels
from relto.errors import WorldError
from relto.limits import SNAPSHOT_ENTRIES, SWEEP_AGE_SECONDS, SWEEP_FILES_MAX, SWEEP_SECONDS
from relto.node import Alarm
from relto.ports import Kept, Lying, World
from relto.units import Digest

# Under which what was removed is kept as evidence; and what an alarm says about it.
SWEPT_KIND: Final = "local.swept"
_DOUBT_CODE: Final = "local.unnamed"
_FAILED_CODE: Final = "local.not_swept"

# When the node last went on after it was set back, by the machine's clock.
_RECOVERED: Final = "recovered"


class Sweeping(Parcels):
    """The part of the driver that removes what nothing names."""

    def __init__(
        self,
        world: World,
        *,
        laws: LawBook | None = None,
        fault: Hook = no_fault,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        super().__init__(world, laws=laws, fault=fault, snapshot_entries=snapshot_entries)
        self._due_at = world.clock.now().add(seconds=SWEEP_AGE_SECONDS)
        # Where the round through the files stands; `None` at its beginning.
        self._seen: Lying | None = None
        # What was said in this life, so that it is said once.
        self._doubted: set[Digest] = set()
        self._failed = ""

    def _sweep_when_due(self) -> None:
        """Sweep once in a while; after the clock went back, that while begins anew."""
        now = self._world.clock.now()
        self._due_at = min(self._due_at, now.add(seconds=SWEEP_AGE_SECONDS))
        if now < self._due_at:
            return
        self._due_at = now.add(seconds=SWEEP_SECONDS)
        self.sweep()

    def sweep(self, *, older_than_seconds: int = SWEEP_AGE_SECONDS) -> int:
        """Look at the next files among the blobs, and remove those that nothing names.

        A disk that does not do it stops nothing else: an alarm says so, and the next sweep tries.

        Args:
            older_than_seconds: Younger ones may be about to be named, and stay.

        Returns:
            How many were removed.

        Source: docs/spec/exchange.md EX-57.
        """
        if self.reconciling():
            return 0
        self._refresh()
        old = [one for one in self._next_files() if one.age_seconds > older_than_seconds]
        unnamed = self._unnamed(old)
        if not unnamed:
            return 0
        return sum(
            self._remove(one.digest, older_than_seconds=older_than_seconds)
            for one in self._write_down(unnamed)
        )

    def _next_files(self) -> tuple[Lying, ...]:
        """Go on with the round through what lies there."""
        try:
            files = self._world.blobs.lying(after=self._seen, limit=SWEEP_FILES_MAX)
        except WorldError as error:
            self._tell_failed(error)
            return ()
        self._seen = files[-1] if len(files) == SWEEP_FILES_MAX else None
        return files

    def _remove(self, digest: Digest, *, older_than_seconds: int) -> bool:
        try:
            return self._world.blobs.sweep(digest, older_than_seconds=older_than_seconds)
        except WorldError as error:
            self._tell_failed(error)
            return False

    def _tell_failed(self, error: WorldError) -> None:
        if error.message != self._failed:
            self._say(_FAILED_CODE, f"what nothing names could not be removed: {error.message}")
        self._failed = error.message

    def _unnamed(self, files: Sequence[Lying]) -> list[Lying]:
        """Pick the files that may go: nothing names them, and nothing may have named them."""
        if not files:
            return []
        with self._within(self._world.store.reading()) as tx:
            unnamed = set(self._node.state.unnamed([one.digest for one in files]))
            recovered = (tx.value(_RECOVERED) or b"").decode()
        gone = [
            one
            for one in files
            if one.digest in unnamed and not self._workshop.has_made(one.digest)
        ]
        doubtful = [one for one in gone if self._is_doubtful(one, recovered)]
        fresh = {one.digest for one in doubtful} - self._doubted
        if fresh:
            self._doubted |= fresh
            self._say(
                _DOUBT_CODE,
                f"{len(fresh)} files in blobs/ are named by nothing, and an entry that this node"
                f" has lost may have named them: {' '.join(sorted(fresh))}",
            )
        return [one for one in gone if one not in doubtful]

    def _is_doubtful(self, one: Lying, recovered: str) -> bool:
        """Tell whether a file was there before this node was set back and lost entries."""
        if not self._logs.out(self.party).epoch:
            return False
        if not recovered:
            return True
        written = self._world.clock.now().subtract(seconds=one.age_seconds)
        return written <= Instant.parse_iso(recovered)

    def _write_down(self, old: Sequence[Lying]) -> list[Lying]:
        """Keep for officers what is about to be removed, as far as nothing names it still."""
        with self._turn() as turn:
            unnamed = set(self._node.state.unnamed([one.digest for one in old]))
            gone = [one for one in old if one.digest in unnamed]
            if gone:
                turn.tx.keep(Kept(kind=SWEPT_KIND, at=turn.now, content=_record(gone)))
                turn.notices.append(_alarm(SWEPT_KIND, _told(gone)))
        return gone

    def _say(self, code: str, text: str) -> None:
        self._notices.append(_alarm(code, text))

    def _rejoin(self, turn: Turn) -> None:
        """Note when the node has gone on: what lies there since before may have had its entry."""
        super()._rejoin(turn)
        turn.tx.put_value(_RECOVERED, self._world.clock.now().format_iso().encode())


def _alarm(code: str, text: str) -> Alarm:
    return Alarm(code=code, partner=None, case=None, text=text)


def _told(gone: Sequence[Lying]) -> str:
    size = sum(one.size_bytes for one in gone)
    return f"removed {len(gone)} files of {size} bytes from blobs/ that no entry names"


def _record(gone: Sequence[Lying]) -> bytes:
    """Write one line for each file: digest, bytes, whole or part, age in seconds."""
    return "".join(
        f"{one.digest} {one.size_bytes} {'whole' if one.is_complete else 'part'}"
        f" {one.age_seconds}\n"
        for one in gone
    ).encode()
