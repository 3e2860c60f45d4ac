"""Storms: a whole federation in bad weather, as a function of a seed.

`draw` makes a plan from a seed: what is asked, and what goes wrong. `Federation` plays it on real
nodes and drivers over virtual clocks, wires and disks. The `Watch` looks at every store and every
byte on the wire after each step. A failing plan is shrunk, and printed with the one command that
replays it. Guide: docs/guides/simulate.md.
"""
