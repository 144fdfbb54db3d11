"""python3 tests/e2e [LOG]: all end-to-end tests, the classes side by side, two workers a processor.

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
    """The discovered tests as one suite a class, so that setUpClass is run once."""
    found = {}
    for test in flat(suite):
        found.setdefault(type(test), unittest.TestSuite()).addTest(test)
    return found.values()


def flat(suite):
    for test in suite:
        yield from flat(test) if isinstance(test, unittest.TestSuite) else [test]


def run(suite):
    text = io.StringIO()
    return unittest.TextTestRunner(text, verbosity=2, resultclass=TimedResult).run(suite), text.getvalue()


def main():
    here = pathlib.Path(__file__).resolve().parent
    suites = classes(unittest.defaultTestLoader.discover(here))
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
