"""python3 tests/e2e [LOG]: all end-to-end tests, the classes side by side, two workers a processor.

Each test mostly waits for a program, so threads do.  The details go to LOG (or stderr); the last
line on stdout is "PASSED FAILED SKIPPED".
"""
import concurrent.futures
import io
import os
import pathlib
import sys
import unittest


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
    return unittest.TextTestRunner(text, verbosity=2).run(suite), text.getvalue()


def main():
    here = pathlib.Path(__file__).resolve().parent
    suites = classes(unittest.defaultTestLoader.discover(here))
    passed = failed = skipped = 0
    with (open(sys.argv[1], "w") if len(sys.argv) > 1 else sys.stderr) as log, \
            concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
        for result, text in pool.map(run, suites):
            if text:
                log.write(text)
            bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
            failed += bad
            skipped += len(result.skipped)
            passed += max(0, result.testsRun - bad - len(result.skipped) - len(result.expectedFailures))
    print(passed, failed, skipped)
    return 1 if failed else 0


sys.exit(main())
