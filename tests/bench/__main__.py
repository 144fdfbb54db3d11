"""Figures of flowsync, each beside a limit of this machine that is measured in the same run, and the goal.

    python3 -B tests/bench [--sizes 1000,10000] [SECTION...]     # make bench does all; README.md lists the sections

Prints one screen of ratios and writes all figures to build/bench.json.
"""
import argparse
import json
import os
import platform
import sys
import time

import cycles
from measure import BUILD, FLOWSYNC, Failed, Work
from rows import HEAD, line


def cycle_rows(work, names, sizes):
    for n in sizes:
        chosen = [name for name in cycles.STEPS if name in names]
        if not chosen:
            return
        here = cycles.Cycles(work, n, has_python=n <= 1000)
        for name in chosen:
            yield from guarded(name, getattr(here, name))
        here.close()


def guarded(name, rows):
    """A section that fails is told of, and the others go on."""
    try:
        yield from rows()
    except Failed as error:
        print(f"{name}: {error}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench", add_help=True)
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--full", action="store_true", help="50,000 too")
    parser.add_argument("sections", nargs="*")
    args = parser.parse_args()
    sections = list(cycles.STEPS)
    unknown = [name for name in args.sections if name not in sections]
    if unknown:
        parser.error(f"the sections are: {' '.join(sections)}")
    names = args.sections or sections
    sizes = [int(size) for size in args.sizes.split(",")] + [50_000] * args.full
    began = time.time()
    load = os.getloadavg()[0]
    work = Work()
    found = []
    print(HEAD)
    try:
        for row in cycle_rows(work, names, sizes):
            found.append(row)
            print(line(row), flush=True)
    finally:
        work.close()
        document = {"program": str(FLOWSYNC), "began": began, "seconds": round(time.time() - began, 1),
                    "cpus": os.cpu_count(), "load": load, "kernel": platform.release(),
                    "rows": [row.as_dict() for row in found]}
        (BUILD / "bench.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
