"""What a decision says: outcome, findings, obligations. Shared: refusals carry them on the wire."""

from enum import StrEnum

from msgspec import Struct
from whenever import Instant

from relto.units import InstrumentId, LevelId, PartyCode


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

    PASS = "pass"  # noqa: S105 - a verdict
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
        remedy: What would turn it into `pass`, as a phrase beginning `with`, `without` or `as`;
            empty on `pass`, or when nothing known would.
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
        contested: How the other party reads the state, where it reads another; in words, or empty.
    """

    instrument: InstrumentId
    outcome: Outcome
    findings: tuple[Finding, ...]
    contested: str = ""

    @property
    def reason(self) -> Finding | None:
        """The finding to name first: the first `fail`, else the first `ask`; `None` on permit."""
        for verdict in (Verdict.FAIL, Verdict.ASK):
            for finding in self.findings:
                if finding.verdict is verdict:
                    return finding
        return None

    @property
    def remedy(self) -> str:
        """What would change the outcome, and into what: `with a request from KOR: permit`.

        Empty when some finding in the way has no remedy. On deny the `ask` findings stay, so that a
        remedied denial may still have to be referred.

        Source: docs/spec/decide.md DEC-23.
        """
        fails = [found for found in self.findings if found.verdict is Verdict.FAIL]
        asks = [found for found in self.findings if found.verdict is Verdict.ASK]
        in_the_way = fails or asks
        if not in_the_way or not all(found.remedy for found in in_the_way):
            return ""
        after = Outcome.REFER if fails and asks else Outcome.PERMIT
        return f"{', '.join(found.remedy for found in in_the_way)}: {after.value}"


class Decision(Struct, frozen=True, kw_only=True):
    """The answer to: may this holder release this to that recipient, at this instant?

    Args:
        outcome: The best over the instruments considered; `deny` when there are none.
        instrument: The one that gives the outcome; `None` when none links the two.
        considered: All instruments that link the two, best first.
        obligations: What comes with the release under `instrument`; empty on `deny`.
        markings: Levels of the recipient's own scheme among which it marks the item; the first is
            what it marks unless it chooses. Empty on `deny`.
        holds_until: The next instant at which this answer can change; `None` when none is known.
        assumed: Descriptions of the rules with evidence `assumed` that the answer rests on.
        at: The instant decided for.
        reading: Whose reading of the law was used: the holder's.
    """

    outcome: Outcome
    instrument: InstrumentId | None
    considered: tuple[Considered, ...]
    obligations: tuple[Obligation, ...] = ()
    markings: tuple[LevelId, ...] = ()
    holds_until: Instant | None = None
    assumed: tuple[str, ...] = ()
    at: Instant
    reading: PartyCode
