"""The office: carries out orders at an open node, and tells what the node knows.

Synchronous, on the driver, one order at a time: the running node puts it in the writer's turn, a
command at a stopped node calls it directly.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Final, Protocol, assert_never

from msgspec.structs import replace

from relto.adapters.blobs import FileBlobs
from relto.adapters.https_link import endpoint_of
from relto.adapters.keys import is_of_party, valid_until
from relto.adapters.lawfiles import digest_of, library_of, locate
from relto.codec import CARD, SIGNED_CARD
from relto.console.home import Config, Home, write_private
from relto.console.orders import (
    AdoptAuthorities,
    AdoptFiles,
    AnyAnswer,
    AnyOrder,
    ApproveCase,
    AskConsentOf,
    AskFor,
    CardAnswer,
    CaseLine,
    Cases,
    CustodyOf,
    Done,
    Facts,
    HoldingAnswer,
    Holdings,
    HoldItem,
    LinkLine,
    Links,
    LookCard,
    LookCase,
    LookCases,
    LookFacts,
    LookHoldings,
    LookInbox,
    LookLinks,
    LookStatus,
    MoveClock,
    PassOverPartner,
    PinCard,
    ReconcileLink,
    RefuseCase,
    ResumePartner,
    RevokePartner,
    RotateKeys,
    Status,
    Story,
)
from relto.console.stories import case_line, tell
from relto.decide import load_delegations
from relto.driver import Driver
from relto.errors import LocalError, PeerError
from relto.journal import VerifiedCard, read_fingerprint, verify_card
from relto.law import Library
from relto.limits import IDENTIFIER_CHARS_MAX, LISTED_MAX
from relto.model import Assurance, Holding, Label, NodeCard
from relto.model.message import Step
from relto.node import (
    AdoptDelegations,
    Approve,
    Ask,
    AskConsent,
    Destroy,
    Hold,
    NoLawError,
    NoPartnerError,
    OutdatedError,
    Recall,
    Reclassify,
    Refuse,
    ReportLoss,
    RevokeCard,
    SetClock,
    UnknownItemError,
    UnknownWordError,
)
from relto.units import DIGEST_PATTERN, CaseId, Digest, HoldingId, PartyCode

_REVOKED: Final = "its newest card is revoked; `relto peer add` pins the next one"
_AHEAD: Final = "our entries are dated until {}, ahead of the clock; see `relto clock check`"


class UnknownCaseError(LocalError):
    """No case of that id at this node."""

    code = "local.unknown_case"
    hint_default = "`relto cases` lists them"


class HolderError(LocalError):
    """Standing authorities of another party."""

    code = "local.holder"
    hint_default = "each party adopts its own"


class CardCertificateError(PeerError):
    """A card carries a certificate that names another party, or nobody (LK-21)."""

    code = "peer.card_certificate"
    hint_default = "nobody was pinned; ask the partner for the card that its node made"


class NotYetError(LocalError):
    """An order that needs a running node, or that this version cannot carry out."""

    code = "local.not_yet"


class Service(Protocol):
    """What a running node adds to an open one."""

    @property
    def listens_at(self) -> str:
        """Address and port; empty when it does not listen."""
        ...

    def link(self, partner: PartyCode) -> LinkLine:
        """Tell how a link is doing: state, error, failures and when the partner was heard."""
        ...

    def reconcile(self, partner: PartyCode) -> None:
        """Call a partner now."""
        ...


def _check_usable(card: NodeCard) -> None:
    """Refuse a card that links could not use: nothing that is pinned should come to nothing."""
    for endpoint in card.endpoints:
        endpoint_of(endpoint)
    if not is_of_party(card.certificate, card.party):
        raise CardCertificateError(f"the certificate on the card is not one of `{card.party}`")


def card_answer(verified: VerifiedCard) -> CardAnswer:
    """Give a card as an answer."""
    card = verified.card
    return CardAnswer(
        card=verified.signed,
        party=card.party,
        fingerprint=verified.fingerprint,
        serial=card.serial,
        endpoints=card.endpoints,
        is_exercise=card.is_exercise,
    )


def partner_card(content: bytes) -> NodeCard:
    """Read a pinned partner's card; it was verified when it was pinned."""
    return CARD.decode(SIGNED_CARD.decode(content).card)


