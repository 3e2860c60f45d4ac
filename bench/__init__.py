"""Benchmarks: each prints the peers, or the floor, beside relto in the same run."""
