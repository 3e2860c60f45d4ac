"""Names for the scalar things that must not be mixed up: identifiers, digests, counts."""

import re
from typing import Final, NewType

PartyCode = NewType("PartyCode", str)  # `JPN`
TopicId = NewType("TopicId", str)  # `dprk.missile.launch`
SchemeId = NewType("SchemeId", str)  # `jpn`
LevelId = NewType("LevelId", str)  # `hi`
CategoryId = NewType("CategoryId", str)  # `noforn`
InstrumentId = NewType("InstrumentId", str)  # `jpn-kor-gsomia-2016`
ActId = NewType("ActId", str)
PurposeId = NewType("PurposeId", str)  # `defence.warning`
HoldingId = NewType("HoldingId", str)
CaseId = NewType("CaseId", str)  # one request and all that follows from it
Digest = NewType("Digest", str)  # lower-case hex SHA-256
OfficerRole = NewType("OfficerRole", str)  # `disclosure-officer`

PARTY_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9]{1,11}")
DOTTED_PATTERN: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*")
DIGEST_PATTERN: Final = re.compile(r"[0-9a-f]{64}")


def covers(root: str, dotted: str) -> bool:
    """Tell whether a node of a dotted tree is `root` or lies below it.

    `dprk` covers `dprk.missile.launch`; `dprk.miss` does not. Topics and purposes alike.

    Args:
        root: The upper id.
        dotted: The id to place.

    Source: docs/spec/law.md, scope.
    """
    return dotted == root or dotted.startswith(root + ".")
