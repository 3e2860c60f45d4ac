"""The nouns every room shares: frozen values with no behaviour beyond their own laws.

Spec: `docs/glossary.md` for the words, `docs/spec/decide.md` for the decision, `docs/spec/exchange.md`
for what travels.
"""

from relto.model.case import Assurance, Case, Consent, Holding, Request
from relto.model.finding import (
    RULE_ORDER,
    Considered,
    Decision,
    Evidence,
    Finding,
    Ground,
    Obligation,
    ObligationKind,
    Outcome,
    Rule,
    Verdict,
    Weight,
)
from relto.model.label import Label
from relto.model.party import PRECEDENCE_ORDER, Form, Precedence

__all__ = [
    "PRECEDENCE_ORDER",
    "RULE_ORDER",
    "Assurance",
    "Case",
    "Considered",
    "Consent",
    "Decision",
    "Evidence",
    "Finding",
    "Form",
    "Ground",
    "Holding",
    "Label",
    "Obligation",
    "ObligationKind",
    "Outcome",
    "Precedence",
    "Request",
    "Rule",
    "Verdict",
    "Weight",
]
