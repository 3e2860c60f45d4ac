"""What a decision says: outcome, findings, obligations. Shared because refusals carry them on the wire."""

from enum import StrEnum

from msgspec import Struct
from whenever import Instant

from relto.units import InstrumentId, PartyCode


class Evidence(StrEnum):
    """How well a rule is known: read in the text, told by a secondary source, or assumed."""

    TEXT = "text"
    SECONDARY = "secondary"
    ASSUMED = "assumed"


class Ground(Struct, frozen=True, kw_only=True):
    """Where a rule stands and how we know.

    Args:
        article: The provision, as the instrument numbers it: `21(3)`, `para 4`.
        evidence: How well it is known.
        source: Where it was read.
    """

    article: str
    evidence: Evidence
    source: str


class Outcome(StrEnum):
    """May it be released: yes; only after somebody's step; no."""

    PERMIT = "permit"
    REFER = "refer"
    DENY = "deny"


class Verdict(StrEnum):
    """One rule about one case: satisfied; needs a step first; not satisfied."""

    PASS = "pass"
    ASK = "ask"
    FAIL = "fail"


class Rule(StrEnum):
    """The rules, in the fixed order in which they are checked and reported (design, section 6)."""

    IN_FORCE = "in-force"
    RELIANCE = "reliance"
    TOPOLOGY = "topology"
    TOPIC = "topic"
    FORM = "form"
    LEVEL = "level"
    CAVEAT = "caveat"
    THIRD_PARTY = "third-party"
    PURPOSE = "purpose"
    ASSURANCE = "assurance"
    INITIATIVE = "initiative"


RULE_ORDER: tuple[Rule, ...] = tuple(Rule)


class Finding(Struct, frozen=True, kw_only=True):
    """One rule of one instrument applied to one case.

    Args:
        rule: Which rule.
        verdict: What it says.
        ground: Where it stands.
        fact: The fact it looked at, in words.
        remedy: What would change the verdict; empty on `pass` or when nothing would.
    """

    rule: Rule
    verdict: Verdict
    ground: Ground
    fact: str
    remedy: str = ""


class Weight(StrEnum):
    """How binding an obligation is."""

    REQUIRED = "required"
    BEST_EFFORT = "best-effort"
    ADVISORY = "advisory"


class ObligationKind(StrEnum):
    """What the receiver owes for what it gets."""

    MARK = "mark"
    PROTECT = "protect"
    REGISTER = "register"
    RECEIPT = "receipt"
    NO_ONWARD_RELEASE = "no-onward-release"
    PURPOSE_ONLY = "purpose-only"
    RETURN_OR_DESTROY = "return-or-destroy"
    REPORT_LOSS = "report-loss"


class Obligation(Struct, frozen=True, kw_only=True):
    """One duty that comes with a release."""

    kind: ObligationKind
    weight: Weight
    ground: Ground
    text: str


class Considered(Struct, frozen=True, kw_only=True):
    """One instrument that links the two parties, and what each rule said.

    Args:
        instrument: Which.
        outcome: What it alone would allow.
        findings: One for each rule, in rule order; the first `fail` is the reason to name first.
        contested: The other party's reading would give another state here; in words, or empty.
    """

    instrument: InstrumentId
    outcome: Outcome
    findings: tuple[Finding, ...]
    contested: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """The answer to: may this holder release this to that recipient, at this instant?

    Args:
        outcome: The best over the instruments considered; `deny` when there are none.
        instrument: The one that gives the outcome; `None` when none links the two.
        considered: All instruments that link the two, best first.
        obligations: What comes with the release under `instrument`; empty on `deny`.
        holds_until: The next instant at which this answer can change; `None` when none is known.
        assumed: Descriptions of the rules with evidence `assumed` that the answer rests on.
        at: The instant decided for.
        reading: Whose reading of the law was used: the holder's.
    """

    outcome: Outcome
    instrument: InstrumentId | None
    considered: tuple[Considered, ...]
    obligations: tuple[Obligation, ...] = ()
    holds_until: Instant | None = None
    assumed: tuple[str, ...] = ()
    at: Instant
    reading: PartyCode
