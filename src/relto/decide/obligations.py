"""What comes with a release: the instrument's duties, those it borrows, and the rules' own."""

from relto.decide.view import Leg
from relto.law import Duty, Equivalence
from relto.model import Obligation, ObligationKind, Weight
from relto.units import LevelId, PartyCode, PurposeId

_PLACE = {kind: place for place, kind in enumerate(ObligationKind)}


def obligations_of(
    leg: Leg,
    table: Equivalence | None,
    *,
    markings: tuple[LevelId, ...],
    originator: PartyCode,
    purpose: PurposeId | None,
) -> tuple[Obligation, ...]:
    """List what the recipient owes for a release under one instrument (DEC-24).

    Args:
        leg: The instrument and the pair.
        table: The table of levels valid at the instant.
        markings: The recipient's own levels for the item, the default first.
        originator: Whose name the marking carries and whose consent a further release needs.
        purpose: What the item is released for; `None` when not stated.

    Returns:
        In the order of `ObligationKind`; within a kind the rules' own first, then the text's.
    """
    terms = leg.terms
    use = f"use it only for {purpose}" if purpose else "use it only for what it is given for"
    lent = () if leg.protecting is None else leg.protecting.duties
    stated = [_obligation(duty) for duty in (*terms.duties, *lent)]
    made = [
        Obligation(
            kind=ObligationKind.MARK,
            weight=Weight.REQUIRED,
            ground=terms.force_ground if table is None else table.ground,
            text=f"mark it with {originator} and your own level {' or '.join(markings)}",
        ),
        Obligation(
            kind=ObligationKind.PURPOSE_ONLY,
            weight=Weight.REQUIRED,
            ground=terms.purposes.ground,
            text=use,
        ),
    ]
    if all(one.kind is not ObligationKind.NO_ONWARD_RELEASE for one in stated):
        third_parties = Obligation(
            kind=ObligationKind.NO_ONWARD_RELEASE,
            weight=Weight.REQUIRED,
            ground=terms.third_party.ground,
            text=f"no release to a third party without {originator}'s written consent",
        )
        made.append(third_parties)
    return tuple(sorted([*made, *stated], key=lambda one: _PLACE[one.kind]))


def _obligation(duty: Duty) -> Obligation:
    return Obligation(kind=duty.kind, weight=duty.weight, ground=duty.ground, text=duty.text)
