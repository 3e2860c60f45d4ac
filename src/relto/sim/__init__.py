"""The virtual world: clocks, wires, disks and keys that do what a seed says; and scenarios in it.

A scenario (`relto.sim.scenario`) is a crisis as a file. The runner (`relto.sim.play`) plays it on
a stage: on drivers in one process and virtual time (`relto.sim.drill`), or, from `cli`, on real
nodes. What comes of a request is an account (`relto.sim.account`), held against the scenario and
against the law as computed (`relto.sim.oracle`).

Guides: docs/guides/simulate.md, docs/guides/write-a-scenario.md. Modules are imported by their own
names.
"""

__all__: tuple[str, ...] = ()
