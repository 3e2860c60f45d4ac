"""How a proof about a change of law is drawn: what is new, each with an example."""

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from relto.adapters.proof import Claim, ClaimKind, Proof
from relto.cli.law_views import shown
from relto.cli.output import safe, table
from relto.law import Comparison


class ProvedComparison(Struct, frozen=True, kw_only=True):
    """A comparison of two laws with what is proved about it."""

    comparison: Comparison
    proof: Proof


_BOUNDS = (
    "Every case: an item of any party that the law knows, own or received, at each level with or "
    "without the holder's own marking, in each form, on any set of topics, for each purpose, on "
    "each way, asked for or not, with each clearance, with consent or without, at every instant. "
    "Caveats and words that the law does not know are left out: they deny alike before and after."
)
_SAID = {
    ClaimKind.NEWLY_PERMITTED: "Newly permitted",
    ClaimKind.NEWLY_DENIED: "Newly denied",
}


def render_proof(console: Console, proof: Proof) -> None:
    """Say what is proved and over what, then draw every claim with its example."""
    if not proof.pairs:
        console.print("Proved: the two laws decide every case between any two parties alike.")
        return
    pairs = ", ".join(f"{holder}>{recipient}" for holder, recipient in proof.pairs)
    console.print(
        Text(safe(f"Proved over every case between: {pairs}; all others are decided alike."))
    )
    for kind, said in _SAID.items():
        found = [f"{one.holder}>{one.recipient}" for one in proof.claims if one.kind is kind]
        console.print(Text(safe(f"{said}: {', '.join(found) or 'nothing, in no case'}.")))
    console.print(Text(_BOUNDS))
    if proof.claims:
        console.print("Each example was decided again by the reference, under both laws:")
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
        f"marked {case.marked.scheme}:{case.marked.level}" if case.marked else "",
        f"made by {case.originator}",
        f"came under {case.provenance}" if case.provenance else "",
        f"for {case.purpose}" if case.purpose else "",
        f"received for {case.received_for}" if case.received_for else "",
        "requested" if case.requested else "not requested",
        f"reader cleared to {case.assurance.cleared_to}" if case.assurance else "",
        f"onward to {case.onward}" if case.onward else "",
        "with consent" if case.consents else "",
    ]
    return "; ".join(word for word in words if word)
