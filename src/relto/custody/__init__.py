"""Custody: what the receiver owes for what it holds, years after the pact ended.

Spec: docs/spec/exchange.md EX-24 to EX-27. States of a line: held, recalled, lost, destroyed
(`CUSTODY`).
"""

from relto.custody.register import (
    CUSTODY,
    CustodyState,
    NotInRegisterError,
    RegisterLine,
    Side,
    change,
    enter,
    line_key,
    owed,
)

__all__ = [
    "CUSTODY",
    "CustodyState",
    "NotInRegisterError",
    "RegisterLine",
    "Side",
    "change",
    "enter",
    "line_key",
    "owed",
]
