"""Runs of workflows on the test's own service, for the tests beside this file.

    class RetryTest(RunCase):
        def test_the_third_attempt_succeeds(self):
            self.create("w", one=step('test "$WORKFLOW_ATTEMPT" = 3', retries=2))
            details = self.run_to("Success", "w")
            self.assertEqual(self.steps(details)["one"]["attempts"], 3)

What is to come is waited for, for a minute at most; nothing sleeps and hopes.
"""
import contextlib
import fcntl
import json
import pathlib
import shutil
import sqlite3
import subprocess
import urllib.parse

from agent import alive, wait_for
from flowsync import TIMEOUT
from test_workflow_commands import WorkflowCase

UUID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
OVER = ("Success", "Failed", "Stopped")


def step(command, *parents, retries=None, wait=0, inherit=None, outputs=None, env=None, secrets=None, **more):
    """A standard step; what is not said is left out."""
    parameters = {"env": env, "inherit": inherit, "secrets": secrets}
    body = {"imageId": 1, "command": command, "parents": list(parents), "outputParameters": outputs,
            "parameters": {k: v for k, v in parameters.items() if v}, **more}
    if retries is not None:
        body["runConfiguration"] = {"retryOptions": {"numberOfRetries": retries, "duration": wait}}
    return {key: value for key, value in body.items() if value}


class RunCase(WorkflowCase):
    def create(self, name, triggers=(), watchers=(), retry=None, overlap=None, **steps):
        """Creates a workflow; gives its id."""
        body = {"name": name, "triggers": list(triggers), "watchers": list(watchers), "steps": steps}
        if retry is not None:
            body["retryOptions"] = retry
        if overlap is not None:
            body["metadata"] = {"allowConcurrentExecution": overlap}
        return self.service.create(body)

    def begin(self, name, **body):
        """Begins a run, gives its execution's ID."""
        return self.service.good("POST", f"/workflows/{self.service.id_of(name)}/execute", body)["executionId"]

    def details(self, name, run):
        return self.service.good("GET", f"/workflows/{self.service.id_of(name)}/executions/{run}")

    def executions(self, name, query=""):
        return self.service.good("GET", f"/workflows/executions/{self.service.id_of(name)}{query}")["executions"]

    def wait(self, condition, what, timeout=TIMEOUT):
        return wait_for(condition, what, timeout, self.service.output)

    def wait_over(self, name, run, status=None):
        """Until the run has ended, with that status if one is named; gives its details."""
        def over():
            found = self.details(name, run)
            return found if found["status"] in OVER else None
        details = self.wait(over, f"the run {run} of {name} ends")
        if status:
            self.assertEqual(details["status"], status, json.dumps(details, indent=1))
        return details

    def run_to(self, status, name, **body):
        """A whole run, which has to end so; gives its details."""
        return self.wait_over(name, self.begin(name, **body), status)

    def wait_step(self, name, run, step, status="Running"):
        self.wait(lambda: self.steps(self.details(name, run))[step]["status"] == status,
                  f"step {step} of {name} is {status}")

    def wait_runs(self, name, count=1):
        """Until the workflow has so many runs, all of them over; gives them, the newest first."""
        def over():
            found = self.executions(name)
            return found if len(found) >= count and all(r["status"] in OVER for r in found) else None
        found = self.wait(over, f"{name} has {count} runs that are over")
        self.assertEqual(len(found), count, found)
        return found

    def steps(self, details):
        return {step["name"]: step for step in details["steps"]}

    def states(self, details):
        return {step["name"]: step["status"] for step in details["steps"]}

    def messages(self, details):
        return {step["name"]: (step.get("output") or {}).get("message") for step in details["steps"]}

    def log(self, name, run, step):
        """All lines of a step's log, page by page."""
        path = f"/workflows/{self.service.id_of(name)}/executions/{run}/logs?stepName={urllib.parse.quote(step)}"
        lines, token = [], ""
        while True:
            page = self.service.good("GET", path + (f"&nextToken={urllib.parse.quote(token, '')}" if token else ""))
            if not page["logs"]:
                return lines
            lines += [line["message"] for line in page["logs"]]
            token = page["nextToken"]

    def logs(self, name, details):
        """{step: lines} of all steps of a run."""
        return {s: self.log(name, details["executionId"], s) for s in self.steps(details)}

    def webhook(self, name):
        """The path of its webhook."""
        return "/hooks/" + next(t["webhook"] for t in self.service.describe(name)["triggers"] if "webhook" in t)

    def pull(self, name, payload=""):
        """(status, answer) of a webhook, pulled as a stranger does: without the token."""
        status, _, text = self.service.raw("POST", self.webhook(name), payload, token=False)
        return status, json.loads(text)

    def curl(self, name, payload):
        """The same by curl, where there is one."""
        if not shutil.which("curl"):
            return self.pull(name, payload)
        url = f"{self.service.scheme}://{self.service.address}{self.webhook(name)}"
        done = subprocess.run(["curl", "-sS", "-X", "POST", "-d", payload, "-w", "\n%{http_code}", url],
                              capture_output=True, text=True, timeout=TIMEOUT, env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text)

    def sql(self, *statement):
        """Changes the database of the service, which does not run, as no user can."""
        self.assertIsNone(self.service.process)
        database = sqlite3.connect(self.service.folder / "service.db")
        database.execute("PRAGMA foreign_keys = ON")
        with database:
            rows = database.execute(*statement).fetchall()
        database.close()
        return rows

    def hold_engine(self):
        """Keeps the engine of the service, which does not run, from beginning; gives what lets it go."""
        lock = open(self.service.folder / "service.db.lock", "r+")
        self.addCleanup(lock.close)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock.close

    def make_secrets(self, **values):
        """A folder for --secrets-dir."""
        folder = self.tmp / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, value in values.items():
            (folder / name.replace("_", "-")).write_text(value + "\n")
        return folder

    def pid_in(self, path):
        """The process that wrote its number there, as soon as it has."""
        def read():
            text = path.read_text() if path.exists() else ""
            return int(text) if text.endswith("\n") else None
        return self.wait(read, f"a process writes its number to {path}")

    def wait_gone(self, *pids):
        self.wait(lambda: not any(map(alive, pids)), f"processes {pids} have ended")


def command_lines():
    """What the process list shows, a line a process."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_text(errors="replace").replace("\0", " "))
    return found
