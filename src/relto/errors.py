"""Every error relto raises, as one tree: the class says whose fault it is.

    ReltoError                 code, message, hint
    ├── LocalError           our caller broke a rule       -> show it, change nothing
    ├── PeerError            the other node broke a rule   -> refuse, note it, cut the link
    └── WorldError           clock, disk or wire failed    -> retry if `retryable`, else stop

A denial is not an error: it is a `Decision` with reasons. A bug is not in the tree: it is an
assertion.
Rooms define their own classes below these three; each has a stable dotted code.
"""

from typing import ClassVar


class ReltoError(Exception):
    """Anything that relto refuses or cannot do, in words for a person.

    Args:
        message: What happened and where; lower case, one line, no full stop, no secrets.
        hint: What to do next; empty when there is nothing to advise.

    Source: house style 9; ADR-0001.
    """

    code: ClassVar[str] = "relto"
    hint_default: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the message and the advice apart, so that a shell can show both."""
        super().__init__(message)
        self.message = message
        self.hint = hint or self.hint_default


class LocalError(ReltoError):
    """Our caller broke a rule: show it and change nothing."""

    code = "local"


class PeerError(ReltoError):
    """The other node broke a rule: refuse, keep the evidence, cut the link if the rule says so.

    `retry_seconds` is when the one that was refused may ask again; 0 where nothing was said of it.
    """

    code = "peer"
    retry_seconds: int = 0


class WorldError(ReltoError):
    """The clock, the disk or the wire failed: retry if `retryable`, otherwise stop."""

    code = "world"
    retryable: ClassVar[bool] = False
