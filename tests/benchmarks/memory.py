"""How much memory a process has (Linux)."""

import os
from pathlib import Path


def proportional_bytes(pid: int) -> int:
    """Return the memory of a process, its share of what it has in common with others (PSS).

    Without what the kernel keeps for its sockets, which belongs to no process.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/smaps_rollup has no line with Pss")


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM, shared or not (RSS)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
