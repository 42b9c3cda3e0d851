"""`make audit`: asks for known vulnerabilities of what the images and the tools install.

Exit codes: 0 none is known, 1 some are, 3 not all packages could be asked about. pip-audit alone
would say "no known vulnerabilities" also where it could ask about none.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VULNERABLE = 1
NOT_ASKED = 3
TIMEOUT_SECONDS = 15
UNREACHABLE = (
    "the data of known vulnerabilities cannot be reached from here. Run this where the package "
    "index itself can be reached, not a mirror of it."
)

Answer = Mapping[str, Any]
"""What pip-audit says about one package."""


def judge(answers: Sequence[Answer]) -> tuple[int, list[str]]:
    """Return the exit code, and what to say, for all answers of pip-audit."""
    asked = [answer for answer in answers if "vulns" in answer]
    known = [answer for answer in asked if answer["vulns"]]
    skipped = [answer["name"] for answer in answers if "vulns" not in answer]
    lines = [_sentence(answer) for answer in known]
    lines += [f"Packages: {len(answers)}, asked about: {len(asked)}, vulnerable: {len(known)}."]
    if skipped or not asked:
        lines += [f"Not asked about {', '.join(skipped) if asked else 'any'}: {UNREACHABLE}"]
    return (VULNERABLE if known else NOT_ASKED if skipped or not asked else 0), lines


def _sentence(answer: Answer) -> str:
    ids = ", ".join(
        f"{vulnerability['id']} (fixed in {', '.join(vulnerability['fix_versions']) or 'none'})"
        for vulnerability in answer["vulns"]
    )
    return f"{answer['name']} {answer['version']}: {ids}"


def main() -> int:
    """Ask, and print the answer."""
    code, lines = judge(_ask())
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


def _ask() -> list[Answer]:
    locks = [ROOT / "requirements-dev.lock", *sorted((ROOT / "deploy/requirements").glob("*.lock"))]
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--progress-spinner=off", "--format=json", f"--timeout={TIMEOUT_SECONDS}"]
    command += [f"--requirement={lock}" for lock in locks]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answers: list[Answer] = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        print(asked.stderr.strip(), file=sys.stderr)
        return []
    return answers


if __name__ == "__main__":
    sys.exit(main())
