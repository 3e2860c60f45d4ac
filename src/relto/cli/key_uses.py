"""`relto key uses`: what a card's keys have touched, for when they may be in other hands.

Reads the journal beside a running node, page by page, and prints as it reads.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Final

import typer
from msgspec import Struct
from whenever import Instant

from relto.adapters.store import open_store, place_of
from relto.cli.desk import DirOption
from relto.cli.output import InputError, JsonFlag, emit_each, instant_of, party_code, safe
from relto.codec import CARD, SIGNED_CARD
from relto.console import Home, HomeError
from relto.driver.facts import fact_of
from relto.model import NodeCard
from relto.model.message import kind_of
from relto.model.partner import PeerAdded
from relto.node import How, KeyUses
from relto.ports import Transaction
from relto.units import PartyCode

_PAGE: Final = 1_024


class Use(Struct, frozen=True, kw_only=True):
    """One thing that a card's keys have touched.

    Args:
        how: In which way.
        source: The log's author.
        target: Its reader.
        number: The entry's number; of a head, how many entries it covers.
        position: The entry's place in the journal; `None` for a head.
        at: The author's clock; of a head, at its final entry.
        kind: The entry's; empty for a head.
        case: The entry's; `None` when it has none.
    """

    how: How
    source: PartyCode
    target: PartyCode
    number: int
    position: int | None = None
    at: Instant | None = None
    kind: str = ""
    case: str | None = None

    def is_between(self, begin: Instant | None, end: Instant | None, *, after: int) -> bool:
        """Whether it lies after a position and in a time, half-open; a head always counts."""
        if self.position is None or self.at is None:
            return True
        if self.position <= after or (begin is not None and self.at < begin):
            return False
        return end is None or self.at < end


def uses(
    directory: DirOption,
    *,
    party: Annotated[
        str, typer.Option(metavar="PARTY", help="Whose card; without it, the node's own.")
    ] = "",
    serial: Annotated[
        int, typer.Option(min=0, help="Which card; without it, the newest that is known.")
    ] = 0,
    since: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Only from then on, by the author's clock."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Only before then, by the author's clock.")
    ] = None,
    after: Annotated[
        int,
        typer.Option(
            min=0, metavar="POSITION", help="Only after that position of `relto journal list`."
        ),
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """List what a card's keys have touched: entries, heads, acknowledgements, packages, consents.

    For a card whose keys may be in other hands: what stands in logs that they sign, what is sealed
    to them, and which releases rest on a consent that they prove. While keys changed, both count.

    Example: relto key uses --party KOR --serial 1 --since 2019-11-01T00:00+09:00 --dir jpn
    """
    begin = None if since is None else instant_of(since, name="--since")
    end = None if until is None else instant_of(until, name="--until")
    home = Home(directory)
    me = PartyCode(home.config().party)
    whose = party_code(party) if party else me
    if not home.has_store():
        raise HomeError(f"`{directory}` has no journal", hint="restore a backup of the node")
    with closing(open_store(place_of(directory), is_readonly=True)) as store, store.reading() as tx:
        # The newest that partners know comes first; another one may be waiting to be announced.
        cards = _own_cards(home)
        own = {card.serial: card for card in cards}
        newest = cards[0].serial if whose == me else _newest(tx, whose)
        chosen = serial or newest
        if chosen > newest or newest == 0:
            raise InputError(
                f"no card {chosen or ''} of `{whose}` is known here".replace("  ", " "),
                hint="`relto link status` names the partners; cards count from 1",
            )
        keys = own[chosen].keys if whose == me and chosen in own else None
        seeker = KeyUses(
            me=me,
            party=whose,
            serial=chosen,
            keys=keys,
            acknowledged={
                one.log.target: one.acknowledged for one in tx.logs() if one.log.source == me
            },
        )
        found = (one for one in _found(tx, seeker) if one.is_between(begin, end, after=after))
        emit_each(found, as_json=as_json, heading=_HEADING, line=_line)


def _found(tx: Transaction, seeker: KeyUses) -> Iterator[Use]:
    position = 0
    while page := tx.since(position, limit=_PAGE):
        for placed in page:
            fact = fact_of(placed.entry)
            for how in seeker.see(fact):
                yield Use(
                    how=how,
                    source=fact.source,
                    target=fact.target,
                    number=fact.number,
                    position=placed.position,
                    at=fact.at,
                    kind=fact.kind,
                    case=fact.case,
                )
        position = page[-1].position
    for state in tx.logs():
        for how in seeker.heads(state):
            size = state.size if how is How.HEAD else state.acknowledged
            at = state.at if size == state.size else None
            log = state.log
            yield Use(how=how, source=log.source, target=log.target, number=size, at=at)


def _own_cards(home: Home) -> list[NodeCard]:
    try:
        files = [home.card_file, *home.keys.glob("*.card")]
        return [CARD.decode(SIGNED_CARD.decode(path.read_bytes()).card) for path in files]
    except OSError as error:
        raise HomeError(f"`{home.directory}` has no card", hint="restore a backup") from error


def _newest(tx: Transaction, party: PartyCode) -> int:
    """The newest serial of a partner that the journal knows; 0 for a stranger."""
    position, found = 0, 0
    while page := tx.since(position, limit=_PAGE):
        for placed in page:
            if placed.entry.header.kind == kind_of(PeerAdded):
                added = fact_of(placed.entry).message
                if isinstance(added, PeerAdded) and added.party == party:
                    found = max(found, added.serial)
        position = page[-1].position
    return found


_HEADING: Final = (
    f"{'position':>9}  {'log':<11} {'number':>7}  {'at':<30}  {'kind':<18} {'case':<18} touched by"
)


def _line(one: Use) -> str:
    place = "" if one.position is None else str(one.position)
    at = "" if one.at is None else one.at.format_iso()
    log = f"{one.source} > {one.target}"
    kind, case = safe(one.kind), safe(one.case or "")
    return f"{place:>9}  {log:<11} {one.number:>7}  {at:<30}  {kind:<18} {case:<18} {one.how}"
