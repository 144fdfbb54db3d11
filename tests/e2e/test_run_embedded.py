"""Runs of the service that flowsync brings along: --endpoint local, alone, beside an agent, beside `serve`."""
import json
import re
import signal
import sqlite3
import unittest

from agent import AgentCase, alive, wait_for
from run_case import UUID, RunCase, step

GATE = "echo $$ > ~/pid; until [ -e ~/go ]; do sleep 0.05; done; echo through"


class LocalCase(RunCase):
    """All commands go to the local service in self.state."""

    def flowsync(self, *args, **options):
        return super().flowsync(*args, **{"endpoint": "local", "env": {"FLOWSYNC_TOKEN_FILE": None}, **options})

    def start(self, *args, **options):
        return super().start(*args, **{"endpoint": "local", "env": {"FLOWSYNC_TOKEN_FILE": None}, **options})

    def create(self, name, **steps):
        more = {key: steps.pop(key) for key in ("triggers", "metadata") if key in steps}
        path = self.tmp / f"{name}.yaml"
        path.write_text(json.dumps({"name": name, "steps": steps, **more}))
        self.workflow("create", path)

    def listed(self, name):
        return self.workflow("executions", name, "-o", "json").json()["executions"]

    def shown(self, name, run):
        return self.workflow("execution", name, run, "-o", "json").json()

    def read_pid(self, name="pid"):
        return self.pid_in(self.home / name)

    def wait(self, condition, what, **more):
        return wait_for(condition, what, **more)


class EmbeddedRunTest(LocalCase):
    def test_the_command_waits_for_the_end_of_what_it_runs(self):
        self.create("w", one=step('echo hello; sleep 0.3; touch ~/done; test -z "$BAD"'))
        result = self.workflow("execute", "w")
        self.assertTrue((self.home / "done").exists())
        run = re.fullmatch(rf'started execution ({UUID}) of workflow 1 "w"\nexecution \1: Success after \S+\n', result.out)[1]
        self.assertIn("waiting for the execution to end: it runs in this command", result.err)
        self.assertEqual(self.shown("w", run)["status"], "Success")
        self.assertRegex(self.workflow("logs", "w", run).out, r"\Aone \| \S+ hello\n\Z")
        self.assertRegex(self.workflow("list").out, r"\n1 +w +Available +- +- +Success ")
        result = self.workflow("execute", "w", "--param", "BAD=yes", code=4)
        self.assertRegex(result.err, r"step one: Failed after \S+: exit code 1\n")

    def test_it_says_how_it_ended_when_it_was_told_to_wait(self):
        self.create("w", one=step('test -z "$BAD"'))
        self.assertRegex(self.workflow("execute", "w", "--wait").out, r"\nexecution \S+: Success after \S+\n\Z")
        result = self.workflow("execute", "w", "--wait", "-o", "json", "--param", "BAD=yes", code=4)
        self.assertEqual(result.json()["status"], "Failed")
        self.assertEqual([r["status"] for r in self.listed("w")], ["Failed", "Success"])

    def test_an_interrupt_stops_the_run(self):
        self.create("w", one=step(GATE), two=step("true", "one"))
        for args, number, code in (((), signal.SIGINT, 130), (("--follow",), signal.SIGTERM, 143),
                                   (("-o", "json"), signal.SIGINT, 130)):
            process = self.start("workflow", "execute", "w", *args)
            pid = self.read_pid()
            self.interrupt(process, number)
            result = self.finish(process)
            self.assertEqual(result.code, code, result)
            self.assertRegex(result.err, rf"execution {UUID} is being stopped, as it runs in this command")
            self.assertFalse(alive(pid))
            (self.home / "pid").unlink()
            newest = self.listed("w")[0]
            self.assertEqual((newest["status"], newest["stoppedBy"]), ("Stopped", "local"))

    def test_killed_it_leaves_nothing_running_and_the_next_one_goes_on(self):
        self.create("w", one=step("echo $$ > ~/$WORKFLOW_ATTEMPT; [ $WORKFLOW_ATTEMPT = 2 ] || sleep 1000", retries=1))
        process = self.start("workflow", "execute", "w")
        pid = self.read_pid("1")
        process.kill()
        process.communicate()
        self.wait_gone(pid)
        self.create("other", one=step("true"))
        self.workflow("execute", "other", "--wait")
        [run] = self.listed("w")
        self.assertEqual((run["status"], len(run["reruns"])), ("Success", 1))

    def test_a_second_command_runs_through_the_first(self):
        self.create("w", metadata={"allowConcurrentExecution": True}, one=step(GATE))
        first = self.start("workflow", "execute", "w")
        self.read_pid()
        second = self.workflow("execute", "w")      # which the first has, so this one does not wait
        self.assertNotIn("waiting", second.err)
        (self.home / "go").touch()
        self.assertEqual(self.finish(first).code, 0)
        self.assertEqual([r["status"] for r in self.listed("w")], ["Success", "Success"])

    def test_what_only_reads_runs_nothing(self):
        self.create("w", triggers=[{"cron": "* * * * *"}], one=step("touch ~/ran"))
        database = sqlite3.connect(self.state / "local.db")
        with database:
            database.execute("UPDATE workflow_trigger SET due = 1")
        database.close()
        for args in ("list",), ("describe", "w"), ("executions", "w"):
            self.workflow(*args)
        self.create("other", one=step("true"))
        self.workflow("execute", "other")       # a command's engine fires no crons
        self.assertEqual(self.listed("w"), [])


