"""Which keys a party may sign with, and when: what turns a signature into somebody's word."""

from msgspec import Struct
from whenever import Instant

from relto.errors import PeerError
from relto.model import PartyKeys
from relto.units import PartyCode


class UnknownKeyError(PeerError):
    """No key that the party may use at that instant has signed."""

    code = "peer.unknown_key"
    hint_default = (
        "compare the fingerprints of the node cards; a key may have been changed or revoked"
    )


class KeySpan(Struct, frozen=True, kw_only=True):
    """One card's keys and the time in which they may sign.

    Args:
        keys: The public keys.
        serial: The card's serial.
        begins_at: From when; half-open.
        ends_at: Until when, after the overlap; `None` while it is the current card.
        revoked_at: From when nothing new is believed (FL-21); `None` when not revoked.
    """

    keys: PartyKeys
    serial: int
    begins_at: Instant
    ends_at: Instant | None = None
    revoked_at: Instant | None = None

    def is_usable(self, at: Instant) -> bool:
        """Tell whether something said at `at` may be signed with these keys."""
        if at < self.begins_at or (self.ends_at is not None and at >= self.ends_at):
            return False
        return self.revoked_at is None or at < self.revoked_at


class KeyRing(Struct, frozen=True, kw_only=True):
    """All keys one party has had, newest first.

    Args:
        party: Whose.
        spans: One for each card, newest first; never empty.
    """

    party: PartyCode
    spans: tuple[KeySpan, ...]

    def usable(self, at: Instant, *, is_live: bool) -> tuple[PartyKeys, ...]:
        """Give the keys that may have signed something said at `at`, newest first.

        Args:
            at: When it was said, by the signed bytes themselves.
            is_live: True for what arrives now: then a revoked key counts for nothing, whatever date
                it writes. False for what is already journaled, which stays verifiable (FL-20,
                FL-21).
        """
        return tuple(
            span.keys
            for place, span in enumerate(self.spans)
            if (span.is_usable(at) or self._stands_in(place, at))
            and not (is_live and span.revoked_at is not None)
        )

    def _stands_in(self, place: int, at: Instant) -> bool:
        """Tell whether the cards that count at `at` were revoked, and this one came after them.

        What a party had said and its partner had not heard is signed with the next card then, and
        keeps its time.
        """
        begins_at = self.spans[place].begins_at
        for older in self.spans[place + 1 :]:
            if older.revoked_at is None:
                return False
            if older.begins_at <= at < begins_at:
                return True
        return False

    def every(self, *, is_live: bool) -> tuple[PartyKeys, ...]:
        """Give all keys the party ever had, newest first: to judge evidence whatever its age.

        Args:
            is_live: True for what arrives now: then a revoked key counts for nothing.
        """
        return tuple(
            span.keys for span in self.spans if not (is_live and span.revoked_at is not None)
        )


def first_ring(
    party: PartyCode, keys: PartyKeys, *, begins_at: Instant, serial: int = 1
) -> KeyRing:
    """Begin a ring with the card that was compared out of band."""
    return KeyRing(party=party, spans=(KeySpan(keys=keys, serial=serial, begins_at=begins_at),))


def rotate(ring: KeyRing, keys: PartyKeys, *, serial: int, at: Instant, until: Instant) -> KeyRing:
    """Add a successor; the predecessor stays usable through the overlap.

    Args:
        ring: The ring so far.
        keys: The successor's keys, announced by both old and new.
        serial: The new card's serial; must be greater than the current one.
        at: When the change was journaled.
        until: End of the overlap, half-open.

    Source: docs/spec/journal.md JN-28; FL-20.
    """
    assert serial > ring.spans[0].serial
    assert at < until
    current, *older = ring.spans
    ended = KeySpan(
        keys=current.keys,
        serial=current.serial,
        begins_at=current.begins_at,
        ends_at=until,
        revoked_at=current.revoked_at,
    )
    return KeyRing(
        party=ring.party,
        spans=(KeySpan(keys=keys, serial=serial, begins_at=at), ended, *older),
    )


def revoke(ring: KeyRing, *, serial: int, at: Instant) -> KeyRing:
    """Believe nothing more that a card's keys sign, from an instant on.

    Args:
        ring: The ring so far.
        serial: The card whose keys are no longer its owner's alone.
        at: From when; what was journaled before stays.

    Source: docs/spec/journal.md JN-29; FL-21.
    """
    return KeyRing(
        party=ring.party,
        spans=tuple(
            KeySpan(
                keys=span.keys,
                serial=span.serial,
                begins_at=span.begins_at,
                ends_at=span.ends_at,
                revoked_at=at if span.serial == serial else span.revoked_at,
            )
            for span in ring.spans
        ),
    )
