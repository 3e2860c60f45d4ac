"""Data shipped with relto: instruments, acts, schemes, parties, trees, scenarios. No code."""
