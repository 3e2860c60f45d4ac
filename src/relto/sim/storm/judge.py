"""The judge: was it lawful? Asked through the naive reference, on facts that only the world knows.

A release is judged on what was planted and asked, never on what the release says about itself: a
node that words a label or a topic wrongly would otherwise be judged by its own words.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from relto.decide import decide
from relto.law import STATES_IN_FORCE, Law
from relto.model import (
    Assurance,
    Case,
    Consent,
    Considered,
    Entry,
    Form,
    Label,
    Outcome,
    Rule,
    Verdict,
)
from relto.model.message import DelegationsAdopted, Held, Item, LawRef, Released
from relto.sim.storm.plan import KNOWN_BEFORE, LAPSE, Asked, Plan, Planted, levels_of
from relto.units import HoldingId, InstrumentId, LevelId, PartyCode, SchemeId, covers

LAPSING: Final = InstrumentId("jpn-kor-gsomia-2016")
TOP_LEVELS: Final = {
    "JPN": LevelId("tokutei-himitsu"),
    "KOR": LevelId("i-kup"),
    "USA": LevelId("top-secret"),
}


class UnlawfulError(AssertionError):
    """Something was released, or accepted, outside the law in force."""


class Said(Struct, frozen=True, kw_only=True):
    """One release, with what the watch has read from disks beside it.

    Args:
        holder: Who released.
        recipient: To whom, on this hop.
        entry: The entry.
        released: What it says.
        officers: Names of the holder's officers who approved the case.
        stock: What the holder has registered as received and may give on, each with the case it
            came in and the label that its originator gives it.
        consents: What originators have consented to, by their own logs.
        relabelled: The labels that the holder has last given its own items, where it changed them.
    """

    holder: PartyCode
    recipient: PartyCode
    entry: Entry
    released: Released
    officers: frozenset[str]
    stock: tuple[tuple[str, Held, Label], ...]
    consents: tuple[Consent, ...]
    relabelled: Mapping[HoldingId, Label]


class Judge:
    """Judges releases and receptions.

    Args:
        plan: What was planted and asked.
        laws: The law for each reference that anybody may adopt.
    """

    def __init__(self, plan: Plan, laws: Mapping[LawRef, Law]) -> None:
        """Begin with no law adopted."""
        self._laws = laws
        self._adopted: dict[PartyCode, LawRef] = {}
        self._standing: dict[PartyCode, DelegationsAdopted] = {}
        self._planted: dict[str, Planted] = {item.id: item for item in plan.planted}
        self._asked: dict[str, Asked] = {asked.case: asked for asked in plan.asked}
        self.liars: frozenset[PartyCode] = frozenset()
        self.releases = 0

    def adopt(self, party: PartyCode, law: LawRef) -> None:
        """A party's own log says which law it has adopted."""
        self._adopted[party] = law

    def stand(self, party: PartyCode, adopted: DelegationsAdopted) -> None:
        """A party's own log says what it has delegated, and what two officers decide."""
        self._standing[party] = adopted

    def release(self, said: Said) -> None:
        """Judge a release at the instant it was journaled."""
        self.releases += 1
        entry, released = said.entry, said.released
        asked = self._asked.get(entry.header.case or "")
        where = f"release {entry.header.number} from `{said.holder}` to `{said.recipient}`"
        if asked is None or asked.requester != (released.onward or said.recipient):
            raise UnlawfulError(f"{where}: nobody asked for it")
        if asked.holder != said.holder and asked.requester != said.recipient:
            raise UnlawfulError(f"{where}: asked of another holder")
        if released.purpose != asked.purpose:
            raise UnlawfulError(f"{where}: for another purpose than asked")
        ref = self._adopted.get(said.holder)
        if ref is None or released.law != ref:
            raise UnlawfulError(f"{where}: under a law that is not adopted")
        is_lapsed = ref.known == KNOWN_BEFORE and entry.header.at >= LAPSE
        if released.instrument == LAPSING and is_lapsed:
            raise UnlawfulError(f"{where}: after the lapse, at {entry.header.at}")
        for item in released.items:
            if item.originator not in self.liars:
                self._item(said, item, asked)

    def _item(self, said: Said, item: Item, asked: Asked) -> None:
        where = f"`{item.holding}` from `{said.holder}` to `{said.recipient}` in `{asked.case}`"
        truth = self._planted.get(item.holding)
        if truth is None or (item.originator, item.topics) != (truth.holder, truth.topics):
            raise UnlawfulError(f"{where}: its facts were changed")
        if not any(covers(asked.topic, topic) for topic in truth.topics) and (
            asked.item != item.holding
        ):
            raise UnlawfulError(f"{where}: was not asked for")
        is_hub = asked.holder != said.holder
        copies: list[tuple[Held, Label] | None] = [
            (held, label)
            for case, held, label in said.stock
            if held.reference == item.holding and (case == asked.case or not is_hub)
        ]
        if said.holder == truth.holder:
            copies = [None, *copies]
        errors = []
        for copy in copies:
            try:
                self._copy(said, item, asked, copy, truth=truth)
            except UnlawfulError as error:
                errors.append(error)
            else:
                return
        raise errors[0] if errors else UnlawfulError(f"{where}: is not held")

    def _copy(
        self,
        said: Said,
        item: Item,
        asked: Asked,
        copy: tuple[Held, Label] | None,
        *,
        truth: Planted,
    ) -> None:
        """Judge one copy: its own, or one that it received under some instrument."""
        where = f"`{item.holding}` from `{said.holder}` to `{said.recipient}` in `{asked.case}`"
        is_hub = asked.holder != said.holder
        held, label = (None, said.relabelled.get(item.holding)) if copy is None else copy
        label = label or label_of(truth)
        if item.label != label:
            raise UnlawfulError(f"{where}: its label was changed")
        is_relabelled = held is not None and held.holding.label != label
        marked = None if held is None else item.marked if is_relabelled else held.marked
        if item.marked != marked:
            raise UnlawfulError(f"{where}: is marked otherwise than registered")
        is_assured = is_hub or said.released.onward is None
        case = Case(
            holder=said.holder,
            recipient=said.recipient,
            onward=said.released.onward,
            originator=truth.holder,
            label=label,
            marked=marked,
            topics=truth.topics,
            form=Form.DOCUMENT,
            provenance=None if held is None else held.holding.provenance,
            purpose=asked.purpose,
            received_for=None if held is None else held.holding.received_for,
            requested=True,
            assurance=assurance_of(asked) if is_assured else None,
            consents=said.consents,
            holding=item.holding,
        )
        considered = decide(self._law(said.holder), case, at=said.entry.header.at).considered
        found = _named(considered, said.released.instrument)
        self._allowed(found, where=where, is_approved=bool(said.officers))
        self._officers(said, truth, label=label, where=where)

    def _allowed(self, found: Considered | None, *, where: str, is_approved: bool) -> None:
        if found is None:
            raise UnlawfulError(f"{where}: the instrument does not link the two")
        failed = [one for one in found.findings if one.verdict is Verdict.FAIL]
        if found.outcome is Outcome.DENY or failed:
            rule = failed[0].rule if failed else "none"
            raise UnlawfulError(f"{where}: `{found.instrument}` denies, rule `{rule}`")
        asks = {one.rule for one in found.findings if one.verdict is Verdict.ASK}
        if asks - {Rule.INITIATIVE}:
            raise UnlawfulError(f"{where}: `{sorted(asks)[0]}` was never answered")
        if asks and not is_approved:
            raise UnlawfulError(f"{where}: no officer has decided this case")

    def _officers(self, said: Said, truth: Planted, *, label: Label, where: str) -> None:
        holder, officers = said.holder, said.officers
        adopted = self._standing[holder].delegations
        if not officers:
            if said.released.delegation not in {one.id for one in adopted.delegations}:
                raise UnlawfulError(f"{where}: neither an officer nor a delegation")
            if truth.holder != holder:
                raise UnlawfulError(f"{where}: the delegation covers own items only")
        is_from = adopted.two_persons_from is not None
        is_for_two = is_from and truth.holder == holder and label.level != levels_of(holder)[0]
        if is_for_two and len(officers) < 2:
            raise UnlawfulError(f"{where}: two officers were needed")

    def receive(
        self, party: PartyCode, source: PartyCode, entry: Entry, released: Released, held: Held
    ) -> None:
        """Judge what a party accepted, in its own reading; the sender's words are all it has."""
        law, at = self._law(party), entry.header.at
        where = f"`{held.reference}` at `{party}` from `{source}`"
        if law.state(released.instrument, at=at, reading=party).state not in STATES_IN_FORCE:
            raise UnlawfulError(f"{where}: `{released.instrument}` not in force in its reading")
        if held.holding.provenance != released.instrument:
            raise UnlawfulError(f"{where}: registered under another instrument")
        if held.holding.received_for != released.purpose:
            raise UnlawfulError(f"{where}: registered for another purpose")
        claims = [item for item in released.items if item.holding == held.reference]
        if not claims or held.holding.label != claims[0].label:
            raise UnlawfulError(f"{where}: registered under another label")

    def _law(self, party: PartyCode) -> Law:
        ref = self._adopted.get(party)
        if ref is None:
            raise UnlawfulError(f"`{party}` has adopted no law")
        return self._laws[ref]


def label_of(item: Planted) -> Label:
    """The label an item was planted with."""
    return Label(scheme=SchemeId(item.holder.lower()), level=item.level)


def assurance_of(asked: Asked) -> Assurance | None:
    """The assurance a request carries."""
    if not asked.is_assured:
        return None
    return Assurance(
        cleared_to=TOP_LEVELS[asked.requester],
        needs_access=True,
        will_protect=True,
        by="disclosure-officer",
    )


def _named(considered: Iterable[Considered], instrument: InstrumentId) -> Considered | None:
    return next((one for one in considered if one.instrument == instrument), None)
