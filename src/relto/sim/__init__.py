"""The virtual world: clocks, wires, disks and keys that do what a seed says.

Guide: docs/guides/simulate.md. Modules are imported by their own names.
"""

__all__: tuple[str, ...] = ()
