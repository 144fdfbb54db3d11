"""Reports of earlier syncs are kept, listed and shown again."""
import json
import os
import re
import resource
import subprocess
import textwrap
import unittest

import flowsync

HELLO = """\
    name: hello
    steps:
      greet:
        imageId: 7
        command: echo hello
    """
WRONG = "name: [\n"


class ReportTest(flowsync.ServiceCase):
    def setUp(self):
        super().setUp()
        self.reports = self.state / "reports"
        self.specs = self.write({"hello.yaml": HELLO})

    def stored(self):
        return sorted(f.name for f in self.reports.iterdir()) if self.reports.exists() else []

    def test_a_sync_stores_its_report_and_a_plan_none(self):
        self.expect(0, "plan", self.specs)
        self.assertFalse(self.state.exists())
        said = self.expect(0, "sync", "-o", "json", self.specs).json()
        self.assertEqual(self.stored(), [said["cycle_id"] + ".json", "latest.json"])
        for name in self.stored():
            self.assertEqual(json.loads((self.reports / name).read_text()), said)
        for which in "latest", said["cycle_id"]:
            self.assertEqual(self.expect(0, "report", which, "-o", "json", endpoint=None).json(), said)
        self.expect(0, "plan", self.specs)
        self.assertEqual(len(self.stored()), 2)

    def test_a_state_directory_that_others_can_change_is_refused(self):
        self.expect(0, "sync", self.specs)
        stored = self.stored()
        self.state.chmod(0o777)
        for words in (["sync", self.specs], ["plan", self.specs], ["report"], ["report", "latest"], ["serve"],
                      ["agent", "--http", "none", "--dir", self.specs], ["workflow", "list", "--endpoint", "local"]):
            with self.subTest(words[0]):
                said = self.expect(1, *words, endpoint=words[0] in ("sync", "plan", "agent") or None)
                self.assertIn(f"to fix it: chmod o-w '{self.state}'", said.err)
        self.assertEqual(self.stored(), stored)
        self.state.chmod(0o770)
        self.assertIn(f"to fix it: chmod g-w '{self.state}'", self.expect(0, "sync", self.specs).err)

    def test_a_damaged_state_is_set_aside_and_nothing_is_deleted_until_a_whole_sync(self):
        self.expect(0, "sync", self.specs, "--owner", "o", "--prune")
        (self.specs / "hello.yaml").rename(self.specs / "other.yaml")
        (self.specs / "other.yaml").write_text(textwrap.dedent(HELLO).replace("hello", "other"))
        (self.state / "state.db").write_bytes(b"not a database" * 1000)
        words = "sync", self.specs, "--owner", "o", "--prune", "--max-delete-percent", "100"
        # The first ends midway, the second is not about all workflows.
        self.assertIn("the state is damaged", self.expect(1, *words, "--timeout", "1s", endpoint="http://127.0.0.1:9").err)
        for more in ["--only", "hello"], []:
            self.assertIn("nothing is deleted this time", self.expect(0, *words, *more).err)
        self.assertEqual({w["name"] for w in self.service.workflows()}, {"hello", "other"})
        self.assertEqual(len(list(self.state.glob("state.db.damaged-*"))), 1)
        self.assertNotIn("damaged", self.expect(0, *words).err)
        self.assertEqual({w["name"] for w in self.service.workflows()}, {"other"})

    def test_damaged_decisions_stop_a_sync_until_they_are_moved_away(self):
        self.state.mkdir(mode=0o700)
        (self.state / "decisions.json").write_text("{")
        said = self.expect(1, "sync", self.specs).err
        self.assertEqual(self.service.workflows(), [])
        command = re.search("(mv '.*' '.*')", said)[1]
        subprocess.run(command, shell=True, check=True)
        self.expect(0, "sync", self.specs)

    @unittest.skipUnless(os.geteuid() == 0, "only root can")
    def test_root_reads_the_reports_of_a_service_as_its_user(self):
        self.expect(0, "sync", self.specs)
        private = self.tmp / "private"
        private.mkdir(mode=0o700)
        moved = self.state.rename(private / "state")
        self.state.symlink_to(moved)
        for path in moved, *moved.rglob("*"):
            os.chown(path, 61234, 61234)
        self.assertIn("sync of default: applied", self.expect(0, "report", "latest", endpoint=None).out)
        self.assertIn("belongs to the user 61234", self.expect(1, "sync", self.specs).err)
        self.assertEqual({path.stat().st_uid for path in (moved, *moved.rglob("*"))}, {61234})

    def test_a_sync_that_was_typed_wrong_is_not_stored(self):
        self.expect(64, "sync", self.specs, "--owner", "No Owner")
        self.expect(64, "sync", self.specs, endpoint=None)
        self.expect(64, "sync", "--prune", self.specs)
        self.assertEqual(self.stored(), [])

    def test_every_sync_is_stored_whatever_became_of_it(self):
        first = self.expect(0, "sync", "-o", "json", self.specs).json()["cycle_id"]
        second = self.expect(0, "sync", "-o", "json", self.specs).json()["cycle_id"]
        third = self.expect(65, "sync", "-o", "json", self.write({"wrong.yaml": WRONG}, "wrong")).json()["cycle_id"]
        fourth = self.expect(1, "sync", "-o", "json", self.specs, "--timeout", "1s",
                             endpoint="http://127.0.0.1:9").json()["cycle_id"]
        self.assertEqual(self.expect(0, "report", endpoint=None).out, "\n".join([
            f"{'CYCLE':33}  SYNC     OUTCOME    EXIT  CREATE  CHANGE  DELETE  FAILED",
            f"{fourth}  default  failed     1     0       0       0       0",
            f"{third}  default  invalid    65    0       0       0       0",
            f"{second}  default  converged  0     0       0       0       0",
            f"{first}  default  applied    0     1       0       0       0", ""]))
        document = self.expect(0, "report", "list", "-o", "json", endpoint=None).json()
        listed = document.pop("reports")
        version = self.expect(0, "version", "-o", "json", endpoint=None).json()
        self.assertEqual(f"flowsync {version.pop('version')}\n", self.expect(0, "--version", endpoint=None).out)
        for own in (document, version):
            self.assertEqual(own, {"report_version": 1, "exit_code": 0, "errors": [], "warnings": []})
        self.assertEqual([r["cycle_id"] for r in listed], [fourth, third, second, first])
        self.assertEqual([r["exit_code"] for r in listed], [1, 65, 0, 0])
        self.assertEqual(listed[3]["summary"]["create"], 1)

    def test_a_report_is_shown_as_the_sync_printed_it(self):
        printed = self.expect(0, "sync", self.specs).out
        shown = self.expect(0, "report", "latest", endpoint=None).out
        heading, rest = shown.split("\n\n", 1)
        self.assertRegex(heading, r"^[0-9TZ:.-]{24}-[0-9a-f]{8}, sync of default: applied, exit code 0$")
        self.assertEqual(rest, printed)
        self.assertIn("created   hello", printed)

    def test_what_was_wrong_is_shown_with_its_place(self):
        wrong = self.write({"wrong.yaml": WRONG}, "wrong")
        said = self.expect(65, "sync", wrong).err
        shown = self.expect(0, "report", "latest", endpoint=None).out
        self.assertIn("sync of default: invalid, exit code 65\n", shown)
        error = re.search(r"error: (.*wrong\.yaml:.*)", said)[0]
        self.assertIn(error + "\n", shown)

    def test_no_secret_is_kept(self):
        secret = self.secret("env")
        specs = self.write({"s.yaml": f"""\
            name: s
            steps:
              a:
                imageId: 7
                command: x
                parameters:
                  env:
                    API_KEY: {secret}
            """}, "secret")
        self.expect(0, "sync", specs)
        self.expect(0, "report", "latest", endpoint=None)
        self.assertNoSecretIn(self.reports)

    def test_what_is_not_there_is_said_in_one_sentence(self):
        for which, sentence in (
                ("latest", f'there is no report in "{self.reports}" yet: sync stores one'),
                ("2026-01-02T03:04:05.678Z-0123abcd",
                 f'there is no report "2026-01-02T03:04:05.678Z-0123abcd" in "{self.reports}"'),
                ("../../etc/passwd", 'there is no report "../../etc/passwd": expected list, latest, or an id from '
                                     'the list or its beginning')):
            result = self.expect(1, "report", which, endpoint=None)
            self.assertEqual((result.out, result.err), ("", f"flowsync: error: {sentence}\n"))
            document = self.expect(1, "report", which, "-o", "json", endpoint=None).json()
            self.assertEqual(document["errors"][0]["message"], sentence)
        self.assertEqual(self.expect(0, "report", endpoint=None).out,
                         "CYCLE  SYNC  OUTCOME  EXIT  CREATE  CHANGE  DELETE  FAILED\n")
        result = self.expect(64, "report", endpoint=None, env={"HOME": None, "FLOWSYNC_STATE_DIR": None})
        self.assertIn("give --state-dir", result.err)

    def test_a_damaged_one_is_left_out_of_the_list_and_refused_alone(self):
        first = self.expect(0, "sync", "-o", "json", self.specs).json()["cycle_id"]
        second = self.expect(0, "sync", "-o", "json", self.specs).json()["cycle_id"]
        (self.reports / f"{first}.json").write_text('{"report_version": 1}')
        listed = self.expect(0, "report", "-o", "json", endpoint=None)
        self.assertEqual([r["cycle_id"] for r in listed.json()["reports"]], [second])
        self.assertIn(f'warning: report "{first}" is skipped: /tool is missing\n', listed.err)
        result = self.expect(1, "report", first, endpoint=None)
        self.assertEqual(result.err, f'flowsync: error: report "{first}" was written by another version of flowsync: '
                                     "/tool is missing\n")

    def test_a_state_directory_that_cannot_be_written_is_a_warning_and_the_result_is_printed(self):
        self.state.mkdir()
        self.reports.write_text("")
        result = self.expect(0, "sync", "-o", "json", self.specs)
        sentence = f'this report is not stored: make the folder "{self.reports}": File exists'
        self.assertEqual(result.err, f"flowsync: warning: {sentence}\n")
        self.assertEqual(result.json()["warnings"][0]["message"], sentence)
        self.assertEqual(result.json()["outcome"], "applied")

    def test_a_full_disk_fails_the_sync_before_it_writes_and_the_result_is_printed(self):
        self.expect(0, "sync", self.specs)
        before = self.stored(), self.expect(0, "report", "latest", endpoint=None).out

        def as_if_full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        done = subprocess.run(
            [flowsync.PROGRAM, "sync", self.specs], stdin=subprocess.DEVNULL, text=True, timeout=flowsync.TIMEOUT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=as_if_full,
            env=self.environment(FLOWSYNC_STATE_DIR=self.state, FLOWSYNC_ENDPOINT=self.service.endpoint,
                                 FLOWSYNC_TOKEN_FILE=self.token_file()))
        # What is applied could not be remembered, so nothing is applied.
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"flowsync: error: state directory [^\n]*\n")
        self.assertRegex(done.stderr, r'flowsync: warning: this report is not stored: report "[^"]*": '
                                      r"cannot be written: File too large\n")
        self.assertEqual(done.stdout, "Sync: nothing was written\n")
        self.assertEqual((self.stored(), self.expect(0, "report", "latest", endpoint=None).out), before)

    def test_a_hundred_are_kept(self):
        self.reports.mkdir(parents=True)
        self.expect(0, "sync", self.specs)
        latest = (self.reports / "latest.json").read_text()
        for i in range(120):
            id = f"2099-01-01T00:00:00.{i:03}Z-00000000"
            (self.reports / f"{id}.json").write_text(latest)
        self.expect(0, "sync", self.specs)
        self.assertEqual(len(self.stored()), 101)
        os.stat(self.reports / "latest.json")


if __name__ == "__main__":
    unittest.main()
