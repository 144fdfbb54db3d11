"""python3 tests/e2e [LOG [PART]]: end-to-end tests, the classes side by side, two workers a processor.

PART is all (the default), or what `run.sh` runs on one of its builds: "release" or "sanitizers".

Each test mostly waits for a program, so threads do.  The details go to LOG (or stderr), the slowest tests at
its end; the last line on stdout is "PASSED FAILED SKIPPED".
"""
import concurrent.futures
import io
import os
import pathlib
import sys
import time
import unittest

SLOWEST = 30

# They take the same paths of the program hundreds of times, with other data, or count time and memory: what a
# sanitizer finds in them it finds in the others, in minutes less.
EXHAUSTIVE = {"test_bench", "test_field_walk", "test_kill", "test_laws", "test_peer", "test_soak"}
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
    """Keeps how long each test took: .seconds is a list of (seconds, name)."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.seconds = []

    def startTest(self, test):
        self._begin = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.seconds.append((time.monotonic() - self._begin, unittest.TestCase.id(test)))
        super().stopTest(test)


def classes(suite):
    """The discovered tests as one suite a class, so that setUpClass is run once; an exhaustive test is one of its own."""
    found = {}
    for test in flat(suite):
        alone = type(test).__module__ in EXHAUSTIVE
        found.setdefault(unittest.TestCase.id(test) if alone else type(test), unittest.TestSuite()).addTest(test)
    return found.values()


def flat(suite):
    for test in suite:
        yield from flat(test) if isinstance(test, unittest.TestSuite) else [test]


def is_exhaustive(suite):
    return any(type(test).__module__ in EXHAUSTIVE for test in suite)


def run(suite):
    text = io.StringIO()
    return unittest.TextTestRunner(text, verbosity=2, resultclass=TimedResult).run(suite), text.getvalue()


def main():
    here = pathlib.Path(__file__).resolve().parent
    in_part = PARTS[sys.argv[2] if len(sys.argv) > 2 else "all"]
    # The longest go first, so that no processor waits for one at the end.
    tests = [t for t in flat(unittest.defaultTestLoader.discover(here)) if in_part(type(t).__module__)]
    suites = sorted(classes(tests), key=lambda suite: not is_exhaustive(suite))
    passed = failed = skipped = 0
    seconds = []
    with (open(sys.argv[1], "w") if len(sys.argv) > 1 else sys.stderr) as log, \
            concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
        for result, text in pool.map(run, suites):
            if text:
                log.write(text)
            bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
            failed += bad
            seconds += result.seconds
            skipped += len(result.skipped)
            passed += max(0, result.testsRun - bad - len(result.skipped) - len(result.expectedFailures))
        log.write("\nThe slowest tests, in seconds:\n")
        log.writelines(f"{took:8.1f} {name}\n" for took, name in sorted(seconds, reverse=True)[:SLOWEST])
    print(passed, failed, skipped)
    return 1 if failed else 0


sys.exit(main())
