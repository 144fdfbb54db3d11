"""Guards what was reached: instructions and requests for each workflow must not rise by more than 15 %.

    python3 -B tests/bench/guard.py             # tests/run.sh does this; fails if a figure rose
    python3 -B tests/bench/guard.py --renew     # writes today's figures into committed.json, to be committed

Instructions are counted by callgrind in cycles over FEW and MANY workflows; the difference, divided, is the cost of
one: what every start costs is out of it. They depend on compiler and C library by some per cent, so figures are kept
for each pair; a pair without figures is held to the highest of the others of its architecture. --renew renews those of
this pair and multiplies those of the others by the same factor.
"""
import concurrent.futures
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import specs
from cycles import Cycles
from measure import BUILD, FLOWSYNC, Work, settle

FEW, MANY = 5, 30
ALLOWED = 1.15
SLACK = 2_000       # instructions: so little for a workflow is not worth a failure
FILE = pathlib.Path(__file__).with_name("committed.json")
# The C library chooses by the processor how it copies; so that figures are the same everywhere it may not.
SAME_EVERYWHERE = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-AVX512VL,-ERMS,-FSRM,-BMI1,-BMI2,-SSSE3,"
                                     "-SSE4_2,-AVX_Fast_Unaligned_Load,-Fast_Unaligned_Copy"}


def pair():
    """What the figures depend on: the compiler of the program and the C library."""
    comment = subprocess.run(["readelf", "-p", ".comment", FLOWSYNC], capture_output=True, text=True, check=True).stdout
    compiler = re.search(r"GCC: .*?(\d+)\.\d+\.\d+", comment)
    return f"{platform.machine()}, gcc {compiler[1] if compiler else '?'}, {os.confstr('CS_GNU_LIBC_VERSION')}"


# ---- what is counted: each makes ready and gives the command ----

def validate(c):
    return [FLOWSYNC, "validate", c.files]


def first(c):
    c.want_service()
    return c.flowsync("sync", state=c.state.name)


def plan(c):
    c.want_synced()
    return c.flowsync("plan")


def unchanged(c):
    c.want_synced()
    command = c.flowsync("sync", state=c.state.name)
    c.work.spend(command)
    settle()
    return command


def one(c):
    command = unchanged(c)
    specs.file(c.files, 0).write_text(specs.text(0, 1))
    settle()
    return command


def update(c):
    c.want_synced()
    specs.write(c.files, c.n, 1)
    return c.flowsync("sync", state=c.state.name)


def prune(c):
    c.want_synced()
    empty = c.work.path("empty")
    empty.mkdir()
    return c.flowsync("sync", "--prune", "--owner", "default", "--allow-empty", "--max-delete-percent", "100",
                      state=c.state.name)[:-1] + [empty]


CASES = (validate, first, plan, unchanged, one, update, prune)


def count(case, n):
    """(instructions, requests by operation) of a cycle over n workflows."""
    work = Work(BUILD / "guard" / f"{case.__name__}-{n}")
    try:
        here = Cycles(work, n)
        command = case(here)
        if here.service:
            here.service.reset()
        work.env.update(SAME_EVERYWHERE)
        out = work.path("callgrind.out")
        work.spend(["/usr/bin/valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command])
        summary = re.search(r"^(?:summary|totals): (\d+)", out.read_text(errors="replace"), re.M)
        return int(summary[1]), here.service.counts() if here.service else {}
    finally:
        work.close()


def measure():
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        jobs = {case.__name__: [pool.submit(count, case, n) for n in (FEW, MANY)] for case in CASES}
        found = {}
        for name, (few, many) in jobs.items():
            instructions = (many.result()[0] - few.result()[0]) / (MANY - FEW)
            found[name] = {"instructions": round(instructions), "requests": many.result()[1]}
    return found


def committed_figure(instructions, key):
    """Of this pair, else the highest of the same architecture; None: there is none."""
    machine = key.partition(",")[0]
    return instructions.get(key, max((figure for other, figure in instructions.items()
                                      if other.partition(",")[0] == machine), default=None))


def renew(instructions, key, now):
    factor = now / instructions[key] if instructions.get(key) else 1
    for other in instructions:
        instructions[other] = round(instructions[other] * factor)
    instructions[key] = now


def compare(found, committed, key):
    """Prints each figure; gives what rose, in sentences."""
    rose = []
    for name, figures in found.items():
        old = committed.get(name, {"instructions": {}, "requests": {}})
        now, was = figures["instructions"], committed_figure(old["instructions"], key)
        sent, had = (sum(requests.values()) for requests in (figures["requests"], old["requests"]))
        print(f"{name:10} {now:>11,} instructions a workflow, committed {'none' if was is None else f'{was:,}'}; "
              f"{sent} requests for {MANY}, committed {had}: {figures['requests']}")
        if was is not None and now > was * ALLOWED + SLACK:
            rose.append(f"{name}: {now:,} instructions for each workflow, "
                        f"{now / max(was, 1) - 1:.0%} more than {was:,}")
        if sent > had * ALLOWED:
            rose.append(f"{name}: {sent} requests for {MANY} workflows, committed are {had}: {old['requests']}")
    return rose


def main():
    key = pair()
    committed = json.loads(FILE.read_text()) if FILE.exists() else {}
    found = measure()
    rose = compare(found, committed, key)
    if sys.argv[1:] == ["--renew"]:
        for name, figures in found.items():
            entry = committed.setdefault(name, {})
            entry["requests"] = figures["requests"]
            renew(entry.setdefault("instructions", {}), key, figures["instructions"])
        FILE.write_text(json.dumps(committed, indent=1, sort_keys=True) + "\n")
        return 0
    print("\n".join(rose))
    return 1 if rose else 0


if __name__ == "__main__":
    sys.exit(main())
