"""The harness must see what it is there to see."""
import unittest

import flowsync


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

    def test_the_environment_is_bare(self):
        self.assertNotIn("FLOWSYNC_TOKEN", self.environment())
        self.assertEqual(self.environment(A=1, TZ=None)["A"], "1")
        self.assertNotIn("TZ", self.environment(TZ=None))


if __name__ == "__main__":
    unittest.main()
