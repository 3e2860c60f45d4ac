"""Laws of the exchange: tables are total, folding never fails, replaying changes nothing."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from whenever import Instant

from relto.codec.message import decode_message, encode_message
from relto.custody import CUSTODY, CustodyState
from relto.errors import PeerError
from relto.exchange import (
    CLOSED,
    TABLES,
    CaseFile,
    CaseState,
    Fact,
    Role,
    Way,
    advance,
    open_case,
)
from relto.model import Precedence
from relto.model.message import KINDS, ConsentGiven, Message, Requested, kind_of
from relto.node import Node, State, restore_state
from relto.seal import digest
from tests.support_messages import EXAMPLES, PARTIES, messages

AT = Instant.from_utc(2019, 10, 2)
NEVER = "no law is asked while folding"


def fact_of(
    message: Message | None,
    *,
    kind: str,
    source: str,
    target: str,
    number: int = 1,
    case: str | None = "c-1",
) -> Fact:
    body = b"" if message is None else encode_message(message)
    return Fact(
        source=source,
        target=target,
        number=number,
        at=AT,
        kind=kind,
        case=case,
        precedence=Precedence.ROUTINE,
        header=digest(f"{source}/{target}/{number}".encode()),
        body=digest(body) if body else "",
        message=message,
    )


def ends_of(way: Way) -> tuple[str, str]:
    partner = {"requester": "KOR", "holder": "USA", "originator": "GBR"}
    if way is Way.OWN:
        return "JPN", "JPN"
    direction, _, side = way.partition("-")
    return (partner[side], "JPN") if direction == "from" else ("JPN", partner[side])


def said_by(message: Message, source: str) -> Message:
    """The same message in the author's own name, since nobody speaks in another's (EX-45)."""
    match message:
        case Requested(request=request):
            return replace(message, request=replace(request, requester=source, case="c-1"))
        case ConsentGiven(consent=consent):
            return replace(message, consent=replace(consent, originator=source))
        case _:
            return message


def file_in(role: Role, state: CaseState) -> CaseFile:
    return CaseFile(
        case="c-1",
        role=role,
        state=state,
        asker="KOR",
        giver="USA",
        originator="GBR",
        request_digest="0" * 64,
        opened_at=AT,
        moved_at=AT,
        precedence=Precedence.ROUTINE,
    )


@pytest.mark.parametrize("role", list(Role))
def test_every_state_and_entry_is_in_the_table_or_a_partners_error(role: Role) -> None:
    """EX-8: for every role, every state, every kind and every way."""
    for state in CaseState:
        for kind, message in EXAMPLES.items():
            for way in Way:
                source, target = ends_of(way)
                said = said_by(message, source)
                fact = fact_of(said, kind=kind, source=source, target=target)
                after = TABLES[role].get(state, {}).get((kind, way))
                if after is None:
                    with pytest.raises(PeerError):
                        advance(file_in(role, state), fact, me="JPN")
                else:
                    assert advance(file_in(role, state), fact, me="JPN").state is after


def test_the_tables_name_only_kinds_that_exist_and_states_that_can_be_reached() -> None:
    """EX-9, EX-10, EX-11, EX-12: what the tables say is about real entries."""
    for table in TABLES.values():
        reached = {CaseState.NEW, *(after for moves in table.values() for after in moves.values())}
        assert set(table) <= reached
        assert {kind for moves in table.values() for kind, _ in moves} <= set(KINDS)
        for state in reached - set(table):
            pytest.fail(f"{state} has no row")


def test_a_closed_case_opens_again_only_when_consent_is_asked_again() -> None:
    """EX-8, EX-31."""
    for table in TABLES.values():
        for state in CLOSED & set(table):
            for (kind, _), after in table[state].items():
                assert after in CLOSED or kind == "consent-asked"


def test_a_destroyed_item_moves_no_more() -> None:
    """EX-25."""
    assert set(CUSTODY[CustodyState.DESTROYED].values()) <= {CustodyState.DESTROYED}
    assert set(CUSTODY) == set(CustodyState)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_message_reads_back_as_itself(kind: str) -> None:
    """EX-1, EX-2."""
    message = EXAMPLES[kind]
    assert kind_of(message) == kind
    data = encode_message(message)
    assert decode_message(data, kind=kind) == message
    assert encode_message(decode_message(data, kind=kind)) == data


@given(messages())
@settings(max_examples=60)
def test_any_message_reads_back_as_itself(message: Message) -> None:
    """EX-2."""
    kind = kind_of(message)
    assert decode_message(encode_message(message), kind=kind) == message


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=200))
@settings(max_examples=60)
def test_random_bytes_are_a_partners_error_fl_29(kind: str, data: bytes) -> None:
    """EX-2, EX-3."""
    with pytest.raises(PeerError):
        decode_message(data, kind=kind)


@given(st.sampled_from(sorted(KINDS)), st.data())
@settings(max_examples=100)
def test_a_changed_byte_gives_another_message_or_a_partners_error(
    kind: str, data: st.DataObject
) -> None:
    """EX-2: never the same message from other bytes."""
    whole = encode_message(EXAMPLES[kind])
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    try:
        read = decode_message(changed, kind=kind)
    except PeerError:
        return
    assert (read == EXAMPLES[kind]) == (changed == whole)


def node() -> Node:
    def no_law(ref: object) -> object:
        raise AssertionError(NEVER)

    return Node(State(party="JPN", is_exercise=True), counsel_of=no_law)


_steps = st.tuples(
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(["JPN", *PARTIES]),
    st.sampled_from(["JPN", *PARTIES]),
    st.sampled_from(["c-1", "c-2", None]),
    st.booleans(),
)


def facts_from(steps: Sequence[tuple[str, str, str, str | None, bool]]) -> list[Fact]:
    numbers: dict[tuple[str, str], int] = {}
    facts = []
    for kind, source, target, case, is_destroyed in steps:
        if "JPN" not in {source, target}:
            continue
        numbers[source, target] = numbers.get((source, target), 0) + 1
        facts.append(
            fact_of(
                None if is_destroyed else EXAMPLES[kind],
                kind=kind,
                source=source,
                target=target,
                number=numbers[source, target],
                case=case,
            )
        )
    return facts


@given(st.lists(_steps, max_size=40))
@settings(max_examples=120, deadline=None)
def test_folding_never_fails_and_replaying_gives_the_same_state(
    steps: list[tuple[str, str, str, str | None, bool]],
) -> None:
    """EX-5: any entries, in any order, from anybody; with a snapshot in the middle or none."""
    facts = facts_from(steps)
    one, two = node(), node()
    faults = [one.apply(fact) for fact in facts]
    middle = len(facts) // 2
    for fact in facts[:middle]:
        two.apply(fact)
    three = Node(restore_state(two.state.snapshot()), counsel_of=two._counsel_of)
    for fact in facts[middle:]:
        three.apply(fact)
    assert three.state.digest() == one.state.digest()
    assert three.state == one.state
    again = node()
    assert [again.apply(fact) for fact in facts] == faults
    assert again.state.digest() == one.state.digest()
    assert again.state == one.state


@given(st.lists(_steps, max_size=30))
@settings(max_examples=60, deadline=None)
def test_an_entry_that_is_left_aside_moves_no_case(
    steps: list[tuple[str, str, str, str | None, bool]],
) -> None:
    """EX-8."""
    folded = node()
    for fact in facts_from(steps):
        before = (dict(folded.state.open), dict(folded.state.closed), dict(folded.state.register))
        if folded.apply(fact) is not None:
            after = (folded.state.open, folded.state.closed, folded.state.register)
            assert after == before


def test_only_a_request_a_question_or_an_officer_begins_a_case() -> None:
    """EX-4, EX-7."""
    roles = {}
    for kind, message in EXAMPLES.items():
        for source, target in (("JPN", "JPN"), ("JPN", "KOR"), ("KOR", "JPN")):
            fact = fact_of(message, kind=kind, source=source, target=target)
            try:
                roles[kind, source, target] = open_case(fact, me="JPN").role
            except PeerError:
                continue
    assert {kind for kind, _, _ in roles} == {
        "request",
        "consent-asked",
        "officer-step",
        "unroutable",
    }
    assert roles["request", "KOR", "JPN"] is Role.HOLDER
    assert roles["consent-asked", "KOR", "JPN"] is Role.ORIGINATOR
