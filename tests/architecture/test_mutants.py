"""The list of faults that nobody could notice, and the comparison that fails on another."""

import pytest

from tests.architecture.project import SOURCE
from tools.mutate import LIST, Fault, compare, expected, fault_of

ONE = Fault("rules", "is_in_force", "return span is not None", "return span is None")
TWO = Fault("view", "Law.links", "return 1", "return 2")


def test_every_listed_fault_has_a_reason_and_is_of_a_function_that_exists() -> None:
    for fault in expected(LIST.read_text(encoding="utf-8")):
        source = (SOURCE / "decide" / f"{fault.module}.py").read_text(encoding="utf-8")
        assert f"def {fault.function.rpartition('.')[2]}(" in source, fault
        assert fault.was != fault.becomes, fault


def test_a_survivor_that_is_not_listed_is_found_and_so_is_one_that_was_noticed() -> None:
    modules = frozenset({"rules", "view"})
    assert compare({ONE: 1}, {ONE: 1}, modules) == ([], [])
    assert compare({ONE: 1, TWO: 1}, {ONE: 1}, modules) == ([TWO], [])
    assert compare({ONE: 2}, {ONE: 1}, modules) == ([ONE], [])
    assert compare({}, {ONE: 1}, modules) == ([], [ONE])
    assert compare({ONE: 1}, {ONE: 2}, modules) == ([], [ONE])
    assert compare({}, {ONE: 1, TWO: 1}, frozenset({"view"})) == ([], [TWO])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relto.decide.rules.x_is_in_force__mutmut_3", "is_in_force"),
        ("relto.decide.rules.x__words_of__mutmut_12", "_words_of"),
        ("relto.decide.rules.xǁPlannerǁdecide__mutmut_1", "Planner.decide"),
        ("relto.decide.rules.xǁPlannerǁ_plan__mutmut_1", "Planner._plan"),
        ("relto.decide.rules.xǁPlannerǁ__init____mutmut_1", "Planner.__init__"),
    ],
)
def test_a_fault_is_named_by_what_it_changes(name: str, function: str) -> None:
    head = "--- a\n+++ b\n@@ -1,3 +1,3 @@\n def f():\n"
    diff = head + "-    return (\n-        1)\n+    return (\n+        2)"
    assert fault_of(name, diff) == Fault("rules", function, "return ( 1)", "return ( 2)")


@pytest.mark.parametrize("why", ["", "  "])
def test_a_fault_without_a_reason_is_refused(why: str) -> None:
    text = '[[equivalent]]\nmodule = "rules"\nfunction = "f"\nwas = "1"\nbecomes = "2"\n'
    with pytest.raises(ValueError, match="no reason"):
        expected(text + f'why = "{why}"\n')
    listed = expected(text + 'why = "the same"\ntimes = 3\n')
    assert listed == {Fault("rules", "f", "1", "2"): 3}
    with pytest.raises(ValueError, match="listed twice"):
        expected(2 * (text + 'why = "the same"\n'))
