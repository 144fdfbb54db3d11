"""The examples run for real: synced by the agent from a git repository, executed, followed, drawn."""
import os
import re
import shutil
import unittest

import flowsync
import git_servers
import mail_server
from agent import AgentCase
from mail_server import MailServer
from run_case import UUID, RunCase

EXAMPLES = flowsync.ROOT / "examples"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class ExampleCase(RunCase, AgentCase):
    """A service with the configuration of the examples, to which an agent syncs examples/runs."""

    replaced = ()       # in the configuration and the specs: what is another thing in a test

    def setUp(self):
        super().setUp()
        self.folder = self.tmp / "examples"
        shutil.copytree(EXAMPLES, self.folder)
        self.make_secrets().rename(self.folder / "secrets")
        (self.folder / "secrets/service-token").touch(mode=0o600)
        self.serve_args = ["--config", self.folder / "serve.yaml", "--cgroup", "none"]

    def replace(self, file, old, new):
        path = self.folder / file
        self.assertIn(old, path.read_text())
        path.write_text(path.read_text().replace(old, new))

    def sync_examples(self):
        """By an agent, which has done it when this returns, from a repository."""
        repository = git_servers.Repository(self.tmp / "repo.git")
        repository.commit({f"runs/{f.name}": f.read_text() for f in (self.folder / "runs").glob("*.yaml")})
        agent = self.agent(self.config(self.sync("main", git=repository.path, path="runs", branch="main")))
        agent.wait_ready()
        self.assertEqual(agent.report("main")["summary"]["create"], 5)
        agent.stop()

    def follow(self, code, *args):
        """What `workflow execute ... --follow` says: the run, {step: its lines}, the last line."""
        lines = self.workflow("execute", *args, "--follow", code=code).out.splitlines()
        run = re.fullmatch(rf"started execution ({UUID}) of workflow \d+ \".*\"", lines[0])[1]
        found = {}
        for line in lines[1:-1]:
            step, text = re.fullmatch(rf"(\S+) \| {STAMP} (.*)", line).groups()
            found.setdefault(step, []).append(text)
        return run, found, lines[-1].removeprefix(f"execution {run}: ")

    def draw(self, name, run):
        """`workflow execution`: the steps, without what time makes of them."""
        lines = self.workflow("execution", name, run).out.splitlines()
        return [re.sub(rf" +({STAMP}|-) +(\d\S*|-) +", "  ", line) for line in lines[4:]]


class PipelineTest(ExampleCase):
    def test_it_is_followed_and_drawn(self):
        self.sync_examples()
        run, said, end = self.follow(0, "pipeline")
        self.assertEqual(said, {
            "count": ["counting up to 12"],
            "add": ["1 + 2 + ... + 12 = 78"],
            "fetch": ["nothing there yet", "flowsync: attempt 2", "nothing there yet", "flowsync: attempt 3",
                      "there it is, at attempt 3"],
            "report": ["all done"]})
        self.assertRegex(end, r"\ASuccess after \d+\.\ds\Z")
        self.assertEqual(self.draw("pipeline", run), [
            "*           count           Success  -",
            "+--+--+",
            "*  |  |     add             Success  -",
            "+--|--|--+",
            "|  *  |  |  fetch           Success  attempt 3",
            "+--+--|--+",
            "*     |  |  report          Success  -",
            "      *  |  sample          Skipped  conditional[0] does not hold: \"MODE\" of step \"count\" is not "
            "\"sample\"",
            "      *  |  publish-sample  Skipped  step \"sample\" did not run",
            "         *  clean-up        Skipped  parentStatus[0] does not hold"])

    def test_what_is_given_for_one_run_and_who_cleans_up(self):
        self.sync_examples()
        run, said, end = self.follow(4, "pipeline", "--param", "LAST=20", "--step-param", "fetch.READY_AT=9")
        self.assertEqual(said["add"], ["1 + 2 + ... + 20 = 210"])
        self.assertEqual(said["fetch"], ["nothing there yet", "flowsync: attempt 2", "nothing there yet",
                                         "flowsync: attempt 3", "nothing there yet"])
        self.assertEqual(said["clean-up"], ["cleaning up"])
        self.assertRegex(end, r"\AFailed after ")
        details = self.details("pipeline", run)
        self.assertEqual(self.states(details), {
            "count": "Success", "add": "Success", "fetch": "Failed", "sample": "Skipped", "publish-sample": "Skipped",
            "report": "Skipped", "clean-up": "Success"})
        fetch = self.steps(details)["fetch"]
        self.assertEqual((fetch["attempts"], fetch["output"]["exitCode"]), (3, "75"))

    def test_an_image_is_what_the_configuration_says(self):
        self.sync_examples()
        body = {"imageId": 2, "command": "nice"}
        self.service.create({"name": "nice", "steps": {"two": body, "one": {**body, "imageId": 1}}})
        ours = os.nice(0)
        self.assertEqual(self.logs("nice", self.run_to("Success", "nice")),
                         {"two": [str(min(ours + 10, 19))], "one": [str(ours)]})


