"""Kills the service again and again while it runs random workflows: is anything lost, run twice, or left?

    python3 -B tests/kill.py [--runs 200] [--seed N] [--seconds MOST]       # make kill

So many runs of random graphs are begun.  Meanwhile the service is killed with SIGKILL, alone, with the
process that runs its steps, or with all that belongs to it; or only its runner or a keeper of a step is;
or it is stopped by SIGTERM.  It is started again each time.  Once all runs were accepted, or after so
many seconds, it is left alone, and has to bring them to their end.  Each attempt of a step writes
into a ledger when it begins and ends; what the service tells of a run is held to that, and to the
rules of reconcile/flow.h, which are said here a second time.  Ends with a summary, or with what is
wrong and the seed.  The test suite does the same with few runs.
"""
import argparse
import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "e2e"))
import flowsync                                                 # noqa: E402
from flowsync import BASE, PROGRAM, TIMEOUT, Result, ServiceCase    # noqa: E402

JOBS, OPEN_MOST, RETRIES_MOST, DELIVERIES_MOST = 6, 6, 5, 6
PAUSE = 0.6     # seconds between two runs at most, so that there is time for kills
SLOW = 4 if "ASAN_OPTIONS" in os.environ or "/san/" in str(PROGRAM) else 1
LAST = ("Success", "Failed", "Stopped")
# Seconds: how long after a kill a step may begin that was not known before.
NEAR = 0.3 * SLOW
# Seconds: so long after its stop was accepted a step may begin, if its run ends before the stop is seen.
STOP_TAKES = 5 * SLOW
# These may kill a keeper before it has written how its step ended.
KEEPER_KINDS = ("keeper", "all", "runner")
# So many attempts of a step, one after the other, may be lost by one kill: one for each kind of process that it ends.
KILLED_AT_ONCE = {"runner": 2, "both": 2, "all": 3}

# What a step does.  It keeps a lock as long as anything of it lives, and so learns whether anything of
# an earlier attempt does, or of its parents.  It begins with its folder, and the process that its runner belongs to:
# a service, or another process if that service has ended.
STEP = r"""
say() { echo "$1 $WORKFLOW_EXECUTION_ID $WORKFLOW_STEP $WORKFLOW_ATTEMPT $(date +%s.%N) $2" >> "$KILL/ledger"; }
lock=$KILL/locks/$WORKFLOW_EXECUTION_ID.
exec 9>>"$lock$WORKFLOW_STEP"
flock -n 9 || say overlap
for parent in $PARENTS; do flock -sn "$lock$parent" true || say early "$parent"; done
echo "hello $WORKFLOW_ATTEMPT"
up=$PPID
while read -r _ name _ next _ 2> /dev/null < "/proc/$up/stat" && [ "$name" != "(flowsync-runner)" ]; do up=$next; done
say begin "$PWD ${next:-none}"
for left in $LEAVES; do
	case $left in
	child) sleep 1000 & ;;
	session) setsid sleep 1000 & ;;
	daemon) (setsid sleep 1000 &) ;;
	deaf) (trap '' TERM; setsid sleep 1000 &) ;;
	esac
done
[ -z "$DEAF" ] || trap '' TERM
set -- $CODES
shift $((WORKFLOW_ATTEMPT - 1))
[ "$1" = hang ] && sleep 1000
sleep "$SLEEP"
[ -z "$WRITES" ] || echo "$WRITES" > out.txt
echo "bye $WORKFLOW_ATTEMPT"
say end "$1"
exit "$1"
"""


# ---- random workflows ----

def chance(r, share):
    return r.random() < share


def some(r, names):
    return r.sample(names, min(len(names), r.choice((1, 1, 1, 2, 3))))


def random_retries(r):
    options = {"numberOfRetries": r.randint(0, RETRIES_MOST), "duration": 0}
    if chance(r, 0.2):
        options |= {"numberOfRetries": r.randint(0, 2), "duration": 1, "exponentialBackoff": chance(r, 0.5)}
    if chance(r, 0.25):
        options["exitCodes"] = r.choice(([3], [4], [3, 4], []))
    return options


def random_conditions(r, reach):
    given = {}
    if chance(r, 0.25):
        given["parentStatus"] = [
            {"condition": r.choice(("all-of", "one-of")), "parents": some(r, reach),
             "status": r.choice((["success"], ["failure"], ["success", "failure"]))}
            for _ in range(r.randint(1, 2))]
    if chance(r, 0.25):
        given["conditional"] = [
            {"condition": r.choice(("equals", "not-equals")), "stepName": r.choice(reach),
             "paramName": "NONE" if chance(r, 0.1) else "P", "value": r.choice("01")}
            for _ in range(r.randint(1, 2))]
    return given


def random_step(r, place, name, before, all_names):
    codes = [r.choices((0, 3, 4), (90, 6, 4))[0] for _ in range(RETRIES_MOST + 1)]
    parents = some(r, before) if before and chance(r, 0.75) else []
    env = {"KILL": str(place), "PARENTS": " ".join(parents), "SLEEP": f"{r.uniform(0, 0.3):.2f}",
           "WRITES": r.choice(("", "0", "1", "0", "1")), "DEAF": "1" if chance(r, 0.1) else "", "LEAVES": ""}
    if chance(r, 0.4):
        env["LEAVES"] = " ".join(r.sample(("child", "session", "daemon", "deaf"), r.randint(1, 2)))
    body = {"imageId": 1, "command": f'{r.choice(("exec ", ""))}sh "$KILL/step.sh"', "parents": parents,
            "parameters": {"env": env}, "outputParameters": {"P": "out.txt"}}
    if chance(r, 0.08):
        body["stepTimeout"] = 1
        codes[0] = "hang" if chance(r, 0.7) else codes[0]
    env["CODES"] = " ".join(map(str, codes))
    # Conditions name any step now and then, also one that waits for this one.
    conditions = random_conditions(r, all_names if chance(r, 0.1) or not before else before)
    if conditions and (before or chance(r, 0.3)):
        body["executionParameters"] = conditions
    configuration = {}
    if chance(r, 0.8):
        configuration["retryOptions"] = random_retries(r)
    if chance(r, 0.1):
        configuration["skipConfiguration"] = {"skip": chance(r, 0.7), "skipDAG": chance(r, 0.3)}
    return body | ({"runConfiguration": configuration} if configuration else {})


