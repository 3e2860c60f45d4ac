"""Helpers for tests of relto and of a user's own agreements: laws and cases made up, plain laws.

`strategies` needs Hypothesis, which is no dependency of the product: import it from its own module.
"""

from relto.testing.cases import Vocabulary, make_case, make_instant, vocabulary_of
from relto.testing.generate import Dice, RandomDice, make_law, refine_law
from relto.testing.plain import PlainLaw, PlainLibrary

__all__ = [
    "Dice",
    "PlainLaw",
    "PlainLibrary",
    "RandomDice",
    "Vocabulary",
    "make_case",
    "make_instant",
    "make_law",
    "refine_law",
    "vocabulary_of",
]
