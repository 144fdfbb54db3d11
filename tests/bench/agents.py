"""What an agent costs: while it creates N workflows and when it is idle, and how long a change takes to be written."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import time

import git_source
import specs
from measure import FLOWSYNC, Failed, Service, Spent, settle
from rows import NONE, Row

SAVES, FEW_SAVES = 5, 3
IDLE_S = 20
SETTLE_TIME_S = 0.2     # that the agent lets pass after a file was saved
READY_S = 600
SECRET = "bench-hook-secret-0123456789"


class Agent:
    """A running agent; what it says of itself over HTTP, and what the kernel says of it."""

    def __init__(self, work, service, source, state, hook=False):
        self.work, self.service = work, service
        config = work.path("agent.yaml")
        sync = {"name": "bench", "owner": "default", "source": source, "interval": "1h"}
        if hook:
            secret = work.path("hook")
            secret.touch(mode=0o600)
            secret.write_text(SECRET)
            sync["hook"] = {"secret_file": str(secret)}
        config.write_text(json.dumps({"service": {"endpoint": service.url, "token_file": str(work.token_file)},
                                      "state_dir": str(state), "syncs": [sync]}))
        self.log = work.path("agent.log")
        self.slowest = 0.0      # answer of /healthz
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([FLOWSYNC, "agent", "--config", config, "--http", "127.0.0.1:0"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=work.env)
        work.cleanups.callback(self.kill)
        self.address = self.wait_for(lambda: re.search(r"http://(\S+:\d+): /healthz", self.log.read_text()),
                                     "listens")[1]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def wait_for(self, condition, what, timeout=READY_S, pause=0.02):
        end = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failed(f"the agent never {what}:\n{self.log.read_text()[-2000:]}")
            time.sleep(pause)
        return found

    def ask(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def is_ready(self):
        began = time.monotonic()
        self.ask("GET", "/healthz")
        self.slowest = max(self.slowest, time.monotonic() - began)
        return self.ask("GET", "/readyz") == 200

    def children(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return text.split()

    def wait_idle(self):
        """Until it is ready, no child runs and its own time stands still."""
        self.wait_for(self.is_ready, "is ready", pause=0.1)
        before = -1.0
        while (now := self.own_cpu()) - before > 0.01 or self.children():
            before = now
            time.sleep(0.5)
            self.is_ready()
        time.sleep(0.5)

    def stat(self):
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()

    def own_cpu(self):
        return sum(map(int, self.stat()[11:13])) / os.sysconf("SC_CLK_TCK")

    def children_cpu(self):
        return sum(map(int, self.stat()[13:15])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """MiB that it has now."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1]) / 1024

    def wakes(self):
        """How often its threads have waked up."""
        total = 0
        for thread in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (thread / "status").read_text(), re.M)[1])
        return total

    def until_write(self, act):
        """Seconds from act() until the service has taken a write."""
        self.service.reset()
        began = time.time_ns()
        act()
        self.wait_for(lambda: self.service.state()["first_write_ns"], "wrote", pause=0.005)
        return (self.service.state()["first_write_ns"] - began) / 1e9


def median_until_write(agent, acts):
    """The first is not counted: what it leaves behind is what the others find."""
    times = []
    for act in acts:
        agent.wait_idle()
        settle()
        times.append(agent.until_write(act))
    return statistics.median(times[1:])