class OnCallTest(ExampleCase):
    def test_a_webhook_is_pulled_and_the_payload_decides(self):
        self.sync_examples()
        status, answer = self.curl("on-call", '{"severity": "high"}')
        self.assertEqual((status, list(answer)), (200, ["executionId"]))
        details = self.wait_over("on-call", answer["executionId"], "Success")
        self.assertEqual(self.logs("on-call", details), {
            "judge": ['called with {"severity": "high"}'], "wake-somebody": ["waking somebody up"], "write-it-down": []})
        status, answer = self.curl("on-call", '{"severity": "low"}')
        details = self.wait_over("on-call", answer["executionId"], "Success")
        self.assertEqual(self.states(details),
                         {"judge": "Success", "wake-somebody": "Skipped", "write-it-down": "Success"})
        details = self.run_to("Success", "on-call", params={"global": {"payload": '{"severity": "high"}'}})
        self.assertEqual(self.states(details)["wake-somebody"], "Success")


class EveryMinuteTest(ExampleCase):
    crons = True
    takes_long = True

    def test_a_cron_fires_within_a_minute_and_a_listener_is_told(self):
        listener = self.fake(lambda request: (200, "ok"))
        self.replace("runs/every-minute.yaml", "http://127.0.0.1:8081", listener.endpoint)
        self.sync_examples()
        scheduled = self.service.describe("every-minute")["triggers"][0]["scheduled"]
        early = self.executions("every-minute")     # in a minute that has just begun
        self.wait(lambda: self.executions("every-minute"), "the cron fires", timeout=90)
        self.wait(lambda: listener.requests, "the watcher is told")
        run = self.executions("every-minute")[-1]
        self.assertEqual(run["status"], "Success")
        self.assertIn(f"execution {run['executionId']} started (cron)", self.service.output())
        self.assertTrue(early or run["executedAt"][:16] == scheduled[:16], (run, scheduled))
        [told] = listener.requests[:1]
        self.assertEqual((told.method, told.path, told.body, told.headers["Content-Type"]),
                         ("POST", "/told", '{"text": "every-minute has run"}', "application/json"))
        self.assertEqual(self.log("every-minute", run["executionId"], "look"), ["looking at attempt 1"])
        self.assertGreater(self.service.describe("every-minute")["triggers"][0]["scheduled"], scheduled)


@unittest.skipIf(mail_server.available(), mail_server.available())
class MailTest(ExampleCase):
    def test_a_run_that_fails_is_told_by_mail_and_by_webhook(self):
        server = MailServer(self.tmp)
        self.addCleanup(server.stop)
        listener = self.fake(lambda request: (200, "ok"))
        self.replace("serve.yaml", "smtp://127.0.0.1:25", server.url)
        self.replace("runs/every-minute.yaml", "http://127.0.0.1:8081", listener.endpoint)
        self.sync_examples()
        details = self.run_to("Failed", "every-minute", params={"global": {"STATE": "bad"}})
        [mail] = server.mails(1)
        self.assertEqual((mail["Envelope-to"], mail["From"], mail["Subject"]),
                         ("team@example.org", "flowsync@example.org", "flowsync: every-minute failed"))
        self.assertEqual(mail.get_content().replace("\r\n", "\n"), f"""\
The workflow every-minute failed.

Workflow:  every-minute (id {self.service.id_of("every-minute")})
Execution: {details["executionId"]}
Status:    Failed
Began:     {details["executedAt"]}
Finished:  {details["finishedAt"]}

step look: exit code 1

""")
        self.wait(lambda: listener.requests, "the webhook is told")
        self.assertEqual(len(listener.requests), 1)


class ReportTest(ExampleCase):
    def test_the_service_is_asked_by_one_of_its_own_steps(self):
        self.sync_examples()
        (self.folder / "secrets/service-token").write_text(self.service.token + "\n")
        details = self.run_to("Success", "report", params={"global": {"service": self.service.endpoint}})
        logs = self.logs("report", details)
        self.assertEqual(sorted(logs["tell"]), sorted(f"there is {w['name']}" for w in self.service.workflows()))
        self.assertEqual(self.steps(details)["ask"]["output"]["exitCode"], "200")
        self.assertNotIn(self.service.token, str(logs))
        (self.folder / "secrets/service-token").unlink()
        details = self.run_to("Failed", "report", params={"global": {"service": self.service.endpoint}})
        self.assertEqual(self.states(details), {"ask": "Failed", "tell": "Skipped"})
        self.assertIn("the secret that headers.secrets.Authorization names was not found", self.messages(details)["ask"])


@unittest.skipUnless(shutil.which("sqlite3"), "sqlite3 is not installed")
class SqlTest(ExampleCase):
    def test_queries_and_an_export_run_by_the_commands_of_the_configuration(self):
        self.sync_examples()
        shutil.copytree(self.folder / "runs/queries", self.home / "queries")
        details = self.run_to("Success", "sql-and-export")
        self.assertEqual(self.logs("sql-and-export", details),
                         {"load": [], "sum-up": ["3 regions"], "export-totals": []})
        self.assertEqual((self.home / "exports/totals.csv").read_text().split(), ["region,amount", "south,30", "west,25",
                                                                                "north,21"])
        (self.home / "queries/sum-up.sql").write_text("SELECT nonsense;\n")
        details = self.run_to("Failed", "sql-and-export")
        self.assertEqual(self.states(details), {"load": "Success", "sum-up": "Failed", "export-totals": "Skipped"})
        self.assertIn("no such column: nonsense", " ".join(self.log("sql-and-export", details["executionId"], "sum-up")))


if __name__ == "__main__":
    unittest.main()
