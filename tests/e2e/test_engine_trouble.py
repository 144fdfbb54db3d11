"""The engine in a bad world: a file that was damaged, a clock that is set."""
import unittest

from runs import RunCase, step


class DamageTest(RunCase):
    def test_a_run_that_cannot_be_read_keeps_no_other_from_going_on(self):
        self.create("lost", one=step("exec sleep 600"))
        self.create("torn", one=step("exec sleep 600"))
        self.create("good", one=step("sleep 0.1", retries=1))
        lost, torn, good = (self.begin(name) for name in ("lost", "torn", "good"))
        for name, run in (("lost", lost), ("torn", torn)):
            self.wait_step(name, run, "one")
        self.service.kill()
        self.sql("DELETE FROM run_work WHERE run = (SELECT id FROM run WHERE uuid = ?)", (lost,))
        self.sql("UPDATE run_work SET state = '{' WHERE run = (SELECT id FROM run WHERE uuid = ?)", (torn,))
        self.service.start()
        self.wait_over("good", good, "Success")
        for name, run in (("lost", lost), ("torn", torn)):
            self.assertEqual([r["status"] for r in self.executions(name)], ["Failed"])
            self.assertIn(f"run {run} cannot go on: ", self.service.output())
        self.assertNotIn("cannot be written down", self.service.output())


if __name__ == "__main__":
    unittest.main()