def run(work, n):
    """From nothing to N workflows, then cycles without a change, files that are saved, and idleness."""
    files, state = work.fresh(f"agent-specs-{n}"), work.fresh(f"agent-state-{n}")
    specs.write(files, n)
    service = Service(work)
    settle()
    agent = Agent(work, service, {"dir": str(files)}, state)
    agent.wait_idle()
    state_now = service.state()
    if state_now["workflows"] != n:
        raise Failed(f"an agent created {state_now['workflows']} of {n}:\n{agent.log.read_text()[-2000:]}")
    spent = {"own_cpu_s": agent.own_cpu(), "children_cpu_s": agent.children_cpu(), "healthz_s": agent.slowest}
    yield Row("agent idle after creates", n, agent.memory(), "MiB", 64, 1, more=spent)
    yield Row("agent: own loop", n, spent["own_cpu_s"], "CPU s")
    yield Row("agent: slowest healthz", n, agent.slowest, "s")
    for number in "second", "third":
        settle()
        service.reset()
        agent.process.send_signal(signal.SIGUSR1)
        agent.wait_for(lambda: service.state()["list"], "listed")
        agent.wait_idle()
        counts = service.counts()
        yield Row(f"agent, {number} cycle: requests", n, sum(counts.values()), "", -(-n // 100), 1,
                  limit_name="pages", more={"requests": counts})

    def save(number):
        return lambda: specs.file(files, number).write_text(specs.text(number, 1))

    count = SAVES if n <= 1000 else FEW_SAVES
    cpu = agent.own_cpu() + agent.children_cpu()
    yield Row("agent: save until write", n, median_until_write(agent, [save(i) for i in range(count + 1)]), "s",
              SETTLE_TIME_S, 1.5, limit_name="the time that a file settles")
    agent.wait_idle()
    yield Row("agent: a save", n, (agent.own_cpu() + agent.children_cpu() - cpu) / (count + 1), "CPU s")
    before, cpu = agent.wakes(), agent.own_cpu()
    time.sleep(IDLE_S)
    minute = 60 / IDLE_S
    yield Row("agent idle: wake-ups a minute", n, (agent.wakes() - before) * minute,
              more={"own_cpu_s": (agent.own_cpu() - cpu) * minute})
    agent.stop()
    service.stop()


# ---- git ----

def push(work, n):
    """A push that a webhook tells of, until the write."""
    repository = git_source.Repository(work, f"push-{n}", n)
    service = Service(work)
    agent = Agent(work, service, {"git": {"url": f"file://{repository.path}", "branch": "main", "poll": "1h"}},
                  work.fresh(f"push-state-{n}"), hook=True)
    times = []

    def act(number):
        def ask():
            status = agent.ask("POST", "/hook/bench", {"X-Flowsync-Token": SECRET}, b"{}")
            if status != 202:
                raise Failed(f"the hook answered {status}")
        repository.commit({number: 1})
        times.append(repository.fetch_time())
        return ask

    agent.wait_idle()
    value = median_until_write(agent, (act(i) for i in range(SAVES + 1)))
    agent.stop()
    service.stop()
    yield Row("push until write", n, value, "s", statistics.median(times), NONE, limit_name="git fetch")


def git(work, n):
    """A repository of N files in one folder, with N / 10 commits of one file each."""
    commits = n // 10
    repository = git_source.Repository(work, f"repo-{n}", n, commits)
    service = Service(work)
    url = f"file://{repository.path}"
    state = work.fresh(f"git-state-{n}")

    def flowsync(command, *more, state=state):
        return [FLOWSYNC, command, "--endpoint", service.url, "--token-file", work.token_file, "--state-dir", state,
                "--quiet", "--git", url, "--branch", "main", "--timeout", "30m", *more]

    count = git_source.old_files(n)
    only = ["--only", f"bench-{count:05d}"]     # what is measured is git, and not the service
    clone = work.repeat(["/usr/bin/git", "clone", "--bare", "-q", url, work.path("clone")],
                        lambda _: work.fresh("clone") and None)
    files = work.path("clone-files")
    events = repository.events(files)

    def cold(_):
        work.fresh(state.name)

    ours = work.repeat(flowsync("sync", *only), cold)
    limit = Spent(clone.wall_s + events.wall_s, clone.cpu_s + events.cpu_s, max(clone.peak_mib, events.peak_mib))
    yield pair("git cold", n, ours, limit, "git clone, and libyaml events")

    def push_one(number):
        repository.commit({n - 1 - number: 2})

    fetch = work.repeat(["/usr/bin/git", "-C", work.path("clone"), "fetch", "-q", "origin", "+main:main"], push_one)
    ours = work.repeat(flowsync("sync", *only), push_one)
    yield pair("git warm, one commit", n, ours, fetch, "git fetch")

    # Workflows of the oldest versions of their files, and no record of them: the history is searched to its end.
    old = work.fresh("old")
    specs.write(old, count)
    work.spend([FLOWSYNC, "sync", "--endpoint", service.url, "--token-file", work.token_file, "--state-dir",
                work.path("none"), "--quiet", old])
    some = [word for number in range(count) for word in ("--only", f"bench-{number:05d}")]
    log = work.repeat(["/usr/bin/git", "-C", repository.path, "log", "--raw", "--format=%H", "main"])
    ours = work.repeat(flowsync("plan", *some))
    yield pair(f"git history of {count} files", n, ours, log, "git log --raw, once")
    service.stop()


def pair(name, n, ours, limit, limit_name):
    return Row(name, n, ours.cpu_s, "CPU s", limit.cpu_s, limit_name=limit_name,
               more={"flowsync": ours.as_dict(), "peer": limit.as_dict(), "wall_ratio": ours.wall_s / limit.wall_s})
