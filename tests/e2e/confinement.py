"""What a container may do, seen from inside it: as its kernel answers, and by trying."""

import math

MOST_PROCESSES = 256
MOST_MEMORY_BYTES = 512 * 2**20

PROBE = r"""
read_first() { cat "$@" 2>/dev/null | head -n 1; }
groups=/sys/fs/cgroup
echo "processes $(read_first $groups/pids/pids.max $groups/pids.max)"
echo "memory $(read_first $groups/memory/memory.limit_in_bytes $groups/memory.max)"
echo "cpu $(read_first $groups/cpu/cpu.cfs_quota_us $groups/cpu.max)"
sed -n 's/^\(Uid\|CapPrm\|CapEff\|CapBnd\|NoNewPrivs\):/\1/p' /proc/1/status
while read -r _ at kind options _; do
  case "$kind,$options" in *,rw,*) echo "mount $at $kind,$options" ;; esac
done </proc/mounts
for folder in / /etc /usr/local/bin /app; do
  (: >"$folder/probe") 2>/dev/null && echo "wrote $folder"
done
head -c 80M /dev/zero >/tmp/probe 2>/dev/null && echo "filled /tmp"
rm -f /tmp/probe
"""
"""A script for sh. Prints facts, one a line; both versions of control groups are understood."""


def too_free(said: str, *volumes: str) -> set[str]:
    """Name what the container may do that it must not, from what `PROBE` printed there.

    Args:
        said: the probe's output.
        volumes: where the container's volumes are; those are written to.
    """
    facts: dict[str, list[str]] = {}
    for line in said.splitlines():
        name, *words = line.split()
        facts.setdefault(name, []).extend(words if name != "mount" else [" ".join(words)])
    judged = {
        "runs as root": "0" in facts["Uid"],
        "has capabilities": any(int(facts[f"Cap{kind}"][0], 16) for kind in ("Prm", "Eff", "Bnd")),
        "may gain rights": facts["NoNewPrivs"] != ["1"],
        "may start any number of processes": _limit(facts["processes"]) > MOST_PROCESSES,
        "may take all memory": _limit(facts["memory"]) > MOST_MEMORY_BYTES,
        "may take all processors": math.isinf(_limit(facts["cpu"])),
        "writes to its image": "wrote" in facts,
        "fills /tmp": "filled" in facts,
        "writes without a bound": any(_unbounded(m, volumes) for m in facts["mount"]),
    }
    return {what for what, true in judged.items() if true}


def _limit(words: list[str]) -> float:
    return math.inf if words[0] in ("max", "-1") else float(words[0])


def _unbounded(mount: str, volumes: tuple[str, ...]) -> bool:
    at, options = mount.split()
    sized = options.startswith("tmpfs,") and ",size=" in options
    of_the_kernel = at.startswith(("/proc", "/sys")) or options.startswith(("devpts", "mqueue"))
    return not (sized or of_the_kernel or at in volumes)
