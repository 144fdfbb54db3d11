"""The figures, with small numbers; by hand and with large ones: make bench-local."""
import io
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import flowsync

sys.path.insert(0, str(flowsync.ROOT / "tests" / "bench"))
import guard            # noqa: E402
import local_service    # noqa: E402

LITTLE = {"ROUNDS": 1, "RUNS": 48, "STEPS": 5, "LATENCIES": 5, "WORKFLOWS": 400, "FINISHED": 2000, "IDLE_S": 1}


class BenchTest(local_service.Bench):
    def setUp(self):
        super().setUp()
        for name, value in LITTLE.items():
            self.enterContext(mock.patch.object(local_service, name, value))

    def figures(self, section):
        """Name and unit to the figure; none is nothing, and each stands beside something."""
        found = {}
        for name, value, unit, peer, beside, ratio in local_service.SECTIONS[section](self):
            self.assertTrue(unit and peer)
            if section != "idle":
                self.assertGreater(min(value, beside, ratio), 0, (name, value, beside))
            found[name, unit] = value
        return found

    def test_runs_and_steps_are_measured(self):
        self.assertIn(("one-step runs", "a second"), self.figures("runs"))
        self.assertEqual(len(self.figures("steps")), 2)

    def test_a_file_that_was_used_for_long_is_measured(self):
        figures = self.figures("store")
        self.assertIn(("memory, 400 workflows, 2,000 runs", "MiB"), figures)
        self.assertLess(figures["memory after all answers below", "MiB"],
                        100 if "ASAN_OPTIONS" not in os.environ else 1000)

    def test_a_service_with_crons_does_nothing_until_they_are_due(self):
        figures = self.figures("idle")
        self.assertLessEqual(figures["", "wake-ups"], 2)

    def test_the_table_has_a_line_for_each_figure(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), mock.patch.object(sys, "argv", ["local_service.py", "steps"]):
            local_service.main()
        lines = out.getvalue().splitlines()
        self.assertEqual([line.split()[-1] for line in lines[:1]], ["ratio"])
        self.assertEqual(len(lines), 3)


class SectionsTest(unittest.TestCase):
    """Each section with few workflows: every figure is there, and stands beside a limit."""

    def rows(self, *sections):
        """{title: row}."""
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/bench.json"
            run = subprocess.run([sys.executable, "-B", flowsync.ROOT / "tests" / "bench", "--sizes", "20",
                                  "--local-sizes", "120", "--work", f"{folder}/work", "--out", out, *sections],
                                 capture_output=True, text=True, timeout=600)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(out) as file:
                rows = {row["name"]: row for row in json.load(file)["rows"]}
        for name, row in rows.items():
            self.assertIn(name, run.stdout)
            self.assertFalse(row["limit_name"] and not row["limit"], row)
        self.assertLessEqual(max(map(len, run.stdout.splitlines())), 80)
        return rows

    def test_cycles_send_what_they_should(self):
        rows = self.rows("validate", "first", "plan", "warm", "one", "update", "prune")
        self.assertGreater(rows["validate"]["ratio"], 0.5)
        self.assertEqual({name: count for name, count in rows["first sync: requests of each"]["requests"].items()
                          if name in ("create", "update", "delete", "other")}, {"create": 20})
        self.assertEqual(set(rows["third cycle: requests"]["requests"]) - {"list", "describe"}, set())
        self.assertGreater(rows["one changed: files opened"]["value"], 0)

    def test_an_agent_is_measured(self):
        rows = self.rows("agent", "push")
        self.assertGreater(rows["agent: save until write"]["value"], 0.2)
        self.assertGreater(rows["agent idle after creates"]["value"], 5)
        self.assertGreater(rows["push until write"]["value"], 0)

    def test_git_delays_and_the_local_service_are_measured(self):
        rows = self.rows("git", "delay", "local")
        self.assertGreaterEqual(rows["20 ms delay, concurrency 1"]["ratio"], 0.95)
        self.assertLess(rows["local page"]["ratio"], 1)


class GuardTest(unittest.TestCase):
    COMMITTED = {"plan": {"instructions": {"here": 1_000_000}, "requests": {"list": 1, "describe": 30}}}

    def rose(self, instructions, key="here", **requests):
        with contextlib.redirect_stdout(io.StringIO()):
            return guard.compare({"plan": {"instructions": instructions, "requests": requests}}, self.COMMITTED, key)

    def test_what_stays_within_15_percent_passes(self):
        self.assertEqual(self.rose(1_140_000, list=1, describe=33), [])
        self.assertEqual(self.rose(500_000, list=1), [])

    def test_more_instructions_fail(self):
        self.assertEqual(self.rose(1_200_000, list=1, describe=30),
                         ["plan: 1,200,000 instructions for each workflow, 20% more than 1,000,000"])

    def test_a_pair_without_figures_is_held_to_the_highest(self):
        committed = {"x86_64, gcc 12": 100, "x86_64, gcc 14": 110, "arm64, gcc 12": 900}
        self.assertEqual(guard.committed_figure(committed, "x86_64, gcc 12"), 100)
        self.assertEqual(guard.committed_figure(committed, "x86_64, gcc 15"), 110)
        self.assertIsNone(guard.committed_figure(committed, "riscv64, gcc 14"))
        guard.renew(committed, "x86_64, gcc 12", 50)
        self.assertEqual(committed, {"x86_64, gcc 12": 50, "x86_64, gcc 14": 55, "arm64, gcc 12": 450})

    def test_more_requests_fail_whatever_the_compiler(self):
        self.assertEqual(self.rose(9_000_000, "elsewhere", list=1, describe=60),
                         ["plan: 61 requests for 30 workflows, committed are 31: {'list': 1, 'describe': 30}"])


if __name__ == "__main__":
    unittest.main()
