"""One example of every message, and a strategy for any of them."""

from hypothesis import strategies as st
from whenever import Instant

from relto.model import (
    Assurance,
    Consent,
    Considered,
    Evidence,
    Finding,
    Form,
    Ground,
    Holding,
    Label,
    Obligation,
    ObligationKind,
    Outcome,
    PartyKeys,
    Precedence,
    Request,
    Rule,
    Verdict,
    Weight,
)
from relto.model import message as m
from relto.model.delegation import Delegation, Delegations
from relto.model.partner import KeyRevoked, LinkResumed, PassedOver, PeerAdded

PARTIES = ("KOR", "USA", "GBR")
AT = Instant.from_utc(2019, 10, 2, 1, 2, 3, nanosecond=4)
DIGEST = "ab" * 32
LABEL = Label(scheme="jpn", level="hi", categories=("only",), releasable_to=("KOR", "USA"))
GROUND = Ground(article="21(3)", evidence=Evidence.TEXT, source="the text, p. 10")
FINDING = Finding(rule=Rule.IN_FORCE, verdict=Verdict.FAIL, ground=GROUND, fact="ended 종료")
CONSIDERED = Considered(instrument="a-b-2016", outcome=Outcome.DENY, findings=(FINDING,))
OBLIGATION = Obligation(
    kind=ObligationKind.PROTECT, weight=Weight.REQUIRED, ground=GROUND, text="protect it"
)
LAW = m.LawRef(digest=DIGEST, known=AT)
APPROVAL = m.Approval(party="JPN", role="disclosure-officer", at=AT)
PACKAGE = m.PackageRef(
    digest=DIGEST,
    size_bytes=10,
    sealed_key=b"\x00\xff",
    source="KOR",
    recipient="JPN",
    instrument="a-b-2016",
)
ITEM = m.Item(
    holding="launch-1",
    originator="KOR",
    label=LABEL,
    marked=Label(scheme="usa", level="secret"),
    markings=("KOR 秘",),
    topics=("dprk.missile.launch",),
    form=Form.DOCUMENT,
    content=DIGEST,
    content_bytes=5,
    package=PACKAGE,
    findings=(FINDING,),
)
PROOF = m.Proof(
    source="KOR",
    target="USA",
    header=b"{}",
    part="message",
    salt=b"\x01" * 32,
    body=b"{}",
    path=(b"\x02" * 32,),
    checkpoint=b"note",
)
REQUEST = Request(
    case="c-1",
    requester="KOR",
    holder="JPN",
    topics=("dprk.missile.launch",),
    purpose="defence.warning",
    about="what flew, and where to?",
    precedence=Precedence.FLASH,
    assurance=Assurance(cleared_to="ii-kup", needs_access=True, will_protect=True, by="analyst"),
    asked_at=AT,
    expires_at=AT.add(hours=1),
)
HOLDING = Holding(
    id="launch-1",
    title="a launch",
    originator="JPN",
    label=LABEL,
    topics=("dprk.missile.launch",),
    form=Form.DOCUMENT,
    digest=DIGEST,
    size_bytes=5,
    held_at=AT,
)
CONSENT = Consent(originator="JPN", recipient="KOR", holding="launch-1", given_at=AT)
KEYS = PartyKeys(ed25519=bytes(32), mldsa65=bytes(1_952), sealing=bytes(1_216))
HOP = m.HopRef(source="JPN", target="KOR", instrument="a-b-2016")

