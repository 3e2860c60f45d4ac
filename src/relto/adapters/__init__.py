"""One outside thing each, behind a port: disks, links, keys, clocks, law files.

No adapter knows another. Each passes the same contract tests as its virtual twin in `relto.sim`.
"""
