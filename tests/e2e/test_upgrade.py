"""What an earlier version of flowsync left behind is taken over, and that version refuses what this one wrote."""
import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from agent import AgentCase, spec
from flowsync import ROOT
from git_servers import Repository

EARLIER = "fd7e0c9"
FOLDER = ROOT / "build" / f"upgrade-{EARLIER}"
# The block ends the file: to the earlier version its last newline is part of the command.
ENDS_IN_NEWLINE = "name: a\nsteps:\n  one:\n    imageId: 7\n    command: |\n      echo one\n"


def build_earlier():
    """The program of the earlier version, built once."""
    program = FOLDER / "build" / "flowsync"
    if program.exists():
        return program
    archive = subprocess.run(["git", "-C", ROOT, "archive", EARLIER], capture_output=True)
    if archive.returncode != 0:
        raise unittest.SkipTest(f"the history has no commit {EARLIER}: {archive.stderr.decode().strip()}")
    # A build that was interrupted or failed leaves nothing of that name.
    FOLDER.parent.mkdir(exist_ok=True)
    made = pathlib.Path(tempfile.mkdtemp(prefix=f"{FOLDER.name}-", dir=FOLDER.parent))
    try:
        subprocess.run(["tar", "-x", "-C", made], input=archive.stdout, check=True)
        # As from the command line, and not as part of the make that runs the tests.
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SAN", "BUILD")}
        built = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", made, "all", "CFLAGS=-O0"], env=env,
                               capture_output=True, text=True)
        if built.returncode != 0:
            faults = [line for line in built.stderr.splitlines() if "error" in line.lower()] or [built.stderr]
            raise unittest.SkipTest(f"{EARLIER} does not compile here: {faults[0]}")
        shutil.rmtree(FOLDER, ignore_errors=True)
        made.rename(FOLDER)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return program


class UpgradeTest(AgentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.earlier = build_earlier()
        cls.present = cls.program

    def setUp(self):
        super().setUp()
        self.program = self.earlier
        self.repository = Repository(self.tmp / "site" / "repo.git")
        self.repository.commit({"a.yaml": ENDS_IN_NEWLINE, "b.yaml": spec("b")})
        self.given = ("--git", self.repository.path, "--owner", "git", "--prune")

    def upgrade(self):
        self.program = self.present
        self.service.stop()
        self.service.start()

    def run_agent(self, config, **wanted):
        """Until the cycle of the sync "dir" has ended like that; gives its report."""
        agent = self.agent(config)
        report = agent.wait_report("dir", "the cycle ended", **wanted)
        agent.stop()
        return report

    def contents(self):
        """{name: bytes} of all that is remembered; a refused sync takes the lock and stores its report."""
        return {str(path.relative_to(self.state)): path.read_bytes() for path in self.state.rglob("*")
                if path.is_file() and path.name != "lock" and "reports" not in path.parts}

    def test_what_an_earlier_version_wrote_is_taken_over(self):
        stored = self.expect(0, "sync", *self.given, "-o", "json").json()
        self.assertEqual(stored["summary"]["create"], 2)
        execution = self.service.good("POST", f"/workflows/{self.service.id_of('a')}/execute")["executionId"]
        specs = self.write({f"{n}.yaml": spec(n) for n in "cdef"})
        config = self.config(self.sync("dir", dir=specs, prune=True))
        self.run_agent(config, outcome="applied")
        for name in "def":
            (specs / f"{name}.yaml").unlink()
        blocked = self.run_agent(config, outcome="blocked")
        self.expect(0, "approve", "dir", "delete-share", "--revision", blocked["source"]["tree"], endpoint=None)
        mirror, = (self.state / "git").glob("*/HEAD")
        kept = mirror.stat().st_ino

        self.upgrade()
        plan = self.expect(0, "plan", "--detailed-exitcode", *self.given, "-o", "json").json()
        self.assertEqual((plan["summary"]["declared"], plan["summary"]["none"], plan["warnings"]), (2, 2, []))
        self.assertEqual(mirror.stat().st_ino, kept)
        self.assertIn(stored["cycle_id"], self.expect(0, "report", "list", endpoint=None).out)
        self.assertEqual(self.expect(0, "report", stored["cycle_id"], "-o", "json", endpoint=None).json()["summary"],
                         stored["summary"])
        self.assertIn(execution, self.expect(0, "workflow", "executions", "a").out)
        # Also of workflows that nothing has changed since.
        with contextlib.closing(sqlite3.connect(self.service.folder / "service.db")) as database:
            for table in "workflow", "workflow_item", "workflow_rest":
                self.assertEqual(database.execute(f"SELECT count(*) FROM {table}").fetchone(), (6,), table)
        # A directory has another tree than before, so what was approved for it is asked for again.
        again = self.run_agent(config, outcome="blocked")
        self.assertNotEqual(again["source"]["tree"], blocked["source"]["tree"])
        self.expect(0, "approve", "dir", "delete-share", "--revision", again["source"]["tree"], endpoint=None)
        approved = self.run_agent(config, outcome="applied")
        self.assertEqual((approved["summary"]["delete"], self.names()), (3, ["a", "b", "c"]))

    def test_an_earlier_version_refuses_what_this_one_wrote(self):
        self.upgrade()
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        given = (specs, "--owner", "dir", "--prune")
        self.expect(0, "sync", *given)
        before, workflows = self.contents(), self.service.workflows()
        self.assertIn("state.db", before)
        (specs / "a.yaml").write_text(spec("a", "date"))
        (specs / "b.yaml").unlink()

        self.program = self.earlier
        for command in "plan", "sync":
            with self.subTest(command):
                self.assertRegex(self.expect(1, command, *given).err,
                                 r"state\.db.* is of version \d+, .* it was written by a newer flowsync")
                self.assertEqual(self.contents(), before)
                self.assertEqual(self.service.workflows(), workflows)


if __name__ == "__main__":
    unittest.main()
