"""What must hold under our own agreements, whatever the case and the instant; for pytest."""

from hypothesis import given, settings
from whenever import Instant

from relto.adapters.lawfiles import packaged_library
from relto.decide import Planner, decide
from relto.law import compile_law
from relto.model import Case, Outcome, Rule
from relto.testing.strategies import cases, instants

# Yours: `library_of(read_files(Path("law")))`, from `relto.adapters.lawfiles`.
LAW = compile_law(packaged_library())


@settings(deadline=None)
@given(case=cases(LAW), at=instants(LAW))
def test_the_arrangement_lets_nothing_go_but_through_the_hub(case: Case, at: Instant) -> None:
    """TISA, paragraph 4: to the United States or from them."""
    for one in decide(LAW, case, at=at).considered:
        if one.instrument == "tisa-2014" and "USA" not in {case.holder, case.recipient}:
            assert one.outcome is Outcome.DENY


@settings(deadline=None)
@given(case=cases(LAW), at=instants(LAW))
def test_what_others_made_goes_nowhere_without_their_consent(case: Case, at: Instant) -> None:
    """Permitted means that the originator has consented, or that its circle shares anyway."""
    decision = decide(LAW, case, at=at)
    is_third = case.originator not in {case.holder, case.recipient}
    if decision.outcome is Outcome.PERMIT and is_third and decision.instrument is not None:
        terms = LAW.terms(decision.instrument)
        assert case.consents or case.originator in terms.parties


@settings(deadline=None)
@given(case=cases(LAW), at=instants(LAW))
def test_every_denial_says_why(case: Case, at: Instant) -> None:
    """And names the article."""
    for one in decide(LAW, case, at=at).considered:
        if one.outcome is Outcome.DENY:
            assert one.reason is not None
            assert one.reason.ground.article


@settings(deadline=None)
@given(case=cases(LAW), at=instants(LAW))
def test_an_unknown_level_is_never_released(case: Case, at: Instant) -> None:
    """Levels that the strategies make up are in no scheme."""
    decision = Planner(LAW).decide(case, at=at)
    scheme = LAW.library.schemes.get(case.label.scheme)
    if scheme is None or scheme.level(case.label.level) is None:
        assert all(
            any(found.rule is Rule.LEVEL and found.verdict == "fail" for found in one.findings)
            for one in decision.considered
        )
