"""What can go wrong on a link, by whose fault it is."""

from typing import ClassVar

from relto.errors import LocalError, PeerError, WorldError


class EndpointError(LocalError):
    """An endpoint cannot be called: not `https://host:port`, or an address no partner has."""

    code = "local.endpoint"
    hint_default = "an endpoint is written https://host:port and comes from the partner's card"


class PortError(WorldError):
    """The address to listen on is taken or is not ours."""

    code = "world.port"
    hint_default = "stop the other process or choose another --listen; port 0 takes a free one"


class LinkDownError(WorldError):
    """The partner could not be reached, did not answer in time, or is not who its card says."""

    code = "world.link_down"
    retryable: ClassVar[bool] = True
    hint_default = "the log keeps everything; the node tries again by itself"


class RefusedError(PeerError):
    """The partner answered, and refused.

    Args:
        message: For a person.
        remote: The partner's own code, dotted.
        status: The HTTP status it came with.
        retry_seconds: When it takes more from us; 0 where it is not a matter of time.
    """

    code = "peer.refused"

    def __init__(self, message: str, *, remote: str, status: int, retry_seconds: int = 0) -> None:
        """Keep the partner's code apart, for those who act on it."""
        super().__init__(message)
        self.remote = remote
        self.status = status
        self.retry_seconds = retry_seconds


class AnswerError(PeerError):
    """The partner's answer is too large, has the wrong form, or points elsewhere."""

    code = "peer.answer"