_ALL: tuple[m.Message, ...] = (
    m.Requested(request=REQUEST, hops=(HOP,)),
    m.Referred(holder="JPN", instrument="a-b-2016", waits_for="disclosure-officer"),
    m.Released(
        instrument="a-b-2016",
        onward="GBR",
        purpose="defence.warning",
        precedence=Precedence.FLASH,
        law=LAW,
        obligations=(OBLIGATION,),
        holds_until=AT,
        assumed=("level",),
        approvals=(APPROVAL,),
        delegation="standing-1",
        consents=(PROOF,),
        items=(ITEM,),
    ),
    m.Refused(code=m.RefusalCode.NOT_LAWFUL, considered=(CONSIDERED,), law=LAW, reason="no"),
    m.Receipted(number=1, header=DIGEST, packages=(DIGEST,), marked=(LABEL,), law=LAW),
    m.ConsentAsked(
        recipient="USA",
        holding="launch-1",
        topics=("dprk.missile.launch",),
        purpose="defence.warning",
        precedence=Precedence.PRIORITY,
        about="may we?",
    ),
    m.ConsentGiven(consent=CONSENT, approvals=(APPROVAL,)),
    m.ConsentRefused(recipient="USA", holding="launch-1", reason="no", approvals=(APPROVAL,)),
    m.Recalled(holding="launch-1", reason="wrong desk"),
    m.Reclassified(holding="launch-1", label=LABEL, reason="reviewed"),
    m.Destroyed(holding="launch-1", by="registrar", method="shredded"),
    m.LossReported(holding="launch-1", is_possible_only=True, text="a laptop is missing"),
    m.KeyChanged(card=b"card", fingerprint=DIGEST),
    m.Aborted(number=3, code=m.RefusalCode.LAPSED_IN_TRANSFER, considered=(CONSIDERED,)),
    m.Held(holding=HOLDING, reference="launch-1", source="KOR", marked=LABEL, by="registrar"),
    PeerAdded(
        party="KOR", card=b"card", fingerprint=DIGEST, keys=KEYS, serial=1, by="administrator"
    ),
    m.LawAdopted(
        law=LAW,
        files=(m.FileRef(name="topics.toml", digest=DIGEST),),
        by="administrator",
        reason="first",
    ),
    m.DelegationsAdopted(
        delegations=Delegations(
            holder="JPN",
            two_persons_from="gokuhi",
            delegations=(
                Delegation(
                    id="standing-1",
                    recipients=("KOR",),
                    instruments=("a-b-2016",),
                    topics=("dprk",),
                    up_to="hi",
                    by="the minister",
                ),
            ),
        ),
        margin_seconds=5,
        by="administrator",
    ),
    m.OfficerStepped(step=m.Step.ASK, officer="officer-1", role="analyst", reason="watch"),
    m.Queued(
        holdings=("launch-1",),
        instrument="a-b-2016",
        considered=(CONSIDERED,),
        law=LAW,
        needs=2,
        why="case by case",
    ),
    m.Unroutable(
        request=REQUEST,
        law=LAW,
        blocked=(m.Blocked(way=("JPN", "KOR"), instrument="a-b-2016", finding=FINDING),),
    ),
    PassedOver(
        party="KOR", officer="officer-1", role="administrator", reason="its site has burnt down"
    ),
    KeyRevoked(party="KOR", serial=1, officer="officer-1", role="administrator", reason="copied"),
    LinkResumed(
        party="KOR",
        code="peer.fork",
        officer="officer-1",
        role="administrator",
        reason="it had served a copy of its store",
    ),
    m.ClockSet(offset_seconds=-5, by="administrator"),
    m.Quarantined(source="KOR", number=3, code=m.RefusalCode.MALFORMED, detail="cannot be read"),
)
EXAMPLES: dict[str, m.Message] = {m.kind_of(one): one for one in _ALL}
assert set(EXAMPLES) == set(m.KINDS)

_text = st.text(st.characters(codec="utf-8"), max_size=20)
_reason = st.one_of(st.just(""), _text)


@st.composite
def messages(draw: st.DrawFn) -> m.Message:
    """Any kind of message, with texts, times and lists that vary."""
    one = draw(st.sampled_from(_ALL))
    changes: dict[str, object] = {}
    for name in one.__struct_fields__:
        value = getattr(one, name)
        if name in {"reason", "text", "about", "detail", "why", "method"}:
            changes[name] = draw(_reason)
        elif isinstance(value, Instant):
            changes[name] = Instant.from_timestamp(draw(st.integers(0, 4_000_000_000)))
        elif isinstance(value, bool):
            changes[name] = draw(st.booleans())
        elif isinstance(value, bytes):
            changes[name] = draw(st.binary(max_size=40))
        elif isinstance(value, tuple) and name != "items":
            changes[name] = value * draw(st.integers(0, 2))
    from msgspec.structs import replace

    return replace(one, **changes)
