"""A small law by hand: a pact, an arrangement through a hub that leans on two, and a circle."""

from msgspec.structs import replace
from whenever import Instant

from relto.law import (
    AssuranceRule,
    Duty,
    Equivalence,
    EquivalenceRow,
    FormScope,
    Initiative,
    InitiativeKind,
    Kind,
    LevelCap,
    PurposeRule,
    Reliance,
    Span,
    State,
    Terms,
    ThirdPartyKind,
    ThirdPartyRule,
    TopicScope,
    Topology,
    TopologyKind,
)
from relto.model import (
    Assurance,
    Case,
    Consent,
    Evidence,
    Form,
    Ground,
    Label,
    ObligationKind,
    Weight,
)
from relto.testing import PlainLaw
from relto.testing.generate import make_library

BEFORE, LAPSE, AFTER = (Instant.from_utc(2019, 11, day) for day in (1, 22, 30))
LIBRARY = make_library()


def ground(article, evidence=Evidence.TEXT):
    return Ground(article=article, evidence=evidence, source="by hand")


def rows(one, other):
    return (
        EquivalenceRow(id="LOWER", levels={one: ("low",), other: ("low",)}),
        EquivalenceRow(id="UPPER", levels={one: ("middle",), other: ("middle", "high")}),
    )


def table(one, other, **dates):
    return Equivalence(id="v1", rows=rows(one, other), ground=ground("4(2)"), **dates)


PACT = Terms(
    id="pact",
    title="The pact",
    short="the pact",
    kind=Kind.AGREEMENT,
    parties=("AAA", "BBB"),
    topology=Topology(kind=TopologyKind.DIRECT, ground=ground("2(b)")),
    initiative=Initiative(kind=InitiativeKind.ON_REQUEST, ground=ground("practice")),
    topics=TopicScope(is_open=True, excluded=("dprk.nuclear",), ground=ground("2(a)")),
    forms=FormScope(forms=(Form.DOCUMENT, Form.ELECTRONIC), ground=ground("2(a) forms")),
    equivalence=(table("aaa", "bbb"),),
    caps=(LevelCap(row="LOWER", form=Form.ELECTRONIC, ground=ground("4(3)")),),
    third_party=ThirdPartyRule(kind=ThirdPartyKind.ORIGINATOR_CONSENT, ground=ground("6(a)")),
    purposes=PurposeRule(is_open=True, ground=ground("6(c)")),
    assurance=AssuranceRule(is_required=True, ground=ground("7(5)")),
    duties=(
        Duty(
            kind=ObligationKind.REGISTER, weight=Weight.REQUIRED, text="list", ground=ground("6(f)")
        ),
    ),
    force_ground=ground("21(1)"),
)
LEG_ONE = replace(
    PACT,
    id="leg-one",
    short="leg one",
    parties=("AAA", "CCC"),
    equivalence=(table("aaa", "ccc"),),
    caps=(),
    assurance=AssuranceRule(is_required=False, ground=ground("7")),
)
LEG_TWO = replace(
    LEG_ONE,
    id="leg-two",
    short="leg two",
    parties=("BBB", "CCC"),
    equivalence=(table("bbb", "ccc"),),
)
THROUGH = replace(
    LEG_ONE,
    id="through",
    short="the arrangement",
    kind=Kind.ARRANGEMENT,
    parties=("AAA", "BBB", "CCC"),
    topology=Topology(kind=TopologyKind.INTERMEDIARY, intermediary="CCC", ground=ground("para 4")),
    initiative=Initiative(kind=InitiativeKind.CASE_BY_CASE, ground=ground("voluntary")),
    topics=TopicScope(is_open=False, topics=("dprk.missile",), ground=ground("para 1")),
    forms=FormScope(
        forms=(Form.DOCUMENT, Form.ORAL), is_within_protecting=True, ground=ground("para 2")
    ),
    equivalence=(),
    third_party=ThirdPartyRule(kind=ThirdPartyKind.CONSENT_PROCEDURE, ground=ground("approval")),
    reliance=(
        Reliance(parties=("AAA", "CCC"), instrument="leg-one", ground=ground("para 3(ii)")),
        Reliance(parties=("BBB", "CCC"), instrument="leg-two", ground=ground("para 3(i)")),
    ),
    force_ground=ground("effective", Evidence.ASSUMED),
)
CIRCLE = replace(
    LEG_ONE,
    id="circle",
    short="the circle",
    parties=("BBB", "CCC", "DDD"),
    topology=Topology(kind=TopologyKind.CIRCLE, ground=ground("1")),
    initiative=Initiative(kind=InitiativeKind.STANDING, ground=ground("always")),
    equivalence=(
        Equivalence(
            id="v1",
            rows=(
                EquivalenceRow(id="ONLY", levels=dict.fromkeys(("bbb", "ccc", "ddd"), ("low",))),
            ),
            ground=ground("annex"),
        ),
    ),
    third_party=ThirdPartyRule(kind=ThirdPartyKind.CIRCLE_EXEMPT, ground=ground("2")),
    purposes=PurposeRule(is_open=False, purposes=("defence",), ground=ground("3")),
)
ALL = (PACT, LEG_ONE, LEG_TWO, THROUGH, CIRCLE)


def span(state, start=None, end=None, **more):
    return Span(
        start=start, end=end, state=state, cause="an act", evidence=Evidence.SECONDARY, **more
    )


FOR_EVER = (span(State.IN_FORCE),)
LAPSING = (
    span(State.NOTICE_GIVEN, end=LAPSE),
    span(State.ENDED, start=LAPSE, article="21(3)"),
)


def law_of(*instruments, lives=(), readings=None):
    """A law of these instruments, in force for ever but for the lives given."""
    own = {one.id: FOR_EVER for one in instruments} | dict(lives)
    return PlainLaw(
        library=LIBRARY,
        instruments={one.id: one for one in instruments},
        lives=own,
        readings=readings or {},
    )


ASSURED = Assurance(cleared_to="high", needs_access=True, will_protect=True, by="liaison")
CASE = Case(
    holder="AAA",
    recipient="BBB",
    originator="AAA",
    label=Label(scheme="aaa", level="low"),
    topics=("dprk.missile.launch",),
    purpose="defence.warning",
    requested=True,
    assurance=ASSURED,
)
SECOND_LEG = replace(
    CASE,
    holder="CCC",
    recipient="BBB",
    marked=Label(scheme="ccc", level="low"),
    provenance="through",
    received_for="defence.warning",
    assurance=None,
)
CONSENT = Consent(
    originator="AAA", recipient="BBB", topics=("dprk",), given_at=BEFORE, ends_at=AFTER
)


def label(level, scheme="aaa", **more):
    return Label(scheme=scheme, level=level, **more)


FIRST_LEG = replace(CASE, recipient="CCC", onward="BBB", assurance=None)
CIRCLED = replace(SECOND_LEG, originator="DDD", label=label("low", "ddd"), provenance="circle")