class Workflow:
    """One that is made up, and what the service called it."""

    def __init__(self, r, place, number, told):
        self.name = f"w{number}"
        names = [f"s{i}" for i in range(r.randint(1, 8))]
        steps = {name: random_step(r, place, name, names[:i], names) for i, name in enumerate(names)}
        order = r.sample(names, len(names))
        self.body = {"name": self.name, "steps": {name: steps[name] for name in order}}
        self.overlaps = chance(r, 0.6)
        self.body["metadata"] = {"allowConcurrentExecution": self.overlaps}
        self.watched = chance(r, 0.4)
        if self.watched:
            self.body["watchers"] = [
                {"webhook": {"name": event, "url": f"{told}/{self.name}/{event}", "payload": "{}"},
                 "events": {event: True}} for event in ("success", "fail")]
        if chance(r, 0.3):
            self.body["retryOptions"] = random_retries(r)
        self.hooked = chance(r, 0.2)
        if self.hooked:
            self.body["triggers"] = [{"webhook": True}]
        self.id = self.hook = None
        self.runs = []


class Run:
    """One that is to be, and after it was accepted its executionId."""

    def __init__(self, r, workflow):
        self.workflow = workflow
        self.execute = None
        if not workflow.hooked and chance(r, 0.2):
            chosen = r.sample(list(workflow.body["steps"]), r.randint(1, len(workflow.body["steps"])))
            self.execute = {"stepsToRun": [{"stepName": name, "runDAG": chance(r, 0.4)} for name in chosen]}
        self.stop_after = r.uniform(0, 0.6) if chance(r, 0.1) else None
        self.stop = "no"        # "no", "maybe" if the answer was lost, "yes"
        self.stop_due = self.stopped_at = None
        self.id = None
        self.over = False
        workflow.runs.append(self)

    def chosen(self):
        """The steps that stepsToRun leaves in."""
        steps = self.workflow.body["steps"]
        given = (self.execute or {}).get("stepsToRun")
        if not given:
            return set(steps)
        found = {item["stepName"] for item in given}
        below = [item["stepName"] for item in given if item["runDAG"]]
        for name in below:      # grows meanwhile
            below += [child for child in steps if name in steps[child]["parents"] and child not in below]
        return found | set(below)


def random_runs(r, place, count, told):
    runs, number = [], 0
    while len(runs) < count:
        workflow = Workflow(r, place, number, told)
        for _ in range(min(r.choice((1, 1, 1, 2, 3)), count - len(runs))):
            runs.append(Run(r, workflow))
        number += 1
    r.shuffle(runs)
    return runs


# ---- the rules, a second time ----

class Rules:
    """What reconcile/flow.h says of each step of a run, given how the others ended."""

    def __init__(self, run, steps):
        """steps: of each step its status, attempts, and what its output parameter P is, or None."""
        self.body = run.workflow.body
        self.steps, self.chosen, self.judged = steps, run.chosen(), {}
        self.named = {name: self.names(name) & self.chosen if name in self.chosen else set()
                      for name in self.body["steps"]}
        self.waits = {name: self.closure(name) for name in self.body["steps"]}

    def conditions(self, name, kind):
        return self.body["steps"][name].get("executionParameters", {}).get(kind, [])

    def names(self, name):
        return {parent for entry in self.conditions(name, "parentStatus") for parent in entry["parents"]} | {
            entry["stepName"] for entry in self.conditions(name, "conditional")}

    def before(self, name):
        return set(self.body["steps"][name]["parents"]) | self.named[name]

    def closure(self, name):
        """All that it waits for, at any distance, if no circle were cut."""
        found, todo = set(), [name]
        while todo:
            more = self.before(todo.pop()) - found
            found |= more
            todo += more
        return found

    def in_circle(self, name):
        return any(other == name or name in self.waits[other] for other in self.named[name])

    def waited_for(self, name):
        """Whom it really waits for."""
        return set(self.body["steps"][name]["parents"]) | {
            other for other in self.named[name] if other != name and name not in self.waits[other]}

    def counts(self, name):
        status = self.steps[name]["status"]
        if status == "Skipped":
            return {"pass": "success", "dag": "dag"}.get(self.judge(name), "neither")
        return {"Success": "success", "Failed": "failure"}.get(status, "neither")

    def parents_well(self, name):
        return all(self.counts(parent) == "success" for parent in self.body["steps"][name]["parents"])

    def entry_holds(self, entry):
        asked = [self.counts(parent) for parent in entry["parents"] if parent in self.chosen]
        held = [len(entry["status"]) == 2 or counts in entry["status"] for counts in asked]
        return not asked or (all if entry["condition"] == "all-of" else any)(held)

    def rules(self, name):
        if self.in_circle(name):
            return "fail"
        entries = self.conditions(name, "parentStatus")
        if not (all(map(self.entry_holds, entries)) if entries else self.parents_well(name)):
            return "skip"
        for c in self.conditions(name, "conditional"):
            if c["stepName"] not in self.chosen:
                continue
            wrote = self.steps[c["stepName"]]["wrote"] if c["paramName"] == "P" else None
            if wrote is None:
                return "fail"
            if (wrote == c["value"]) != (c["condition"] == "equals"):
                return "skip"
        return "run"

    def judge(self, name):
        """"run", "pass" (left out as if it had ended well), "skip", "dag" (with all below), or "fail"."""
        if name not in self.judged:
            self.judged[name] = self._judge(name)
        return self.judged[name]

    def _judge(self, name):
        step = self.body["steps"][name]
        skip = step.get("runConfiguration", {}).get("skipConfiguration", {})
        if any(self.counts(parent) == "dag" for parent in step["parents"]):
            return "dag"
        if name not in self.chosen:
            return "pass" if self.parents_well(name) else "skip"
        if skip.get("skipDAG"):
            return "dag"
        verdict = self.rules(name)
        return "pass" if skip.get("skip") and verdict != "skip" else verdict

    def retries(self, name, attempt, code):
        """Whether that attempt, which failed with the code (None: none is known), is tried again."""
        configuration = self.body["steps"][name].get("runConfiguration", {})
        options = configuration.get("retryOptions", self.body.get("retryOptions"))
        if not options or attempt > options["numberOfRetries"]:
            return False
        return not options.get("exitCodes") or code in options["exitCodes"]


