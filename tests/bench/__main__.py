"""Figures of flowsync, each beside a limit of this machine that is measured in the same run, and the goal.

    python3 -B tests/bench [--full] [--sizes 1000,10000] [SECTION...]     # make bench does all; README.md lists them

Tells stderr of each figure as it is measured, prints one screen of ratios at the end, and writes all figures to
build/bench.json.
"""
import argparse
import json
import os
import pathlib
import platform
import signal
import sys
import time

import agents
import cycles
import servers
from measure import BUILD, FLOWSYNC, Failed, Work
from rows import Row, line, screen

SMALL, LARGE, HUGE = 1000, 10_000, 50_000
OTHERS = ("delay", "agent", "push", "git", "local")
GROWTH = 1.15
GROWING = "validate", "first sync", "cold plan, no state", "third cycle, no change"


def sections(work, names, sizes, local_sizes):
    """(section, function that gives its rows), in the order of the run."""
    small = min(sizes)
    usual = [size for size in sizes if size <= LARGE] or [small]
    for n in sizes:
        chosen = [name for name in cycles.STEPS if name in names]
        if chosen:
            here = cycles.Cycles(work, n, has_python=n == small)
            yield from ((name, getattr(here, name)) for name in chosen)
            here.close()
    if "delay" in names:
        yield "delay", lambda: servers.delay(work, small)
    if "agent" in names:
        yield from (("agent", lambda n=n: agents.run(work, n)) for n in usual)
    if "push" in names:
        yield "push", lambda: agents.push(work, small)
    if "git" in names:
        yield "git", lambda: agents.git(work, max(usual))
    if "local" in names:
        yield from (("local", lambda n=n: servers.local(work, n)) for n in local_sizes)


def growth(rows):
    """Time and memory of one workflow, at the largest size beside the smallest."""
    for name in GROWING:
        for title in name, f"{name.removesuffix(', no change')}: peak":
            here = sorted((row for row in rows if row.name == title), key=lambda row: row.n)
            if len(here) > 1 and here[-1].n >= HUGE:
                first, last = here[0], here[-1]
                yield Row(f"growth: {title}", last.n, last.value / last.n * 1000, f"{last.unit}/1,000",
                          first.value / first.n * 1000, GROWTH, limit_name=f"the same at {first.n:,}")


def measure(work, names, sizes, local_sizes, rows):
    """Adds rows as they are measured; gives the sections that failed."""
    failed = []
    for name, section in sections(work, names, sizes, local_sizes):
        began = time.monotonic()
        try:
            for row in section():
                rows.append(row)
                print(line(row), file=sys.stderr, flush=True)
        except Failed as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
        print(f"  {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    rows.extend(growth(rows))
    return failed


def main():
    every = [*cycles.STEPS, *OTHERS]
    parser = argparse.ArgumentParser(prog="tests/bench")
    parser.add_argument("--sizes", default=f"{SMALL},{LARGE}", help="numbers of workflows (%(default)s)")
    parser.add_argument("--full", action="store_true", help=f"{HUGE:,} too, and how the figures grow")
    parser.add_argument("--local-sizes", default="500,2000", help="the same for the local service (%(default)s)")
    parser.add_argument("--work", type=pathlib.Path, default=BUILD / "bench", help="a folder to work in (%(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=BUILD / "bench.json", help="all figures (%(default)s)")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=" ".join(every))
    args = parser.parse_args()
    if unknown := set(args.sections) - set(every):
        parser.error(f"no section {' '.join(unknown)}; the sections are: {' '.join(every)}")
    sizes, local_sizes = ([int(n) for n in text.split(",")] for text in (args.sizes, args.local_sizes))
    sizes += [HUGE] * args.full
    began, load, rows = time.time(), os.getloadavg()[0], []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that what was started is ended
    work = Work(args.work)
    try:
        failed = measure(work, args.sections or every, sizes, local_sizes, rows)
    finally:
        work.close()
        document = {"program": str(FLOWSYNC), "began": began, "seconds": round(time.time() - began, 1),
                    "cpus": os.cpu_count(), "load": load, "kernel": platform.release(),
                    "rows": [row.as_dict() for row in rows]}
        args.out.write_text(json.dumps(document, indent=1) + "\n")
    print(screen(rows, sizes))
    print(f"{time.time() - began:.0f} s, load {load:.1f} at the start; !: the goal is not reached")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
