"""Writes the vectors of the decision: a small corpus that notices every fault in the rules it can.

Laws and cases are made up from seeds; one is kept when it notices a fault that none before it
noticed, or shows an outcome of a rule that none before it showed. What is kept is trimmed to the
instruments that matter and written as data that another implementation can run.

Usage: python tools/decide_vectors.py [SEEDS]
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Protocol, cast

from whenever import Instant

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from relto.decide import reference, rules, view  # noqa: E402
from relto.model import RULE_ORDER, Case, Decision, Rule, Verdict  # noqa: E402
from relto.testing.cases import make_case, make_instant  # noqa: E402
from relto.testing.generate import RandomDice, make_law, make_library  # noqa: E402
from relto.testing.plain import PlainLaw  # noqa: E402
from relto.testing.vectors import (  # noqa: E402
    Vector,
    decode,
    encode,
    expectation_of,
    vector_of,
)
from relto.units import InstrumentId  # noqa: E402
from tools.mutation import Mutant, module_of, mutants  # noqa: E402

FOLDER = ROOT / "tests" / "vectors" / "decide"
SPEC = ROOT / "docs" / "spec" / "decide.md"
Question = tuple[PlainLaw, Case, Instant]


class Decide(Protocol):
    """Any execution of the decision."""

    def __call__(self, law: PlainLaw, case: Case, /, *, at: Instant) -> Decision:
        """Decide one case."""


def questions(seeds: int) -> Iterator[Question]:
    """Made-up questions that some instrument can answer, small laws first."""
    for seed in range(seeds):
        dice = RandomDice(seed)
        law = make_law(dice, most=2 + seed * 3 // seeds)
        for _ in range(3):
            case, at = make_case(dice, law), make_instant(dice)
            linked = view.links_of(law, holder=case.holder, recipient=case.recipient)
            if linked:
                yield trimmed(law, linked), case, at


def trimmed(law: PlainLaw, linked: tuple[InstrumentId, ...]) -> PlainLaw:
    """Only the instruments that link the two, and those they rely on."""
    needed = set(linked)
    for name in linked:
        needed |= {clause.instrument for clause in law.instruments[name].reliance}
    kept = {name: terms for name, terms in law.instruments.items() if name in needed}
    return PlainLaw(library=law.library, instruments=kept, lives=law.lives, readings=law.readings)


def faults() -> list[tuple[ModuleType, Mutant]]:
    """Every fault in the rules, in the look-ups they rest on, and in the reference."""
    modules = (rules, view, reference)
    return [
        (module, mutant)
        for module in modules
        for mutant in mutants(Path(str(module.__file__)).read_text(encoding="utf-8"))
    ]


def decider(module: ModuleType, mutant: Mutant) -> Decide:
    """The reference with one fault in it."""
    faulty = module_of(mutant, module)
    if module is reference:
        return cast("Decide", faulty.decide)
    fresh = ModuleType(reference.__name__)
    exec(_reference_code(), fresh.__dict__)  # noqa: S102 - our own source, read again
    if module is rules:
        fresh.__dict__["rules"] = faulty
    else:
        for name in ("leg_of", "links_of", "state_of", "table_at"):
            fresh.__dict__[name] = faulty.__dict__[name]
    return cast("Decide", fresh.decide)


@cache
def _reference_code() -> CodeType:
    path = Path(str(reference.__file__))
    return compile(path.read_text(encoding="utf-8"), str(path), "exec")


def notices(decide: Decide, question: Question, right: object) -> bool:
    """Tell whether a question shows the fault: another answer, or none at all."""
    law, case, at = question
    try:
        return expectation_of(decide(law, case, at=at)) != right
    except Exception:  # noqa: BLE001 - a crash is noticed too
        return True


def shows(decision: Decision) -> set[tuple[str, ...]]:
    """What a decision shows: each verdict of each rule under each kind of fact."""
    found: set[tuple[str, ...]] = {("outcome", decision.outcome)}
    found.add(("until", str(decision.holds_until is None)))
    for one in decision.considered:
        found.add(("contested", str(bool(one.contested))))
        for each in one.findings:
            words = "".join(char for char in each.fact.split(" ")[0] if char.isalpha())
            found.add((each.rule, each.verdict, words))
    return found


def main(seeds: int) -> None:
    """Distil the corpus and report which faults it notices."""
    alive = [(module, mutant, decider(module, mutant)) for module, mutant in faults()]
    total, count = len(alive), 0
    seen: set[tuple[str, ...]] = set()
    for old in FOLDER.glob("*.json"):
        old.unlink()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "library.json").write_bytes(_encoded(make_library()))
    for question in questions(seeds):
        law, case, at = question
        decision = reference.decide(law, case, at=at)
        right = expectation_of(decision)
        noticed = [one for one in alive if notices(one[2], question, right)]
        new = shows(decision) - seen
        if not noticed and not new:
            continue
        alive = [one for one in alive if one not in noticed]
        seen |= new
        count += 1
        vector = vector_of(
            law, case, at, decision, id=f"{count:03d}", clauses=_clauses(decision), why=_why(new)
        )
        (FOLDER / f"{count:03d}.json").write_bytes(_encoded(vector))
    vectors = [decode(file.read_bytes(), Vector) for file in sorted(FOLDER.glob("[0-9]*.json"))]
    text = SPEC.read_text(encoding="utf-8")
    before, _, rest = text.partition("| rule | pass ")
    after = rest.partition("\n\n")[2]
    end = f"\n\n{after}" if after else "\n"
    SPEC.write_text(f"{before}{coverage(vectors)}{end}", encoding="utf-8")
    print(f"{count} vectors notice {total - len(alive)} of {total} faults")
    for module, mutant, _ in alive:
        print(f"not noticed: {module.__name__}:{mutant.line}: {mutant.what}")


def verdicts_given() -> dict[Rule, set[Verdict]]:
    """The verdicts that each rule can give, read off its source."""
    words = {"_passes": Verdict.PASS, "_asks": Verdict.ASK, "_fails": Verdict.FAIL}
    found: dict[Rule, set[Verdict]] = {rule: set() for rule in RULE_ORDER}
    for node in ast.walk(ast.parse(Path(str(rules.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            if node.func.id in words and isinstance(first, ast.Attribute):
                found[Rule[first.attr]].add(words[node.func.id])
    return found


def coverage(vectors: Iterable[Vector]) -> str:
    """For each rule and verdict that it can give, in how many vectors it stands; a table."""
    count = Counter(
        (rule, Verdict(verdict))
        for vector in vectors
        for rule, verdict in {
            (rule, verdict)
            for one in vector.expect.considered
            for rule, verdict in zip(RULE_ORDER, one.verdicts, strict=True)
        }
    )
    lines = [f"| rule | {' | '.join(Verdict)} |", "|---|---|---|---|"]
    lines += [
        f"| {rule} | "
        + " | ".join(str(count[rule, one]) if one in given else "-" for one in Verdict)
        + " |"
        for rule, given in verdicts_given().items()
    ]
    return "\n".join(lines)


def _encoded(value: object) -> bytes:
    return encode(value) + b"\n"


def _clauses(decision: Decision) -> tuple[str, ...]:
    """The clauses of the rules that do not simply pass."""
    numbers = {
        "in-force": 5, "reliance": 6, "topology": 7, "topic": 9, "form": 10, "level": 11,
        "caveat": 14, "third-party": 15, "purpose": 17, "assurance": 18, "initiative": 19,
    }  # fmt: skip
    named = {
        numbers[found.rule]
        for one in decision.considered
        for found in one.findings
        if found.verdict is not Verdict.PASS
    }
    return tuple(f"DEC-{number}" for number in sorted(named | {2}))


def _why(new: set[tuple[str, ...]]) -> str:
    shown = sorted(" ".join(one) for one in new)
    return f"shows {', '.join(shown[:4])}" if shown else "notices a fault that no other one does"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
