"""What shells call: exchanges with partners, officers' commands, packages by range, time.

Every method runs one store transaction and is to be called from one thread. Bytes from partners
give bytes or a `PeerError`; commands give a result or a `LocalError`; a `WorldError` means that
nothing has happened.

Source: docs/spec/exchange.md EX-34 to EX-40.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant

from relto.driver.exchanges import EPOCH
from relto.driver.facts import fact_of
from relto.driver.faults import Hook, no_fault
from relto.driver.identity import (
    KEYS_VALUE,
    Identity,
    OtherKeysError,
    OtherNodeError,
    identity_value,
    keys_value,
    law_value,
)
from relto.driver.laws import LawBook
from relto.driver.links import STOPPED_VALUE, Growth, NotStoppedError
from relto.driver.passed import NothingToPassOverError
from relto.driver.recovery import RESTORED_VALUE
from relto.driver.sweeping import Sweeping
from relto.errors import LocalError
from relto.exchange import CaseFile, Fact, fold_case
from relto.journal import verify_card
from relto.law import load_library
from relto.limits import SNAPSHOT_ENTRIES
from relto.model.message import FileRef, LawRef
from relto.node import (
    AddPeer,
    AdoptLaw,
    By,
    ChangeKeys,
    Command,
    Hold,
    PassOver,
    ResumeLink,
    Tick,
)
from relto.ports import Transaction, World
from relto.seal import digest as digest_of
from relto.units import CaseId, Digest, PartyCode

# How far back a list of cases looks for closed ones, and how many entries it reads at once.
_LISTED_ENTRIES: Final = 4_096
_PAGE_ENTRIES: Final = 256


class Result(Struct, frozen=True, kw_only=True):
    """What a command has done.

    Args:
        case: The case it was about; `None` when none.
        facts: The entries that were appended, in order; empty when everything was so already.
    """

    case: CaseId | None
    facts: tuple[Fact, ...]


class Story(Struct, frozen=True, kw_only=True):
    """A case, whole, read from the journal.

    Args:
        file: The case folded, with its texts.
        facts: Its entries over all logs of this node, in the order in which they were stored.
    """

    file: CaseFile
    facts: tuple[Fact, ...]


class Listed(Struct, frozen=True, kw_only=True):
    """A list of cases.

    Args:
        files: The oldest first.
        is_whole: There are no others.
    """

    files: tuple[CaseFile, ...]
    is_whole: bool


class Driver(Sweeping):
    """One node, running: open a store with it, then call it from one thread.

    Args:
        world: Everything from outside.
        laws: A law cache to share with other drivers of this process; `None` for one's own.
        fault: Called at every named place; raises to crash there. See `FAULT_POINTS`.
        snapshot_entries: After so many entries the node forgets what it can look up again.

    Raises:
        NotInitialisedError: The store holds no node; use `Driver.create`.
        WorldError: The store cannot be read.

    Source: docs/spec/exchange.md EX-34 to EX-40.
    """

    @classmethod
    def create(
        cls,
        world: World,
        *,
        party: PartyCode,
        is_exercise: bool = False,
        laws: LawBook | None = None,
        fault: Hook = no_fault,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> "Driver":
        """Make a node in an empty store, or open the one that is there.

        Args:
            world: Everything from outside.
            party: Whose node.
            is_exercise: It runs on an exercise clock, for ever.
            laws: As for the constructor.
            fault: As for the constructor.
            snapshot_entries: As for the constructor.

        Raises:
            OtherNodeError: The store belongs to another party, or to the other world.
        """
        identity = Identity(party=party, is_exercise=is_exercise)
        name, content = identity_value(identity)
        with world.store.transaction() as tx:
            if tx.value(name) is None:
                tx.put_value(name, content)
                tx.put_value(KEYS_VALUE, keys_value(world.signer))
            elif tx.value(name) != content:
                raise OtherNodeError("the store belongs to another node")
        return cls(world, laws=laws, fault=fault, snapshot_entries=snapshot_entries)

    # ------------------------------------------------------------ officers

    def command(self, given: Command) -> Result:
        """Carry out an officer's command, whole or not at all.

        Raises:
            LocalError: It breaks a rule; nothing has changed.
            WorldError: The world failed; nothing has changed.

        Source: docs/spec/exchange.md EX-28.
        """
        result = self.command_many((given,))[0]
        if isinstance(result, LocalError):
            raise result
        return result

    def command_many(self, given: Sequence[Command]) -> tuple[Result | LocalError, ...]:
        """Carry out several commands in one transaction.

        One that breaks a rule does not undo the others.
        """
        results: list[Result | LocalError] = []
        with self._turn() as turn:
            for one in given:
                before = len(turn.facts)
                try:
                    effects = self._node.handle(one, now=turn.now)
                except LocalError as error:
                    results.append(error)
                    continue
                self._carry_out(turn, effects)
                case = getattr(one, "case", None)
                results.append(Result(case=case, facts=tuple(turn.facts[before:])))
        return tuple(results)

    def new_case(self) -> CaseId:
        """Draw a fresh case id. Keep it before asking, and a repeated command changes nothing."""
        return CaseId(f"{self.party.lower()}-{self._world.entropy.draw(12).hex()}")

    def hold(self, given: Hold, content: bytes) -> Result:
        """Store an item's content and register it.

        Args:
            given: The command; `holding.digest` and `size_bytes` are set from the content.
            content: The item itself.

        Raises:
            LocalError: A word that the law does not know, or an id that is taken.
        """
        with self._turn() as turn:
            digest = self._cabinet.put(turn.tx, content)
            holding = replace(given.holding, digest=digest, size_bytes=len(content))
            self._feed(turn, Hold(holding=holding, by=given.by))
            return Result(case=None, facts=tuple(turn.facts))

    def adopt_law(
        self,
        files: Mapping[str, bytes],
        *,
        digest: Digest,
        by: By,
        known: Instant | None = None,
    ) -> Result:
        """Check law files, keep them, and adopt them.

        Args:
            files: Name to bytes.
            digest: Over the files, as `relto.adapters.lawfiles.digest_of` computes it.
            by: Who adopts them.
            known: Acts known until then count; `None` for all in the files.

        Raises:
            LawFileError: Something is wrong with a file; nothing has changed.
        """
        load_library(files, digest=digest)
        references: list[FileRef] = []
        with self._turn() as turn:
            for name in sorted(files):
                reference = FileRef(name=name, digest=digest_of(files[name]))
                if turn.tx.value(law_value(reference.digest)) is None:
                    turn.tx.put_value(law_value(reference.digest), files[name])
                references.append(reference)
            law = LawRef(digest=digest, known=known)
            self._feed(turn, AdoptLaw(law=law, files=tuple(references), by=by))
            return Result(case=None, facts=tuple(turn.facts))

    def pin(self, signed_card: bytes, *, fingerprint: Digest, by: By) -> Result:
        """Pin a partner's card whose fingerprint was compared outside the network.

        Raises:
            PeerError: The card does not verify, or is another one than was compared.
            LocalError: It must not be pinned here.
        """
        verified = verify_card(signed_card, is_exercise=self.is_exercise, fingerprint=fingerprint)
        card = verified.card
        return self.command(
            AddPeer(
                party=card.party,
                card=signed_card,
                fingerprint=verified.fingerprint,
                keys=card.keys,
                serial=card.serial,
                is_exercise=card.is_exercise,
                by=by,
            )
        )

    def announce(self, signed_card: bytes, *, by: By) -> Result:
        """Announce the node's new keys to every partner, under the keys that each knows (EX-41).

        Open the driver with the new keys as the world's `signer` and the old ones in `former`
        first; until this is called, everything is signed with the old ones.

        Args:
            signed_card: The new card, signed with the new and the old keys.
            by: Who changed the keys.

        Raises:
            PeerError: The card does not verify.
            OtherKeysError: It names other keys than the world's, or they have been announced.
        """
        verified = verify_card(signed_card, is_exercise=self.is_exercise)
        if verified.card.keys != self._world.signer.keys or not self._active:
            raise OtherKeysError("the card must name keys that are here and not announced yet")
        command = ChangeKeys(card=signed_card, fingerprint=verified.fingerprint, by=by)
        with self._turn() as turn:
            self._feed(turn, command)
            turn.tx.put_value(KEYS_VALUE, keys_value(self._world.signer))
            # The heads that carry the announcement are signed with the keys that partners know.
            self._active = 0
            self._logs.cosign_anew(now=turn.now)
            return Result(case=None, facts=tuple(turn.facts))

    def pass_over(self, partner: PartyCode, *, by: By) -> Result:
        """Go on without what a partner could give back, because it is gone for good.

        Args:
            partner: For whom a restored node still waits.
            by: The officer who says so, and why.

        Raises:
            LocalError: No partner, or the node does not wait for it; nothing has changed.

        Source: docs/spec/exchange.md EX-47.
        """
        with self._turn() as turn:
            effects = self._node.handle(PassOver(party=partner, by=by), now=turn.now)
            if not self._is_awaited(partner):
                raise NothingToPassOverError(f"this node waits for nothing from `{partner}`")
            if turn.tx.value(RESTORED_VALUE):
                # What the own log said after the backup is gone: nobody else holds it.
                self._fold(turn, self._logs.append(self.party, EPOCH, now=turn.now))
            self._carry_out(turn, effects)
            self._wait_no_more(turn, partner)
            return Result(case=None, facts=tuple(turn.facts))

    def resume(self, partner: PartyCode, *, by: By) -> Result:
        """Let a stopped link run again, after its cause has been removed outside the network.

        Nothing is forgiven: whoever still shows another history stops it again at once.

        Args:
            partner: Whose link.
            by: The officer who says so, and why.

        Raises:
            LocalError: No partner, no reason, or the link is not stopped; nothing has changed.

        Source: docs/spec/exchange.md EX-54.
        """
        with self._turn() as turn:
            code = (turn.tx.value(STOPPED_VALUE + partner) or b"").decode()
            effects = self._node.handle(ResumeLink(party=partner, code=code, by=by), now=turn.now)
            if not code:
                raise NotStoppedError(f"the link with `{partner}` is not stopped")
            turn.tx.put_value(STOPPED_VALUE + partner, b"")
            self._carry_out(turn, effects)
            return Result(case=None, facts=tuple(turn.facts))

    @property
    def is_announced(self) -> bool:
        """Whether partners have been told of the world's newest keys."""
        self._refresh()
        return self._active == 0

    def ahead_until(self, *targets: PartyCode) -> Instant | None:
        """Give the time of this party's newest entry if it lies ahead of the clock (JN-35).

        Args:
            targets: Partners, or the party itself for its own log.
        """
        self._refresh()
        now = self.now()
        times = (self._logs.out(target).at for target in targets)
        return max((at for at in times if at is not None and at > now), default=None)

    def unaware(self) -> tuple[PartyCode, ...]:
        """Give the partners that have not acknowledged the newest keys yet, sorted."""
        return tuple(sorted(self.behind()))

    def behind(self) -> Mapping[PartyCode, int]:
        """Count, by partner, the changes of keys that it has not acknowledged; without the others.

        Until a partner has, its node knows only the TLS certificate of so many changes ago.
        """
        counts = ((partner, self._behind(partner)) for partner in self.node.state.key_changes)
        return {partner: count for partner, count in counts if count}

    def story(self, case: CaseId) -> Story | None:
        """Read a case with all its texts from the journal; `None` when there is none."""
        self._refresh()
        with self._world.store.reading() as tx:
            return self._story(tx, case)

    def _story(self, tx: Transaction, case: CaseId) -> Story | None:
        facts = tuple(fact_of(placed.entry) for placed in tx.case(case))
        file = fold_case(facts, me=self.party)
        return None if file is None else Story(file=file, facts=facts)

    def cases(self, *, limit: int) -> Listed:
        """Give all open cases, and of the closed ones those that moved last, the oldest first.

        Args:
            limit: So many closed ones at most; who wants an older one asks for its story.
        """
        found = dict(self.node.state.open)
        end = len(found) + limit
        with self._world.store.reading() as tx:
            before = tx.position() + 1
            last = max(before - _LISTED_ENTRIES, 1)
            while before > last and len(found) < end:
                first = max(before - _PAGE_ENTRIES, last)
                page = tx.since(first - 1, limit=before - first)
                before = first
                for case in (placed.entry.header.case for placed in reversed(page)):
                    if case is None or case in found or len(found) == end:
                        continue
                    story = self._story(tx, case)
                    if story is not None:
                        found[case] = story.file
        files = tuple(sorted(found.values(), key=lambda one: (one.opened_at, one.case)))
        return Listed(files=files, is_whole=before == 1 and len(found) < end)

    def content(self, digest: Digest) -> bytes:
        """Read the content of a holding.

        Raises:
            BlobMissingError: It is not here.
        """
        with self._world.store.reading() as tx:
            return b"".join(self._cabinet.pieces(tx, digest))

    def is_here(self, digest: Digest) -> bool:
        """Tell whether the content of a holding is here, whole."""
        with self._world.store.reading() as tx:
            return self._cabinet.is_here(tx, digest)

    def law_files(self) -> dict[str, bytes]:
        """Give the files of the law adopted, name to bytes; empty before the first adoption."""
        self._refresh()
        with self._world.store.reading() as tx:
            return self._law_files(tx)

    # ------------------------------------------------------------ time

    def tick(self) -> None:
        """Let the node go on with whatever needs no officer.

        Call it after opening and now and then.
        """
        if self.reconciling():
            return
        with self._turn() as turn:
            self._feed(turn, Tick())
        self._check_arrived()
        self._sweep_when_due()

    def growth(self, partner: PartyCode) -> Growth:
        """By how much a partner has made the journal grow through this process."""
        return self._logs.growth(partner)

    @property
    def has_unsaved(self) -> bool:
        """Whether partners have acknowledged what waits for a transaction that writes."""
        return self._logs.has_unsaved

    def save(self) -> None:
        """Write acknowledgements that no other transaction has taken along (EX-37).

        Until then only this process can show them.
        """
        with self._turn() as turn:
            self._logs.flush(turn.tx, is_forced=True)

    def next_deadline(self) -> Instant | None:
        """Give the instant at which `tick` is due at the latest; `None` when nothing is."""
        # A restored node ticks for nothing before it has heard: it would only be woken again.
        return None if self.reconciling() else self.node.next_deadline()

    def close(self) -> None:
        """Keep a snapshot, so that the next start is quick.

        The store is closed by whoever opened it.
        """
        with self._turn() as turn:
            self._snapshot(turn.tx)
            self._logs.flush(turn.tx, is_forced=True)
