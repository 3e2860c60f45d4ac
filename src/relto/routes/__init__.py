"""The lawful ways from a holder to a requester, best first, and why the others are closed.

Spec: `docs/spec/routes.md`. A route is a chain of hops, each of them lawful by itself at the
    instant.
"""

from relto.routes.route import Blocked, Hop, Measured, Route, Routes
from relto.routes.search import Router

__all__ = ["Blocked", "Hop", "Measured", "Route", "Router", "Routes"]