# ---- processes ----

def processes():
    """pid -> (its parent's pid, its name), of each that has not ended."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                text = pathlib.Path("/proc", entry, "stat").read_text(errors="replace")
                name, _, rest = text.partition("(")[2].rpartition(") ")
                state, parent = rest.split()[:2]
                if state not in "ZX":
                    found[int(entry)] = int(parent), name
    return found


def open_files(pid):
    """The paths of the open files of a process."""
    found = []
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(pathlib.Path(os.readlink(f"/proc/{pid}/fd/{fd}")))
    return found


def holders(locks):
    """(pid, run, step) of each process that holds the lock of a step: all that an attempt left."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{entry}/fd"):
                with contextlib.suppress(OSError):
                    path = pathlib.Path(os.readlink(f"/proc/{entry}/fd/{fd}"))
                    if path.parent == locks and fd == "9":
                        found.append((int(entry), *path.name.rsplit(".", 1)))
    return found


def strike(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def command_line(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


# ---- the service ----

class UnixConnection(http.client.HTTPConnection):
    """On a socket of its own: a port that is free while nobody listens may be taken by another test."""

    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Victim:
    """`flowsync serve`, which may be gone at any moment."""

    def __init__(self, case, place):
        self.case, self.folder = case, case.tmp / "service"
        self.folder.mkdir(mode=0o700)
        self.database = self.folder / "service.db"
        self.token = case.secret("token")
        (self.folder / "token").touch(mode=0o600)
        (self.folder / "token").write_text(self.token + "\n")
        self.ledger = place / "ledger"
        self.process = None
        self.kills = collections.Counter()

    def note(self, *words):
        with open(self.ledger, "ab", 0) as file:
            file.write((" ".join(map(str, words)) + f" {time.time():.6f}\n").encode())

    def start(self):
        self.note("serve")
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--unix", self.folder / "s", "--db", self.database, "--jobs", str(JOBS),
                 "--token-file", self.folder / "token"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=self.case.environment())
        self.note("service", self.process.pid)

    def ask(self, method, path, body=None):
        """(status, answer); (None, None): it was not there, or went away meanwhile."""
        connection = UnixConnection(self.folder / "s")
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Authorization": self.token, "Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return None, None
        finally:
            connection.close()

    def good(self, path):
        """The answer to a GET, from a service that nobody kills."""
        status, answer = self.ask("GET", BASE + path)
        self.case.assertEqual(status, 200, f"GET {path}: {answer}\n{self.output()}")
        return answer

    def wait_ready(self):
        end = time.monotonic() + TIMEOUT
        while self.ask("GET", BASE + "/resources")[0] != 200:
            self.lives()
            self.case.assertLess(time.monotonic(), end, f"the service does not answer:\n{self.output()}")
            time.sleep(0.01)

    def output(self):
        return (self.folder / "log").read_text(errors="replace")[-20000:]

    def lives(self):
        """Nobody has killed it: then it has not ended."""
        code = self.process.poll()
        self.case.assertIsNone(code, f"the service ended by itself, exit {code}:\n{self.output()}")

    def family(self):
        """(runners, keepers) of the process: nobody else's."""
        seen = processes()
        below = lambda pids: [pid for pid, (parent, _) in seen.items() if parent in pids]     # noqa: E731
        runners = [pid for pid in below([self.process.pid]) if " step-runner" in command_line(pid)]
        return runners, below(runners)

    def note_attempts(self):
        """The folders of attempts that have no result yet, and of those whose own process, a shell, runs."""
        folders = self.folder.glob("service.db.runs/*")
        self.note("unended", *(folder.name for folder in folders if not (folder / "result").exists()))
        seen, running = processes(), set()
        for keeper in {parent for parent, name in seen.values() if name == "sh"}:
            if seen.get(keeper, (0, ""))[1] == "flowsync-step":
                running |= {path.parent.name for path in open_files(keeper) if path.name == "log"}
        self.note("running", *running)

    def kill(self, r, kind):
        """Disturbs it; it runs afterwards if only something of it was killed."""
        runners, keepers = self.family()
        victims = {"service": [self.process.pid], "both": [self.process.pid, *runners],
                   "all": [self.process.pid, *runners, *keepers], "runner": runners,
                   "keeper": r.sample(keepers, min(len(keepers), r.randint(1, 2)))}.get(kind, [])
        if kind == "runner" and chance(r, 0.5):
            victims += keepers
        r.shuffle(victims)
        self.lives()
        self.kills[kind] += 1
        self.note("kill", kind)
        self.note_attempts()
        if kind in ("term", "haste"):
            self.terminate(r.uniform(0, 0.2) if kind == "haste" else TIMEOUT)
        for pid in victims:
            strike(pid)
        if kind in ("service", "both", "all"):
            self.process.wait()
            self.process = None
        self.note_attempts()
        self.note("killed", kind)

    def terminate(self, patience):
        """As an init system ends it."""
        self.process.terminate()
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.case.assertLess(patience, TIMEOUT, f"the service does not end:\n{self.output()}")
            self.process.kill()
            code = self.process.wait()
        # -15: it had only just been started, and did not handle the signal yet.
        self.case.assertIn(code, (0, 143, -9, -15), self.output())
        self.process = None

    def stop(self):
        """For good, and held to a clean end."""
        self.process.terminate()
        code = self.process.wait(TIMEOUT)
        self.process = None
        self.case.check_output(Result(["serve"], code, (self.folder / "log").read_text(errors="replace"), ""))
        self.case.assertIn(code, (0, 143), self.output())

    def done(self):
        if self.process is not None:
            runners, keepers = self.family()
            for pid in (self.process.pid, *runners):
                strike(pid)
            self.process.wait()


# ---- who begins the runs ----

class Client:
    """Has all runs begun, and some stopped, by a service that comes and goes.  A thread of its own."""

    def __init__(self, victim, runs):
        self.victim, self.todo, self.runs = victim, list(runs), runs
        self.open = []
        self.wrong = []         # what is not as it has to be at any moment
        self.looks = 0
        self.error = None
        self.halt = False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        try:
            while not self.halt and self.todo:
                self.look_after()
                if len(self.open) >= OPEN_MOST or not self.begin(self.todo[0]):
                    self.todo.append(self.todo.pop(0))      # another one may be possible
                    time.sleep(0.02)
                else:
                    self.todo.pop(0)
                    time.sleep(random.uniform(0, PAUSE))
            while not self.halt and any(run.stop_due for run in self.open):
                self.look_after()
                time.sleep(0.02)
        except Exception as e:      # the main thread tells it
            self.error = e

    def make(self, workflow):
        """True once it is there."""
        if workflow.id is None:
            status, answer = self.victim.ask("GET", f"{BASE}/workflows/?searchTerm={workflow.name}&pageSize=100")
            if status != 200:
                return False
            found = [w["id"] for w in answer["workflows"] if w["name"] == workflow.name]
            if not found:
                status, answer = self.victim.ask("POST", f"{BASE}/workflows/", workflow.body)
                if status is None:
                    return False
                assert status == 201, answer
                found = [answer["id"]]
            workflow.id, = found
        if workflow.hooked and not workflow.hook:
            status, answer = self.victim.ask("GET", f"{BASE}/workflows/{workflow.id}")
            workflow.hook = answer["triggers"][0]["webhook"] if status == 200 else None
            return bool(workflow.hook)
        return True

    def unknown(self, workflow):
        """The executionIds that no answer told; None: it cannot be known now."""
        status, answer = self.victim.ask("GET", f"{BASE}/workflows/executions/{workflow.id}?pageSize=100")
        if status != 200:
            return None
        known = {run.id for run in workflow.runs}
        return [e["executionId"] for e in answer["executions"] if e["executionId"] not in known]

    def begin(self, run):
        """True if it was accepted, be it that only the list tells so."""
        workflow = run.workflow
        if not self.make(workflow):
            return False
        path = f"/hooks/{workflow.hook}" if workflow.hooked else f"{BASE}/workflows/{workflow.id}/execute"
        status, answer = self.victim.ask("POST", path, run.execute)
        if status == 409 and not workflow.overlaps:
            return False
        if status is None:
            while (found := self.unknown(workflow)) is None:
                if self.halt:
                    return False
                time.sleep(0.01)
            if not found:
                return False
            run.id, = found
        else:
            assert status == 200, answer
            run.id = answer["executionId"]
        run.stop_due = run.stop_after is not None and time.monotonic() + run.stop_after
        self.open.append(run)
        return True

    def stop(self, run):
        status, answer = self.victim.ask("POST", f"{BASE}/workflows/{run.workflow.id}/executions/{run.id}/stop")
        if status is None:
            run.stop = "maybe"      # and is asked again
        elif status == 409:
            run.stop_due = None
        else:
            assert status == 200, answer
            run.stop, run.stop_due, run.stopped_at = "yes", None, time.time()
            self.victim.note("stop", run.id)

    def look_after(self):
        """What is over, and that nothing runs of what the service calls over."""
        ended = set()
        for run in list(self.open):
            if run.stop_due and run.stop_due <= time.monotonic():
                self.stop(run)
            status, answer = self.victim.ask("GET", f"{BASE}/workflows/{run.workflow.id}/executions/{run.id}")
            if status is None:
                return
            assert status == 200, answer
            ended |= {(run.id, s["name"]) for s in answer["steps"] if s["status"] in (*LAST, "Skipped")}
            if answer["status"] in LAST:
                self.open.remove(run)
        if random.random() < 0.3:
            self.looks += 1
            self.wrong += [f"step {step} of run {run} is over, and process {pid} of it lives: {command_line(pid)}"
                           for pid, run, step in holders(self.victim.ledger.parent / "locks")
                           if (run, step) in ended]


# ---- what the ledger tells ----

Attempt = collections.namedtuple("Attempt", "folder service at began end_at ended code")
# unended, running: the folders of attempts that had no result, and whose own process ran, just before or after it
Kill = collections.namedtuple("Kill", "kind at start end_at end unended running", defaults=(None, None, (), ()))


class Ledger:
    def __init__(self, path):
        self.attempts = collections.defaultdict(dict)   # (run, step) -> number -> Attempt
        self.kills, self.serves, self.services, self.stops, self.wrong = [], [], set(), {}, []
        self.last = {}      # run -> number of the last line that one of its steps wrote
        self.first = {}
        for at, line in enumerate(path.read_text().splitlines()):
            word, *rest = line.split()
            getattr(self, f"take_{word}")(at, *rest)

    def take_serve(self, at, when):
        self.serves.append((at, float(when)))

    def take_service(self, _, pid, when):
        self.services.add(pid)

    def take_stop(self, at, run, when):
        self.stops[run] = at, float(when)

    def take_kill(self, at, kind, when):
        self.kills.append(Kill(kind, at, float(when)))

    def take_unended(self, _, *folders):
        self.kills[-1] = self.kills[-1]._replace(unended=self.kills[-1].unended + folders[:-1])

    def take_running(self, _, *folders):
        self.kills[-1] = self.kills[-1]._replace(running=self.kills[-1].running + folders[:-1])

    def take_killed(self, at, kind, when):
        self.kills[-1] = self.kills[-1]._replace(end_at=at, end=float(when))

    def take_overlap(self, at, run, step, attempt, when):
        self.wrong.append(f"run {run}, step {step}: attempt {attempt} began while something of an earlier one lived")

    def take_early(self, at, run, step, attempt, when, parent):
        self.wrong.append(f"run {run}, step {step}: attempt {attempt} began while something of its parent {parent} lived")

    def take_begin(self, at, run, step, attempt, when, place, service):
        mine = self.attempts[run, step]
        if int(attempt) in mine:
            self.wrong.append(f"run {run}, step {step}: attempt {attempt} began twice")
        mine[int(attempt)] = Attempt(pathlib.Path(place).parent.name, service, at, float(when), None, None, None)
        self.first.setdefault(run, at)
        self.last[run] = at

    def take_end(self, at, run, step, attempt, when, code):
        self.attempts[run, step][int(attempt)] = self.attempts[run, step][int(attempt)]._replace(
            end_at=at, ended=float(when), code=int(code))
        self.last[run] = at

    def kills_in(self, start, end):
        """Those that may have ended an attempt that ran between the two times."""
        return [k for k in self.kills if k.start <= end and k.end >= start - NEAR]

    def killed_before_begin(self, a):
        """Whether a kill came between the start of an attempt and the first that it wrote, however long that took:
        its service had ended by then, or its folder was there at the kill."""
        return a.service not in self.services or any(k.at < a.at and a.folder in k.unended for k in self.kills)

    def may_be_lost(self, a):
        """Whether a kill may have lost how an attempt ended that has said how."""
        return self.kills_in(a.began, a.ended) or self.killed_before_begin(a) or \
            any(self.kills_before_result(a, keepers) for keepers in (True, False))

    def kills_before_result(self, a, keepers):
        """Those that may have lost how an attempt ended: that killed its keeper before the result was written, or,
        if the keeper lived, the service before the attempt's own process had ended."""
        return [k for k in self.kills if (k.kind in KEEPER_KINDS) == keepers
                and a.folder in (k.unended if keepers else k.running)]

    def lines_of(self, run):
        marks = {at: f"serve at {when:.3f}" for at, when in self.serves}
        marks |= {k.at: f"kill {k.kind} at {k.start:.3f}, until {k.end:.3f}" for k in self.kills}
        first, last = self.first.get(run, 0) - 20, self.last.get(run, 0) + 20
        for (of, step), attempts in self.attempts.items():
            for number, a in attempts.items():
                if of == run:
                    marks[a.at] = f"begin {step} {number} at {a.began:.3f}"
                    marks[a.end_at or -1] = f"end {step} {number} at {a.ended or 0:.3f}: {a.code}"
        return "\n".join(f"    {at}: {text}" for at, text in sorted(marks.items()) if first <= at <= last)


# ---- what has to be so ----

class Verdict:
    """All that is wrong, and what was counted on the way."""

    def __init__(self, victim, ledger, runs):
        self.victim, self.ledger, self.runs = victim, ledger, runs
        self.wrong, self.counted = [], collections.Counter()
        self.statuses = collections.Counter()

    def check(self, right, run, what):
        if not right:
            self.wrong.append(f"workflow {run.workflow.name}, run {run.id}: {what}")
        return right

    def run(self, run):
        if not self.check(run.id, run, "was never accepted"):
            return
        told = self.victim.good(f"/workflows/{run.workflow.id}/executions/{run.id}")
        self.statuses[told["status"]] += 1
        self.check(told["status"] in LAST and told["finishedAt"], run, f"is {told['status']}")
        steps = {s["name"]: s for s in told["steps"]}
        self.check(list(steps) == list(run.workflow.body["steps"]), run, "other steps than the workflow's")
        for name, step in steps.items():
            self.check(step["status"] in (*LAST, "Skipped"), run, f"step {name} is {step['status']}")
            self.check(bool(step["attempts"]) == bool(step["startedAt"] and step["finishedAt"]), run,
                       f"step {name}: {step['attempts']} attempts, from {step['startedAt']} to {step['finishedAt']}")
            step["wrote"] = self.wrote(run, name, step)
        rules = Rules(run, steps)
        for name, step in steps.items():
            self.attempts(run, rules, name, step)
            self.step(run, rules, name, step, told["status"])
            self.order(run, rules, name)
        self.status(run, told["status"], steps)
        self.logs(run, steps)

    @staticmethod
    def code(step):
        """Of its last attempt; None: none is known."""
        text = step.get("output", {}).get("exitCode", "")
        return int(text) if text else None

    def wrote(self, run, name, step):
        """What its output parameter is: only an attempt that came to its end wrote it."""
        code = self.code(step)
        writes = run.workflow.body["steps"][name]["parameters"]["env"]["WRITES"]
        return writes if writes and step["attempts"] and code in (0, 3, 4) else None

    def step(self, run, rules, name, step, status):
        verdict = rules.judge(name)
        stopped = status == "Stopped"
        said = f"step {name} is {step['status']} after {step['attempts']} attempts ({step.get('output')})"
        if step["status"] == "Stopped":
            self.check(stopped, run, said)
            return
        if stopped and any(rules.steps[other]["status"] == "Stopped" for other in rules.waited_for(name)):
            self.check(False, run, f"{said}, though one that it waits for was stopped")
        wanted = {"run": ("Success", "Failed"), "fail": ("Failed",)}.get(verdict, ("Skipped",))
        self.check(step["status"] in wanted, run, f"{said}; the rules say {verdict}")
        self.check((verdict == "run") == (step["attempts"] > 0), run, f"{said}; the rules say {verdict}")

    def status(self, run, status, steps):
        failed = any(s["status"] == "Failed" for s in steps.values())
        if status != "Stopped":
            self.check(status == ("Failed" if failed else "Success"), run, f"is {status}")
        if run.stop == "no":
            self.check(status != "Stopped", run, "is Stopped, and nobody asked for that")
        if run.stop == "yes" and status != "Stopped":
            # Its last step may have ended in the very moment.
            at, when = self.ledger.stops[run.id]
            self.counted["stops that came too late"] += 1
            self.check(not self.begins_after_serve(run, at), run, f"was stopped, and is {status}")
            self.check(self.ledger.last.get(run.id, 0) < at or not self.begins_after(run, when + STOP_TAKES), run,
                       f"was stopped, and is {status}")
        if run.id in self.ledger.stops:
            at, when = self.ledger.stops[run.id]
            self.check(not self.begins_after_serve(run, at),
                       run, "a step began though its stop had been accepted before the service was started again")

    def begins_after(self, run, when):
        return any(a.began > when for a in self.attempts_of(run))

    def begins_after_serve(self, run, at):
        """Whether a service that was started after the line began an attempt of it: not one that was killed then."""
        serves = [serve for serve, _ in self.ledger.serves if serve > at]
        return bool(serves) and any(a.at > serves[0] and not self.ledger.killed_before_begin(a)
                                    for a in self.attempts_of(run))

    def attempts_of(self, run):
        return [a for (of, _), attempts in self.ledger.attempts.items() if of == run.id for a in attempts.values()]

    # -- each attempt --

    def attempts(self, run, rules, name, step):
        """That each was counted, and tried again as often as the rules say."""
        begun, count = self.ledger.attempts.get((run.id, name), {}), step["attempts"]
        self.counted["attempts"] += count
        self.check(all(number <= count for number in begun), run,
                   f"step {name}: {count} attempts are told, and attempt {max(begun, default=0)} began")
        for number in range(1, count + 1):
            could = self.outcomes(run, name, step, number, begun)
            if number < count:
                self.check(any(code != 0 and rules.retries(name, number, code) for code in could), run,
                           f"step {name}: attempt {number} was tried again, and could only have ended with {could}")
            elif step["status"] in ("Success", "Failed"):
                code = self.code(step)
                self.check(code in could, run,
                           f"step {name}: the last attempt, {number}, is told to have ended with {code}: "
                           f"{step['output']}; it could only have ended with {could}")
                self.check((step["status"] == "Success") == (code == 0 and not self.timed_out(step)), run,
                           f"step {name} is {step['status']} with {step['output']}")
                self.check(step["status"] == "Success" or not rules.retries(name, number, code), run,
                           f"step {name}: was to be tried again after {step['output']}")
            if begun.get(number) and begun[number].code == 0 and (number < count or step["status"] != "Success"):
                self.finished_and_lost(run, name, step, number, begun[number])

    @staticmethod
    def timed_out(step):
        return "stepTimeout" in step.get("output", {}).get("message", "")

    def outcomes(self, run, name, step, number, begun):
        """The codes with which the attempt may have ended; None: it was lost."""
        a = begun.get(number)
        # The time of an attempt counts from its start: what it wrote cannot tell whether that time was over.
        timed = "stepTimeout" in run.workflow.body["steps"][name]
        could = {143, 137, None} if timed else set()
        if not a:
            if not timed:
                self.missing(run, name, step, number, begun)
            return could | {None}
        until = min((b.began for n, b in begun.items() if n > number), default=time.time())
        if a.code is None:
            self.counted["lost"] += 1
            self.check(self.ledger.kills_in(a.began, until) or self.ledger.killed_before_begin(a) or could or
                       run.stop != "no", run,
                       f"step {name}: attempt {number} began and did not end, and nothing had been killed")
            return could | {None}
        could.add(a.code)
        if self.ledger.may_be_lost(a):
            could.add(None)
        return could

    def missing(self, run, name, step, number, begun):
        """One that was written down and never wrote its line: each such was killed by a kill, and so was the one
        before them if it did not end, unless that had begun after its kill.  Between two processes that one kill
        ends, another attempt may begin, and is lost too."""
        self.counted["begun and killed at once"] += 1
        before = max((n for n in begun if n < number), default=0)
        after = min((n for n in begun if n > number), default=step["attempts"] + 1)
        start = (begun[before].ended or begun[before].began) if before else 0
        end = begun[after].began if after in begun else time.time()
        lost = bool(before) and begun[before].code is None and not self.ledger.killed_before_begin(begun[before])
        kills = sum(KILLED_AT_ONCE.get(k.kind, 1) for k in self.ledger.kills_in(start, end))
        self.check(kills >= after - before - 1 + lost or run.stop != "no", run,
                   f"step {name}: attempt {number} is told, and never began")

    def finished_and_lost(self, run, name, step, number, a):
        """It had said that it ends well, and is not taken to have: the kill came just in between, or it was
        being ended already."""
        if run.stop != "no" or "stepTimeout" in run.workflow.body["steps"][name]:
            return
        if self.ledger.killed_before_begin(a):
            self.counted["ended well after their service"] += 1
            return
        kinds = {k.kind for k in self.ledger.kills_in(a.began, a.ended) if k.end > a.began}
        if kinds:
            self.counted["ended well while they were being ended"] += 1
            body = run.workflow.body["steps"][name]
            deaf = body["parameters"]["env"]["DEAF"] and body["command"].startswith("exec")    # no shell around it
            self.check(kinds != {"term"} or not deaf, run,
                       f"step {name}: attempt {number} ended well in the time that it is given, and that is lost")
        elif self.ledger.kills_before_result(a, True):
            self.counted["ended, and their keepers killed"] += 1
        else:
            self.counted["killed just after their end"] += 1

    def order(self, run, rules, name):
        mine = self.ledger.attempts.get((run.id, name))
        if not mine:
            return
        first = min(a.at for a in mine.values())
        for other in rules.waited_for(name):
            theirs = self.ledger.attempts.get((run.id, other), {})
            last = max((max(a.at, a.end_at or 0) for a in theirs.values()), default=-1)
            self.check(last < first, run, f"step {name} began before {other}, which it waits for, was over")
        numbers = sorted(mine)
        for one, two in zip(numbers, numbers[1:]):
            self.check(max(mine[one].at, mine[one].end_at or 0) < mine[two].at, run,
                       f"step {name}: attempt {two} began before attempt {one} was over")

    # -- logs --

    def log(self, run, name):
        lines, token = [], ""
        while True:
            answer = self.victim.good(f"/workflows/{run.workflow.id}/executions/{run.id}/logs?stepName={name}&nextToken={token}")
            if not answer["logs"]:
                return [line["message"] for line in lines]
            lines += answer["logs"]
            token = answer["nextToken"]

    def logs(self, run, steps):
        """Each line that an attempt wrote is there once, and those of an attempt that ended are."""
        for name, step in steps.items():
            if not step["attempts"]:
                continue
            lines = [line for line in self.log(run, name) if re.match(r"(flowsync: attempt|hello|bye) \d+$", line)]
            self.check(len(set(lines)) == len(lines), run, f"step {name}: lines are twice in its log: {lines}")
            numbers = [int(line.split()[-1]) for line in lines]
            self.check(numbers == sorted(numbers), run, f"step {name}: its log is out of order: {lines}")
            if step["status"] == "Success":
                wanted = [f"{word} {step['attempts']}" for word in ("hello", "bye")]
                self.check(lines[-2:] == wanted, run, f"step {name}: its log ends with {lines[-2:]}, not {wanted}")

    # -- all of them --

    def workflow(self, workflow):
        runs = [run for run in workflow.runs if run.id]
        told = self.victim.good(f"/workflows/executions/{workflow.id}?pageSize=100")["executions"]
        ids = sorted(e["executionId"] for e in told)
        if ids != sorted(run.id for run in runs):
            self.wrong.append(f"workflow {workflow.name}: executions {ids}, begun were {[run.id for run in runs]}")
        for e in told:
            if not e.get("finishedAt") or not all(rerun.get("finishedAt") for rerun in e["reruns"]):
                self.wrong.append(f"workflow {workflow.name}: {e}")
            self.counted["reruns"] += len(e["reruns"])
        spans = sorted((self.ledger.first[run.id], self.ledger.last[run.id]) for run in runs if run.id in self.ledger.first)
        if not workflow.overlaps and any(one[1] > two[0] for one, two in zip(spans, spans[1:])):
            self.wrong.append(f"workflow {workflow.name}: its runs overlap")
        return collections.Counter(e["status"] for e in told)

    def told(self, workflow, statuses, requests):
        """Each watcher was told of each run that ended so, and of no other; but one whose processes were killed too
        often is given up, which the service logs."""
        text = (self.victim.folder / "log").read_text(errors="replace")
        given_up = re.findall(rf'workflow "{workflow.name}": execution \S+: notification not sent after '
                              rf'{DELIVERIES_MOST} attempts, giving up: its process was killed', text)
        missing = len(given_up)
        for event, status in (("success", "Success"), ("fail", "Failed")):
            count, least = requests[f"/{workflow.name}/{event}"], statuses[status]
            self.counted["deliveries"] += count
            self.counted["deliveries twice"] += max(0, count - least)
            missing -= max(0, least - count)
            if missing < 0 or (count > 0 and least == 0):
                self.wrong.append(f"workflow {workflow.name}: {count} times a watcher was told of {event}, "
                                  f"and {least} runs ended so")


def disturb(victim, client, r, seconds):
    """Until all runs were accepted, and were let go on a little then."""
    kinds = ("service", "both", "all", "runner", "keeper", "term", "haste")
    weights = (46, 14, 14, 10, 8, 6, 2)
    until = time.monotonic() + seconds
    while client.thread.is_alive() and time.monotonic() < until:
        if victim.process is None:
            victim.start()
        time.sleep(r.uniform(0.05, 1.5))
        victim.kill(r, r.choices(kinds, weights)[0])
    if victim.process is None:
        victim.start()


def wait_for_the_end(victim, client, runs, seconds):
    """All runs in their last state, and nothing left to tell."""
    until = time.monotonic() + seconds
    while client.thread.is_alive() and time.monotonic() < until:
        victim.lives()
        time.sleep(0.05)
    client.halt = True
    client.thread.join(TIMEOUT)
    if client.error:
        raise client.error
    while time.monotonic() < until:
        victim.lives()
        left = sum(len(victim.good(f"/workflows/executions/{w.id}?statuses=Running&statuses=Stopping")["executions"])
                   for w in {run.workflow for run in runs} if w.id)
        with contextlib.closing(sqlite3.connect(f"file:{victim.database}?mode=ro", uri=True)) as db:
            tells, = db.execute("SELECT count(*) FROM tell").fetchone()
        if not left and not tells:
            return
        time.sleep(0.2)
    raise AssertionError(f"{left} runs do not end, {tells} watchers are not told, within {seconds} s:\n{victim.output()}")


def nothing_left(victim, case):
    victim.stop()
    case.assertEqual(holders(victim.ledger.parent / "locks"), [], "processes are left")
    case.assertEqual(list(victim.folder.glob("service.db.runs/*")), [], "folders of attempts are left")
    with contextlib.closing(sqlite3.connect(victim.database)) as db:
        case.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        case.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
        case.assertEqual(db.execute("SELECT count(*) FROM run WHERE finished IS NULL").fetchone(), (0,))
        case.assertEqual(db.execute("SELECT count(*) FROM run_work WHERE execute IS NOT NULL").fetchone(), (0,))


def judge(case, victim, client, runs, requests):
    ledger = Ledger(victim.ledger)
    verdict = Verdict(victim, ledger, runs)
    verdict.wrong += client.wrong + ledger.wrong
    for run in runs:
        verdict.run(run)
    for workflow in {run.workflow for run in runs}:
        statuses = verdict.workflow(workflow)
        if workflow.watched:
            verdict.told(workflow, statuses, requests)
    if verdict.wrong:
        bad = [run.id for run in runs if any(f"run {run.id}" in text for text in verdict.wrong)][:3]
        text = "\n".join(verdict.wrong[:30])
        raise AssertionError(f"{len(verdict.wrong)} things are wrong:\n{text}\n" + "\n".join(
            f"run {run}:\n{ledger.lines_of(run)}" for run in bad))
    return verdict


def clear_away(place):
    """Whatever a service that is wrong has left."""
    for pid, _, _ in holders(place / "locks"):
        strike(pid)


def kill(case, count, seed=None, seconds=3600, tell=lambda text: None):
    """So many runs, killed and killed again; raises what is wrong, and the seed."""
    seed = random.randrange(10 ** 6) if seed is None else seed
    place, began = case.tmp / "kill", time.monotonic()
    (place / "locks").mkdir(parents=True)
    (place / "step.sh").write_text(STEP)
    case.addCleanup(clear_away, place)
    listener = case.fake(lambda request: (200, "{}"))
    runs = random_runs(random.Random(seed), place, count, listener.endpoint)
    victim = Victim(case, place)
    case.addCleanup(victim.done)
    client = None
    try:
        victim.start()
        client = Client(victim, runs)
        disturb(victim, client, random.Random(seed + 1), seconds)
        victim.wait_ready()
        wait_for_the_end(victim, client, runs, 180 * SLOW)
        requests = collections.Counter(r.path for r in listener.requests)
        verdict = judge(case, victim, client, runs, requests)
        nothing_left(victim, case)
    except Exception as e:
        keep = os.environ.get("KILL_KEEP")
        if keep:
            shutil.copytree(case.tmp, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("s", "*.wake"))
        raise AssertionError(f"seed {seed}: {e}") from e
    finally:
        if client:
            client.halt = True
    tell(f"seed {seed}: {len(runs)} runs ({words(verdict.statuses)}), {sum(victim.kills.values())} kills "
         f"({words(victim.kills)}), {time.monotonic() - began:.0f} seconds\n  {words(verdict.counted)}, "
         f"{client.looks} looks at all processes\n")


def words(counter):
    return ", ".join(f"{count} {what}" for what, count in counter.most_common())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--runs", type=int, default=200)
    arguments.add_argument("--seed", type=int)
    arguments.add_argument("--seconds", type=float, default=3600, help="so long it is disturbed at most")
    given = arguments.parse_args()
    case = ServiceCase()
    case.setUp()
    try:
        kill(case, given.runs, given.seed, given.seconds, sys.stdout.write)
    finally:
        case.doCleanups()


if __name__ == "__main__":
    main()
