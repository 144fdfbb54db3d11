"""python3 tests/e2e [LOG [PART]]: end-to-end tests, side by side in processes, two a processor.

PART is all (the default), or what `run.sh` runs on one of its builds: "release" or "sanitizers".

Tests run side by side unless their class has a setUpClass.  They are in processes, as threads of one Python take turns:
some tests have a service of their own in Python.  The details go to LOG (or stderr), the tests that took longest at its
end; the last line on stdout is "PASSED FAILED SKIPPED".
"""
import concurrent.futures
import io
import multiprocessing
import os
import pathlib
import resource
import sys
import time
import unittest

SLOWEST = 30

# They take the same paths of the program hundreds of times, with other data, or count time and memory: what a
# sanitizer finds in them it finds in the others, in minutes less.
EXHAUSTIVE = {"test_bench", "test_field_walk", "test_import_habits", "test_kill", "test_laws", "test_peer", "test_soak"}
# What a user does with the program, for the build that users have.
EVERYDAY = {"test_agent", "test_examples", "test_harness", "test_run_steps", "test_serve", "test_sync", "test_systemd"}
# It builds another version of the program, without sanitizers.
RELEASE_ONLY = {"test_upgrade"}
PARTS = {
    "all": lambda module: True,
    "release": lambda module: module in EXHAUSTIVE | EVERYDAY | RELEASE_ONLY,
    "sanitizers": lambda module: module not in EXHAUSTIVE | RELEASE_ONLY,
}


class TimedResult(unittest.TextTestResult):
    """Keeps how long each test took: .took is a list of (seconds, CPU seconds, name)."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.took = []

    def startTest(self, test):
        self._begin = time.monotonic(), cpu_seconds()
        super().startTest(test)

    def stopTest(self, test):
        self.took.append((time.monotonic() - self._begin[0], cpu_seconds() - self._begin[1], unittest.TestCase.id(test)))
        super().stopTest(test)


def cpu_seconds():
    """Of this process and of the programs that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def suites_of(tests):
    """The tests as suites to run side by side: one for each class that has a setUpClass, and for each other test."""
    found = {}
    for test in tests:
        together = type(test).setUpClass.__func__ is not unittest.TestCase.setUpClass.__func__
        found.setdefault(type(test) if together else unittest.TestCase.id(test), unittest.TestSuite()).addTest(test)
    # The longest go first, so that no processor waits for one at the end.
    return sorted(found.values(), key=lambda suite: not takes_long(suite))


def flat(suite):
    for test in suite:
        yield from flat(test) if isinstance(test, unittest.TestSuite) else [test]


def takes_long(suite):
    """A class says of itself that it takes_long, because it waits for a time, for example."""
    return any(type(test).__module__ in EXHAUSTIVE or getattr(test, "takes_long", False) for test in suite)


def run(number):
    """Runs a suite in a worker: passed, failed, skipped, what each test took, the text for the log."""
    text = io.StringIO()
    result = unittest.TextTestRunner(text, verbosity=2, resultclass=TimedResult).run(suites[number])
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - failed - skipped - len(result.expectedFailures))
    return passed, failed, skipped, result.took, text.getvalue()


def main():
    global suites
    here = pathlib.Path(__file__).resolve().parent
    in_part = PARTS[sys.argv[2] if len(sys.argv) > 2 else "all"]
    suites = suites_of(t for t in flat(unittest.defaultTestLoader.discover(here)) if in_part(type(t).__module__))
    passed = failed = skipped = 0
    took = []
    # A worker is a copy of this process, so it has the suites.
    with (open(sys.argv[1], "w") if len(sys.argv) > 1 else sys.stderr) as log, \
            concurrent.futures.ProcessPoolExecutor(2 * os.cpu_count(), multiprocessing.get_context("fork")) as pool:
        for *counts, times, text in pool.map(run, range(len(suites))):
            log.write(text)
            passed, failed, skipped = (a + b for a, b in zip((passed, failed, skipped), counts))
            took += times
        log.write(f"\nThe tests that took longest, of {sum(cpu for _, cpu, _ in took):.0f} CPU seconds in all:\n"
                  f"{'seconds':>8} {'CPU s':>8}\n")
        log.writelines(f"{seconds:8.1f} {cpu:8.1f} {name}\n" for seconds, cpu, name in sorted(took, reverse=True)[:SLOWEST])
    print(passed, failed, skipped)
    return 1 if failed else 0


sys.exit(main())