class Office:
    """Carries out orders.

    Args:
        driver: The node.
        home: Its directory.
        config: What `node.toml` says.
        card: Its own card.
    """

    def __init__(self, driver: Driver, *, home: Home, config: Config, card: VerifiedCard) -> None:
        """Keep the parts."""
        self._driver = driver
        self._home = home
        self._config = config
        self._card = card
        self._blobs = FileBlobs(home.blobs)
        self._words: tuple[Digest, Library] | None = None
        self.service: Service | None = None

    def answer(self, order: AnyOrder) -> AnyAnswer:
        """Carry out an order.

        Raises:
            LocalError: It breaks a rule; nothing has changed.
            PeerError: A card or a package of a partner breaks one.
            WorldError: The disk failed; nothing has changed.
        """
        match order:
            case LookStatus():
                return self._status()
            case HoldItem():
                return self._hold(order)
            case LookHoldings():
                return self._holdings()
            case AskFor():
                return self._ask(order)
            case LookInbox() | LookCases():
                return self._cases(is_inbox=isinstance(order, LookInbox))
            case ApproveCase() | RefuseCase() | AskConsentOf():
                return self._step(order)
            case CustodyOf():
                return self._custody(order)
            case LookCase():
                return self._story(order)
            case LookFacts():
                found = self._driver.story(order.case)
                return Facts(facts=() if found is None else found.facts)
            case LookCard():
                return card_answer(self._card)
            case PinCard():
                return self._pin(order)
            case LookLinks():
                return self._links()
            case ReconcileLink():
                return self._reconcile(order)
            case PassOverPartner(partner=partner):
                self._driver.pass_over(partner, by=order.by)
                return Links(links=(self._link(partner),))
            case ResumePartner(partner=partner):
                self._driver.resume(partner, by=order.by)
                if self.service is not None:
                    self.service.reconcile(partner)
                return Links(links=(self._link(partner),))
            case RevokePartner(partner=partner, serial=serial):
                given = RevokeCard(party=partner, serial=serial, by=order.by)
                is_new = bool(self._driver.command(given).facts)
                said = "is believed from here on" if is_new else "was believed any more already"
                return Done(text=f"nothing that card {serial} of {partner} signs {said}")
            case RotateKeys():
                # The node is opened anew with the new keys; whoever opened it sees to that.
                raise NotYetError("keys are changed by whoever opened the node")
            case MoveClock():
                return self._move_clock(order)
            case AdoptFiles():
                return self._adopt(order)
            case AdoptAuthorities():
                return self._authorities(order)
            case _:
                assert_never(order)

    # ---------------------------------------------------------------- looking

    def _status(self) -> Status:
        state = self._driver.node.state
        return Status(
            party=self._driver.party,
            is_exercise=self._driver.is_exercise,
            is_running=self.service is not None,
            now=self._driver.now(),
            listens_at=self._config.listen if self.service is None else self.service.listens_at,
            law=None if state.law is None else state.law.digest,
            peers=self._driver.partners(),
            open_cases=len(state.open),
            waiting=len(self._driver.node.queue()) + len(tuple(self._owed())),
            holdings=state.stock_count,
            certificate_until=valid_until(self._card.card.certificate),
            ahead_until=self._driver.ahead_until(self._driver.party, *self._driver.partners()),
        )

    def _cases(self, *, is_inbox: bool) -> Cases:
        waiting = {one.file.case: one for one in self._driver.node.queue()}
        if is_inbox:
            lines = (case_line(one.file, one) for one in waiting.values())
            return Cases(cases=(*lines, *self._owed()))
        listed = self._driver.cases(limit=LISTED_MAX)
        return Cases(
            cases=tuple(case_line(file, waiting.get(file.case)) for file in listed.files),
            is_whole=listed.is_whole,
        )

    def _owed(self) -> Iterator[CaseLine]:
        """What partners want back or have lost: nobody sees to what nobody has been told of."""
        node = self._driver.node
        owed = [
            (line.case, f"{line.partner} recalls `{line.holding}`: destroy it")
            for line in node.to_destroy()
        ]
        owed += [
            (line.case, f"{line.partner} has lost `{line.holding}`: report it to whom it came from")
            for line in node.state.untold()
        ]
        for case, why in owed:
            file = node.state.case(case)
            if file is not None:
                yield replace(case_line(file, None), waits_for=why)

    def _holdings(self) -> Holdings:
        state = self._driver.node.state
        newest = (one.holding for one in islice(state.items(), LISTED_MAX))
        return Holdings(
            holdings=tuple(sorted(newest, key=lambda one: one.id)),
            is_whole=state.stock_count <= LISTED_MAX,
        )

    def _story(self, order: LookCase) -> Story:
        story = self._driver.story(order.case)
        if story is None:
            raise UnknownCaseError(f"no case `{order.case}` here")
        waiting = {one.file.case: one for one in self._driver.node.queue()}
        items = map(self._driver.node.state.item, story.file.held)
        stock = {one.reference: one for one in items if one is not None}
        return tell(story, waiting=waiting.get(order.case), stock=stock, lay_out=self._lay_out)

    def _lay_out(self, holding: Holding) -> Path | None:
        """Lay a content out as a file for its reader; `None` when it is not here any more."""
        path = self._home.received / holding.digest
        if not self._driver.is_here(holding.digest):
            path.unlink(missing_ok=True)
            return None
        if self._blobs.is_complete(holding.digest):
            path.unlink(missing_ok=True)
            return self._blobs.path(holding.digest)
        if not path.is_file():
            self._home.received.mkdir(mode=0o700, exist_ok=True)
            write_private(path, self._driver.content(holding.digest))
        return path

    def sweep(self) -> None:
        """Remove contents that were laid out and have been destroyed since; also after a crash."""
        if not self._home.received.is_dir():
            return
        for path in tuple(self._home.received.iterdir()):
            if not DIGEST_PATTERN.fullmatch(path.name) or not self._driver.is_here(
                Digest(path.name)
            ):
                path.unlink(missing_ok=True)

    def _links(self) -> Links:
        return Links(links=tuple(self._link(partner) for partner in self._driver.partners()))

    def _link(self, partner: PartyCode) -> LinkLine:
        counts = self._driver.link(partner)
        ahead = self._driver.ahead_until(partner)
        line = LinkLine(partner=partner, calls="nobody", state="the node is not running")
        if self.service is not None:
            line = self.service.link(partner)
        trouble, peer = line.error, self._driver.node.state.peers[partner]
        if ahead is not None:
            trouble = _AHEAD.format(ahead.format_iso(unit="second"))
        elif peer.ring.spans[0].revoked_at is not None:
            trouble = _REVOKED
        return LinkLine(
            partner=partner,
            calls=line.calls,
            state=line.state,
            error=trouble,
            failures=line.failures,
            heard_at=line.heard_at,
            slowed=line.slowed,
            ours=counts.ours,
            acknowledged=counts.acknowledged,
            theirs=counts.theirs,
            packages=len(self._driver.wanted(partner)) + len(self._driver.owed(partner)),
            fork=counts.stopped,
            is_awaited=partner in self._driver.reconciling(),
            certificate_until=valid_until(partner_card(peer.card).certificate),
        )

    def _reconcile(self, order: ReconcileLink) -> Links:
        self._check_partner(order.partner)
        if self.service is None:
            raise NotYetError("only a running node can call a partner", hint="start `relto serve`")
        self.service.reconcile(order.partner)
        return Links(links=(self._link(order.partner),))

    # ---------------------------------------------------------------- stepping

    def _hold(self, order: HoldItem) -> HoldingAnswer:
        if not self._blobs.touch(order.digest):
            raise UnknownItemError("the content is not among the node's blobs")
        originator = order.originator or self._driver.party
        self._check_label(order.label)
        self._check_parties((originator, *(order.label.releasable_to or ())))
        holding = Holding(
            id=HoldingId(f"{self._driver.party.lower()}-{order.digest[:16]}"),
            title=order.title,
            originator=originator,
            label=order.label,
            topics=tuple(sorted(set(order.topics))),
            form=order.form,
            digest=order.digest,
            size_bytes=order.size_bytes,
            held_at=self._driver.now(),
        )
        self._driver.command(Hold(holding=holding, by=order.by))
        stock = self._driver.node.state.item(holding.id)
        assert stock is not None
        return HoldingAnswer(holding=stock.holding)

    def _ask(self, order: AskFor) -> Story:
        assurance = None
        if order.cleared_to is not None:
            self._check_own_level(order.cleared_to)
            assurance = Assurance(
                cleared_to=order.cleared_to,
                needs_access=True,
                will_protect=True,
                by=order.by.role,
            )
        self._check_parties((order.holder,))
        if order.holding is not None and len(order.holding) > IDENTIFIER_CHARS_MAX:
            raise UnknownItemError("no item has so long an id")
        case = order.case or self._driver.new_case()
        self._driver.command(
            Ask(
                case=case,
                holder=order.holder,
                topics=tuple(sorted(set(order.topics))),
                holding=order.holding,
                purpose=order.purpose,
                about=order.about,
                precedence=order.precedence,
                assurance=assurance,
                is_forced=order.is_direct,
                by=order.by,
            )
        )
        return self._story(LookCase(case=case))

    def _step(self, order: ApproveCase | RefuseCase | AskConsentOf) -> Story:
        match order:
            case ApproveCase():
                self._approve(Approve(case=order.case, by=order.by))
            case RefuseCase():
                self._driver.command(Refuse(case=order.case, by=order.by))
            case AskConsentOf():
                self._driver.command(AskConsent(case=order.case, by=order.by))
        return self._story(LookCase(case=order.case))

    def _custody(self, order: CustodyOf) -> Story:
        case, by, holding = order.case, order.by, order.holding or self._only_item(order.case)
        match order.step:
            case Step.RECALL:
                self._driver.command(Recall(case=case, holding=holding, by=by))
            case Step.RECLASSIFY if order.label is not None:
                self._check_label(order.label)
                self._driver.command(
                    Reclassify(case=case, holding=holding, label=order.label, by=by)
                )
            case Step.DESTROY:
                self._driver.command(Destroy(case=case, holding=holding, method=order.text, by=by))
                self.sweep()
            case Step.REPORT_LOSS:
                self._driver.command(
                    ReportLoss(
                        case=case,
                        holding=holding,
                        is_possible_only=order.is_possible_only,
                        text=order.text,
                        by=by,
                    )
                )
            case _:
                raise UnknownItemError(f"`{order.step}` is nothing that is done to an item")
        return self._story(LookCase(case=case))

    def _only_item(self, case: CaseId) -> HoldingId:
        story = self._driver.story(case)
        if story is None:
            raise UnknownCaseError(f"no case `{case}` here")
        release = story.file.arrived or story.file.released
        items = () if release is None else release.message.items
        if len(items) != 1:
            raise UnknownItemError(
                f"case `{case}` has {len(items)} items",
                hint="name one: `relto show CASE` lists them",
            )
        return items[0].holding

    def _approve(self, given: Approve) -> None:
        try:
            self._driver.command(given)
        except OutdatedError:
            # So that the next look shows what waits now.
            self._driver.tick()
            raise

    def _pin(self, order: PinCard) -> Done:
        fingerprint = read_fingerprint(order.fingerprint)
        _check_usable(verify_card(order.card, is_exercise=self._driver.is_exercise).card)
        before = self._driver.partners()
        result = self._driver.pin(order.card, fingerprint=fingerprint, by=order.by)
        fresh = [party for party in self._driver.partners() if party not in before]
        if not result.facts:
            return Done(text="the card was pinned already")
        return Done(text=f"pinned {fresh[0]}" if fresh else "pinned a newer card")

    def _move_clock(self, order: MoveClock) -> Done:
        driver = self._driver
        ahead = order.at.difference(driver.now()).total("seconds")
        offset = driver.node.state.clock_offset_seconds + ceil(ahead)
        driver.command(SetClock(offset_seconds=offset, by=order.by))
        driver.tick()
        return Done(text=f"the exercise clock stands at {driver.now().format_iso()}")

    def _adopt(self, order: AdoptFiles) -> Done:
        files: Mapping[str, bytes] = order.files
        if not order.is_whole:
            files = {**self._driver.law_files(), **order.files}
        library_of(files)
        digest = digest_of(files)
        result = self._driver.adopt_law(files, digest=digest, by=order.by, known=order.known)
        self._driver.tick()
        if not result.facts:
            return Done(text="this law is in force already")
        return Done(text=f"adopted {len(files)} law files, digest {digest}")

    def _authorities(self, order: AdoptAuthorities) -> Done:
        read = load_delegations(
            order.content, library=self._library(), file=order.file, locate=locate
        )
        if read.holder != self._driver.party:
            raise HolderError(f"these are authorities of `{read.holder}`, not of this party")
        self._driver.command(
            AdoptDelegations(delegations=read, margin_seconds=order.margin_seconds, by=order.by)
        )
        self._driver.tick()
        return Done(text=f"adopted {len(read.delegations)} standing authorities")

    # ---------------------------------------------------------------- words

    def _library(self) -> Library:
        """The law adopted, for its words; read once for each law."""
        law = self._driver.node.state.law
        if law is None:
            raise NoLawError("no law has been adopted")
        if self._words is None or self._words[0] != law.digest:
            self._words = (law.digest, library_of(self._driver.law_files()))
        return self._words[1]

    def _check_partner(self, partner: PartyCode) -> None:
        if partner not in self._driver.partners():
            raise NoPartnerError(f"`{partner}` is no pinned partner")

    def _check_parties(self, codes: tuple[PartyCode, ...]) -> None:
        known = self._library().parties
        for code in codes:
            if code not in known:
                raise UnknownWordError(
                    f"unknown party `{code}`", hint=f"known: {', '.join(sorted(known))}"
                )

    def _check_label(self, label: Label) -> None:
        schemes = self._library().schemes
        scheme = schemes.get(label.scheme)
        if scheme is None:
            raise UnknownWordError(
                f"unknown scheme `{label.scheme}`", hint=f"known: {', '.join(sorted(schemes))}"
            )
        if scheme.level(label.level) is None:
            known = ", ".join(level.id for level in scheme.levels)
            raise UnknownWordError(
                f"unknown level `{label.level}` of `{label.scheme}`", hint=f"known: {known}"
            )

    def _check_own_level(self, level: str) -> None:
        library = self._library()
        own = library.parties[self._driver.party].scheme
        known = [] if own is None else [one.id for one in library.schemes[own].levels]
        if level not in known:
            raise UnknownWordError(
                f"unknown level `{level}` in the own scheme", hint=f"known: {', '.join(known)}"
            )
