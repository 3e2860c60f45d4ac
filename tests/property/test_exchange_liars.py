"""Whatever a partner signs, a node answers, releases nothing unlawful, and folds the same again."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from relto.codec import FRAME
from relto.codec.message import encode_message
from relto.journal import Draft
from relto.model.message import Message, Requested, kind_of
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_messages import EXAMPLES, HOP, messages
from tests.support_node import Three

_PAIRS = ("JPN", "USA")
_CASES = ("c-1", "c-2", "c-3", None)


def lying_request(draw: st.DrawFn) -> Message:
    """A request that names whatever it likes."""
    words = st.sampled_from(["JPN", "KOR", "USA", "GBR"])
    instruments = st.sampled_from(["tisa-2014", "jpn-kor-gsomia-2016", "no-such-pact"])
    hops = tuple(
        replace(HOP, source=draw(words), target=draw(words), instrument=draw(instruments))
        for _ in range(draw(st.integers(0, 3)))
    )
    asked = EXAMPLES["request"]
    assert isinstance(asked, Requested)
    request = replace(
        asked.request,
        case=draw(st.sampled_from(["c-1", "c-2", "c-9"])),
        requester=draw(words),
        holder=draw(words),
        on_behalf_of=draw(st.none() | words),
        holding=draw(st.none() | st.sampled_from(["launch-1", "no-such"])),
        topics=draw(st.sampled_from([("dprk",), ("dprk.missile.launch",), ("no.such",)])),
        purpose=draw(st.sampled_from(["defence.warning", "no.such"])),
        expires_at=None,
    )
    return Requested(request=request, hops=hops, is_forced=draw(st.booleans()))


@st.composite
def lies(draw: st.DrawFn) -> list[tuple[str, str | None, Message]]:
    said = []
    for _ in range(draw(st.integers(1, 6))):
        message = lying_request(draw) if draw(st.booleans()) else draw(messages())
        said.append((draw(st.sampled_from(_PAIRS)), draw(st.sampled_from(_CASES)), message))
    return said


@given(lies(), st.booleans())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_a_lying_partner_gets_an_answer_and_nothing_unlawful(
    said: list[tuple[str, str | None, Message]], has_lapsed: bool
) -> None:
    """EX-5, EX-8, EX-14, EX-34: whatever is said, to a holder or to an intermediary."""
    three = Three(known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    if has_lapsed:
        three.set_clock(LAPSE)
    liar = three["KOR"]
    for target, case, message in said:
        with liar._turn() as turn:
            parts = (("message", encode_message(message)),)
            draft = Draft(kind=kind_of(message), case=case, parts=parts)
            liar._logs.append(target, draft, now=turn.now)
        frame = liar.next_batch(target)
        if frame is None:
            continue
        answer = FRAME.decode(three[target].handle_exchange("KOR", frame))
        assert answer.rejection is None
        if answer.acknowledgement:
            with liar._turn() as turn:
                liar._logs.acknowledged(
                    turn.tx,
                    answer.acknowledgement,
                    partner=target,
                    ring=liar._ring(target),
                    own=liar._own_ring,
                )
        three[target].tick()
    for _ in range(4):
        for source, target in (("JPN", "USA"), ("USA", "JPN")):
            three.exchange(source, target)
    for party in ("JPN", "USA"):
        assert not (has_lapsed and has_released(three, party))
        digest = three[party].node.state.digest()
        assert three.sites[party].start().node.state.digest() == digest


def has_released(three: Three, party: str) -> bool:
    """Whether a node has released anything to the liar."""
    site = three.sites[party]
    with site.store.transaction() as tx:
        return any(
            entry.header.kind == "release"
            for state in tx.logs()
            if (state.log.source, state.log.target) == (party, "KOR")
            for entry in tx.entries(state.log, first=1, end=state.size + 1)
        )
