"""How a proof about a change of law is drawn: what is new, each with an example."""

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from relto.adapters.proof import Claim, Proof
from relto.cli.law_views import shown
from relto.cli.output import safe, table
from relto.law import Comparison


class ProvedComparison(Struct, frozen=True, kw_only=True):
    """A comparison of two laws with what is proved about it."""

    comparison: Comparison
    proof: Proof


def render_proof(console: Console, proof: Proof) -> None:
    """Draw every claim with its example; the reference has decided each again."""
    pairs = ", ".join(f"{holder}>{recipient}" for holder, recipient in proof.pairs)
    console.print(Text(f"Proved over every case between: {safe(pairs) or 'no pair'}"))
    if not proof.claims:
        console.print("nothing is newly permitted or denied")
        return
    columns = ("what", "from", "to", "instruments", "example", "at", "before", "after")
    console.print(table("", columns, [_row(claim) for claim in proof.claims]))


def _row(claim: Claim) -> tuple[str, ...]:
    return (
        claim.kind,
        claim.holder or "",
        claim.recipient or "",
        ", ".join(claim.instruments),
        _example(claim),
        shown(claim.at, zone="UTC"),
        claim.before or "",
        claim.after or "",
    )


def _example(claim: Claim) -> str:
    case = claim.case
    if case is None:
        return "no case at all rests on it"
    words = [
        f"{', '.join(case.topics)} at {case.label.scheme}:{case.label.level}, {case.form}",
        f"made by {case.originator}",
        f"for {case.purpose}" if case.purpose else "",
        "requested" if case.requested else "",
        f"onward to {case.onward}" if case.onward else "",
        "with consent" if case.consents else "",
    ]
    return "; ".join(word for word in words if word)
