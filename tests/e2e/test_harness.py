"""The harness must see what it is there to see."""
import pathlib
import re
import signal
import subprocess
import sys
import unittest

import flowsync

RUN_SH = pathlib.Path(__file__).resolve().parent.parent / "run.sh"


class HarnessTest(flowsync.ServiceCase):
    def test_a_secret_in_any_output_fails_the_test(self):
        value = self.secret()
        for out, err in ((f"x{value}x", ""), ("", value)):
            with self.assertRaisesRegex(AssertionError, "a secret is shown"):
                self.check_output(flowsync.Result(["plan"], 0, out, err))

    def test_a_secret_in_a_file_fails_the_test(self):
        folder = self.write({"deep/report.json": self.secret()})
        with self.assertRaisesRegex(AssertionError, "a secret stands in"):
            self.assertNoSecretIn(folder)

    def test_a_crash_or_a_sanitizers_report_fails_the_test(self):
        for code, err in ((-11, ""), (99, ""), (0, "x.c:1:2: runtime error: signed integer overflow")):
            with self.assertRaises(AssertionError):
                self.check_output(flowsync.Result(["plan"], code, "", err))

    def test_a_signal_is_sent_when_it_is_handled(self):
        process = subprocess.Popen([sys.executable, "-c", "import os, signal, time; time.sleep(1); "
                                    "signal.signal(signal.SIGTERM, lambda *_: os._exit(7)); signal.pause()"])
        self.addCleanup(process.kill)
        self.interrupt(process, signal.SIGTERM)
        self.assertEqual(process.wait(flowsync.TIMEOUT), 7)

    def test_the_environment_is_bare(self):
        self.assertNotIn("FLOWSYNC_TOKEN", self.environment())
        self.assertEqual(self.environment(A=1, TZ=None)["A"], "1")
        self.assertNotIn("TZ", self.environment(TZ=None))

    def test_a_warning_ends_our_builds_and_no_users(self):
        for more, strict in (([], False), (["WERROR=1"], True)):
            commands = subprocess.run(["make", "-n", "V=1", f"BUILD={self.tmp}/build", *more, "all"], text=True,
                                      cwd=flowsync.ROOT, env=self.environment(), capture_output=True, check=True).stdout
            compiling = [line for line in commands.splitlines() if " -c -o " in line]
            self.assertGreater(len(compiling), 100)
            self.assertEqual({"-Werror" in line.split() for line in compiling}, {strict})
        self.assertRegex(RUN_SH.read_text(), r"make .*WERROR=1 .*all programs")

    def count_named(self, word, log):
        function = re.search(r"^named\(\) \{\n.*?^\}\n", RUN_SH.read_text(), re.M | re.S).group()
        folder = self.write({"unit.log": log})
        out = subprocess.run(["sh", "-c", function + 'named "$1" "$2"', "sh", word, f"{folder}/unit.log"],
                             capture_output=True, text=True, check=True).stdout
        return int(out)

    def test_run_sh_counts_the_tests_of_each_cmocka(self):
        old = ("[==========] Running 3 test(s).\n[ RUN      ] a\n[  FAILED  ] a\n[ RUN      ] b\n[  FAILED  ] b\n"
               "[ RUN      ] c\n[  SKIPPED ] c\n[==========] 3 test(s) run.\n[  PASSED  ] 0 test(s).\n"
               "[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] c\n\n 1 SKIPPED TEST(S)\n"
               "[  FAILED  ] 2 test(s), listed below:\n[  FAILED  ] a\n[  FAILED  ] b\n\n 2 FAILED TEST(S)\n")
        new = re.sub(r"(\[==========\]|\[  \w+ *\]) (Running )?(\d test)", r"\1 tests: \2\3", old)
        self.assertIn("[  FAILED  ] tests: 2 test(s), listed below:", new)
        for log in (old, new):
            self.assertEqual((self.count_named("FAILED ", log), self.count_named("SKIPPED", log)), (2, 1))

    def test_run_sh_counts_the_tests_of_this_cmocka(self):
        folder = self.write({"two.c": """
            #include <setjmp.h>
            #include <stdarg.h>
            #include <stddef.h>
            #include <stdint.h>
            #include <cmocka.h>
            static void bad(void **state) { assert_true(0); }
            static void worse(void **state) { assert_true(0); }
            static void left_out(void **state) { skip(); }
            int main(void)
            {
                const struct CMUnitTest tests[] = {
                    cmocka_unit_test(bad), cmocka_unit_test(worse), cmocka_unit_test(left_out),
                };
                return cmocka_run_group_tests(tests, NULL, NULL);
            }"""})
        subprocess.run(["cc", "-w", "-o", f"{folder}/two", f"{folder}/two.c", "-lcmocka"], check=True)
        log = subprocess.run([f"{folder}/two"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        self.assertEqual((self.count_named("FAILED ", log), self.count_named("SKIPPED", log)), (2, 1), log)


if __name__ == "__main__":
    unittest.main()
