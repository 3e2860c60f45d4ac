"""Who takes part, and what kinds of information there are: closed sets every room shares."""

from enum import StrEnum


class Form(StrEnum):
    """The form of information an agreement may cover (Japan-ROK 2016, Art. 2(a))."""

    ORAL = "oral"
    VISUAL = "visual"
    ELECTRONIC = "electronic"
    MAGNETIC = "magnetic"
    DOCUMENT = "document"
    EQUIPMENT = "equipment"
    TECHNOLOGY = "technology"


class Precedence(StrEnum):
    """How urgent a message is; a later member overtakes an earlier one, also inside a backlog."""

    ROUTINE = "routine"
    PRIORITY = "priority"
    IMMEDIATE = "immediate"
    FLASH = "flash"


PRECEDENCE_ORDER: tuple[Precedence, ...] = tuple(Precedence)
