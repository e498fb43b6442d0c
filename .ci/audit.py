"""Hold the installed packages against known vulnerabilities; where the index does not answer, say so.

Run with the interpreter of an environment that has pip-audit, and the folder of the packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main(packages: str) -> None:
    """Audit, and end with an error where a vulnerability is known."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip_audit", "--timeout", "20", "--path", packages]
        done = subprocess.run(
            [*command, "-f", "json", "-o", str(report)], capture_output=True, text=True, check=False
        )
        if not report.exists():
            print("audit: nothing is known, as the index does not answer:", done.stderr.strip()[-200:])
            return
        found = json.loads(report.read_text())["dependencies"]
    audited = [own for own in found if "vulns" in own]
    print(f"audit: {len(audited)} of {len(found)} packages are known to the index that was asked")
    wrong = [own for own in audited if own["vulns"]]
    for own in wrong:
        for vulnerability in own["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"audit: {own['name']} {own['version']}: {vulnerability['id']}, mended in {fixed}")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
