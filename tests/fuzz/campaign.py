"""Fuzzes all targets in turn, and adds what was executed to a table: ``python tests/fuzz/campaign.py``.

Each target of `fuzz_readers.TARGETS` gets ``--seconds``, in ``--rounds`` rounds; inputs that reach new code are kept in
``--work`` and begin the next round. A line of ``tests/fuzz/executions.csv`` is a round of a target: executions as
libFuzzer counts them, seconds, and 1 where something else than a table or a refusal came of an input, which then lies
in ``--work`` as ``crash-TARGET-...``.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "executions.csv"
CORPUS = HERE / "corpus"
COLUMNS = ["target", "executions", "seconds", "found"]
LONGEST = 4096
"""Bytes of an input."""


def fuzzed(target: str, seconds: int, work: Path) -> dict[str, object]:
    """One round of one target."""
    own = work / target
    own.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-W", "ignore", str(HERE / "fuzz_readers.py"), target, f"-max_total_time={seconds}",
        f"-max_len={LONGEST}", "-timeout=30", "-rss_limit_mb=3000", f"-dict={HERE / 'words.dict'}",
        f"-artifact_prefix={work}/crash-{target}-", str(own), str(CORPUS / target),
    ]  # fmt: skip
    with (work / f"{target}.log").open("w+", errors="replace") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        log.seek(0)
        said = log.read()
    done = re.search(r"^Done (\d+) runs", said, re.MULTILINE)
    counted = [int(number) for number in re.findall(r"^#(\d+)\s", said, re.MULTILINE)]
    executions = int(done[1]) if done else max(counted, default=0)
    return {"target": target, "executions": executions, "seconds": seconds, "found": int(code != 0)}


def add(row: dict[str, object]) -> None:
    """Add a line to the table."""
    is_new = not TABLE.exists()
    with TABLE.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def totals() -> list[tuple[str, int]]:
    """Executions by target, most first."""
    counted: Counter[str] = Counter()
    with TABLE.open(newline="") as file:
        for row in csv.DictReader(file):
            counted[row["target"]] += int(row["executions"])
    return counted.most_common()


def main() -> int:
    """Run the rounds; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: each that has a folder in corpus/")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args()
    targets = given.targets or sorted(path.name for path in CORPUS.iterdir())
    found = 0
    for _ in range(given.rounds):
        for target in targets:
            row = fuzzed(target, given.seconds, given.work)
            add(row)
            found += int(str(row["found"]))
            print(*row.values(), flush=True)
    for target, executions in totals():
        print(f"{target:26} {executions:12,}")
    print(f"{'all':26} {sum(executions for _, executions in totals()):12,}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
