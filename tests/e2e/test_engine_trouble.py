"""The engine in a bad world: a file that was damaged, or is known by two names."""
import unittest

from flowsync import Service
from run_case import RunCase, step


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
            self.assertIn(f"execution {run} cannot continue: ", self.service.output())
        self.assertNotIn("cannot save execution state", self.service.output())


class NamesTest(RunCase):
    def test_a_file_that_two_services_know_by_two_names_has_one_engine(self):
        told = self.tmp / "told"
        self.create("once", one=step(f"echo it ran >> {told}; until test -e {self.tmp}/end; do sleep 0.05; done"))
        self.create("next", one=step("true"))
        run = self.begin("once")
        self.wait_step("once", run, "one")
        (self.tmp / "other").mkdir(mode=0o700)
        (self.tmp / "other/service.db").symlink_to(self.service.folder / "service.db")
        other = Service(self, self.tmp / "other")
        self.addCleanup(other.kill)
        next_run = other.good("POST", f"/workflows/{other.id_of('next')}/execute", {})["executionId"]
        self.wait_over("next", next_run, "Success")     # by whoever runs them
        (self.tmp / "end").touch()
        self.wait_over("once", run, "Success")
        self.assertEqual(told.read_text(), "it ran\n")
        other.stop()


if __name__ == "__main__":
    unittest.main()