class AgentRunTest(LocalCase, AgentCase):
    def run_agent(self, specs, **more):
        folder = self.write({f"{name}.yaml": json.dumps({"name": name, **body}) for name, body in specs.items()})
        agent = self.agent({"service": {"endpoint": "local"}, "syncs": [self.sync("main", dir=folder)], **more},
                           env={"FLOWSYNC_CGROUP": "none"})
        agent.wait_ready()
        return agent

    def test_a_command_executes_through_the_agent_s_engine(self):
        (self.tmp / "keys").mkdir()
        (self.tmp / "keys/word").write_text(self.secret("word"))
        agent = self.run_agent({"w": {"steps": {"one": step(f'test -n "$WORD"; {GATE}', secrets=["word"])}}},
                               serve={"secrets_dir": str(self.tmp / "keys")})
        self.assertEqual(self.workflow("list", "-o", "json").json()["workflows"][0]["name"], "w")
        result = self.workflow("execute", "w")      # ends while the run goes on
        run = re.search(UUID, result.out)[0]
        pid = self.read_pid()
        keepers = self.parents_of(pid)
        self.assertIn(agent.process.pid, keepers)
        self.assertEqual(self.shown("w", run)["status"], "Running")
        follow = self.start("workflow", "logs", "w", run, "--follow")
        (self.home / "go").touch()
        said = self.finish(follow)
        self.assertRegex(said.out, r"\Aone \| \S+ through\n\Z")
        self.wait(lambda: self.shown("w", run)["status"] == "Success", "the run ends")
        agent.wait_logged(f"execution {run}: Success after")
        agent.stop()

    def parents_of(self, pid):
        found = []
        while pid > 1:
            with open(f"/proc/{pid}/stat") as f:
                pid = int(f.read().rpartition(")")[2].split()[1])
            found.append(pid)
        return found

    def test_an_interrupt_of_a_command_beside_it_stops_no_run(self):
        agent = self.run_agent({"w": {"steps": {"one": step(GATE)}}})
        process = self.start("workflow", "execute", "w", "--wait")
        self.read_pid()
        self.interrupt(process, signal.SIGINT)
        result = self.finish(process)
        self.assertEqual(result.code, 130)
        self.assertIn("no longer waiting", result.err)
        (self.home / "go").touch()
        self.wait(lambda: self.listed("w")[0]["status"] == "Success", "the run ends")
        agent.stop()

    def test_it_fires_crons_and_stops_what_runs_when_it_ends(self):
        cron = {"triggers": [{"cron": "0 0 1 1 *"}], "steps": {"one": step(GATE, retries=1)}}
        agent = self.run_agent({"w": cron})
        agent.stop()
        database = sqlite3.connect(self.state / "local.db")
        with database:
            database.execute("UPDATE workflow_trigger SET due = 1700000000000")
        database.close()
        agent.start()
        pid = self.read_pid()
        agent.stop()
        self.assertFalse(alive(pid))
        self.assertEqual(self.listed("w")[0]["status"], "Running")      # the next engine goes on
        (self.home / "go").touch()
        agent.start()
        self.wait(lambda: self.listed("w")[0]["status"] == "Success", "the run ends")
        self.assertEqual(len(self.listed("w")), 1)
        agent.stop()

    def test_when_the_agent_ends_a_command_that_waits_goes_on_by_itself(self):
        agent = self.run_agent({"w": {"steps": {"one": step(GATE, retries=2)}}})
        process = self.start("workflow", "execute", "w", "--wait")
        pid = self.read_pid()
        agent.stop()
        self.wait_gone(pid)
        (self.home / "go").touch()
        result = self.finish(process)
        self.assertEqual(result.code, 0, result)
        [run] = self.listed("w")
        self.assertEqual((run["status"], len(run["reruns"])), ("Success", 1))


if __name__ == "__main__":
    unittest.main()
