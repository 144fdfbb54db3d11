"""Figures of the local service, each beside a limit or a peer that was measured in the same run.

    python3 -B tests/bench/local_service.py [runs] [steps] [store] [idle]    # make bench-local does all, in two minutes

Prints a table and nothing else.  Machines differ and are never alone: what counts is the ratio, of a figure to
what stands beside it.  What is measured several times, in turns with its peer, is told at its best: that is least of
what else the machine did.
"""
import concurrent.futures
import http.client
import json
import math
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from flowsync import BASE, Service, ServiceCase     # noqa: E402

ROUNDS = 5
JOBS = 8
RUNS = 1000         # as many as the service lets wait
COMMITS = 3         # that a run of one step needs: it is written down, it begins, it has ended
STEPS = 100
LATENCIES = 200
WORKFLOWS, FINISHED = 10_000, 100_000
SMALL = 100         # so many times smaller is the file beside the full one
IDLE_S = 20
DAY_MS = 24 * 3600 * 1000


# ---- what is measured with ----

class Client:
    """One connection to a service, which is kept."""

    def __init__(self, service):
        self.connection = http.client.HTTPConnection(service.address, timeout=60)
        service.case.addCleanup(self.connection.close)
        self.headers = {"Authorization": service.token, "Content-Type": "application/json"}

    def __call__(self, method, path, body=None):
        return json.loads(self.bytes(method, path, None if body is None else json.dumps(body)))

    def bytes(self, method, path, body=None):
        self.connection.request(method, BASE + path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if not 200 <= answer.status < 300:
            raise AssertionError(f"{method} {path}: {answer.status} {text.decode()}")
        return text


class Bench(ServiceCase):
    def serve(self, name, *args):
        service = Service(self, self.tmp / name, ["--jobs", JOBS, *args])
        self.addCleanup(service.kill)
        return service


def seconds(work, *args):
    began = time.monotonic()
    work(*args)
    return time.monotonic() - began


def in_rounds(*works):
    """The shortest time of each; in turns, so that what else the machine does meets them all."""
    times = [[seconds(work) for work in works] for _ in range(ROUNDS)]
    return [min(t) for t in zip(*times)]


def percentile(values, share):
    return sorted(values)[math.ceil(len(values) * share) - 1]


def processes(count, at_a_time):
    """So many `sh -c true`, by xargs."""
    subprocess.run(["xargs", "-P", str(at_a_time), "-n", "1", "sh", "-c", "true"], check=True,
                   input="".join(f"{i}\n" for i in range(count)).encode())


def process():
    pid = os.posix_spawnp("sh", ["sh", "-c", "true"], os.environ)
    os.waitpid(pid, 0)


def commits(path, count):
    """So many commits of a KiB each, that wait for the disk as the service's do."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS row(text)")
    for _ in range(count):
        database.execute("INSERT INTO row VALUES(?)", ("x" * 1024,))
    database.close()


# ---- figures ----

def row(name, value, unit, peer, beside):
    return name, value, unit, peer, beside, value / beside if beside else math.nan


def workflow(name, steps):
    return {"name": name, "metadata": {"allowConcurrentExecution": True},
            "steps": {step: {"imageId": 1, "command": "true", **more} for step, more in steps.items()}}


def wait_for_end(ask, workflow_id, run):
    while (status := ask("GET", f"/workflows/{workflow_id}/executions/{run}")["status"]) == "Running":
        time.sleep(0.0002)
    if status != "Success":
        raise AssertionError(f"execution {run} is {status}")


def run_once(ask, workflow_id):
    wait_for_end(ask, workflow_id, ask("POST", f"/workflows/{workflow_id}/execute", {})["executionId"])


def run_many(service, workflow_id, count):
    """Posted by some clients side by side, and waited for until all have ended well."""
    path = f"/workflows/executions/{workflow_id}?pageSize=1&statuses="

    def post(share):
        ask = Client(service)
        for _ in range(share):
            ask("POST", f"/workflows/{workflow_id}/execute", {})

    ask = Client(service)
    good = ask("GET", path + "Success")["executionCount"] + count
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(post, [count // JOBS] * JOBS))
    while ask("GET", path + "Running")["executionCount"]:
        time.sleep(0.01)
    if ask("GET", path + "Success")["executionCount"] != good:
        raise AssertionError("not all executions ended with Success")


def runs(case):
    service = case.serve("runs")
    ask = Client(service)
    one = ask("POST", "/workflows/", workflow("one", {"only": {}}))["id"]
    ours, plain, written = in_rounds(lambda: run_many(service, one, RUNS), lambda: processes(RUNS, JOBS),
                                     lambda: commits(case.tmp / "commits.db", RUNS * COMMITS))
    yield row("one-step runs", RUNS / ours, "a second", f"sh -c true, {JOBS} at a time", RUNS / plain)
    yield row("", RUNS / ours, "a second", f"{COMMITS} commits each, of SQLite", RUNS / written)
    ask = Client(service)       # one that did nothing for half a minute is closed by the service
    times, bare = zip(*((seconds(run_once, ask, one), seconds(process)) for _ in range(LATENCIES)))
    for name, share in ("median", 0.5), ("99 of 100", 0.99):
        yield row(f"a run, begun and seen to end; {name}", percentile(times, share) * 1000, "ms", "sh -c true",
                  percentile(bare, share) * 1000)
    service.stop()


def steps(case):
    service = case.serve("steps")
    ask = Client(service)
    chain = {f"s{i}": {"parents": [f"s{i - 1}"]} if i else {} for i in range(STEPS)}
    for name, shape, at_a_time in ("one after the other", chain, 1), ("side by side", dict.fromkeys(chain, {}), JOBS):
        made = ask("POST", "/workflows/", workflow(name, shape))["id"]
        ours, plain = in_rounds(lambda: run_once(ask, made), lambda: processes(STEPS, at_a_time))
        yield row(f"a run of {STEPS} steps {name}", ours, "s", f"sh -c true, {at_a_time} at a time", plain)
    service.stop()


# ---- files that have been used for long ----

TEMPLATE = {
    "name": "template", "tags": [{"name": "bench"}, {"name": "flowsync-default"}],
    "triggers": [{"cron": "0 0 29 2 *"}], "metadata": {"allowConcurrentExecution": True},
    "retryOptions": {"numberOfRetries": 2, "exitCodes": [1]},
    "steps": {
        "extract": {"imageId": 1, "command": "echo extracting from $SOURCE; echo done",
                    "parameters": {"env": {"SOURCE": "warehouse", "ROWS": "100"}}},
        "check": {"imageId": 1, "command": "echo all rows are good", "parents": ["extract"]},
        "load": {"imageId": 1, "command": "echo loading; echo loaded", "parents": ["check"], "stepTimeout": 10},
    },
}

# The service itself fills in workflow_item and workflow_rest when it starts.
TABLES = {"workflow", "workflow_body", "workflow_trigger", "workflow_tag", "workflow_item", "workflow_rest", "run", "run_work",
          "rerun", "log", "tell"}


class Copier:
    """Multiplies the rows that the service wrote: of its columns only those that are told differ."""

    def __init__(self, path):
        self.database = sqlite3.connect(path, isolation_level=None)
        found = {name for name, in self.database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " AND name NOT LIKE 'workflow_name%'")}
        if found != TABLES:
            raise AssertionError(f"the service's file has other tables: {found ^ TABLES}")
        self.database.execute("PRAGMA synchronous = OFF")
        self.database.execute("BEGIN")

    def copy(self, table, key, first, last, **differs):
        """From the rows of key 1; n counts from first to last."""
        columns = [c[1] for c in self.database.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(differs.get(c, "n" if c == key else f"t.{c}") for c in columns)
        self.database.execute(
            f"WITH RECURSIVE number(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM number WHERE n < {last})"
            f" INSERT INTO {table}({', '.join(columns)}) SELECT {values} FROM number, {table} AS t WHERE t.{key} = 1")

    def close(self):
        self.database.execute("COMMIT")
        self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.database.close()


def fill(case, path, workflows, finished):
    """So many workflows, of which every other has a cron, and finished runs, a tenth of them of the first."""
    now = int(time.time() * 1000)
    began = f"{now} - 80 * {DAY_MS} + n * (80 * {DAY_MS} / {finished})"
    shutil.copy(template(case), path)
    copier = Copier(path)
    copier.copy("workflow", "id", 2, workflows, name="printf('example-%05d', n)")
    copier.copy("workflow_body", "workflow", 2, workflows)
    copier.copy("workflow_tag", "workflow", 2, workflows)
    copier.copy("workflow_trigger", "workflow", 2, workflows // 2)
    copier.copy("run", "id", 2, finished, uuid="printf('%08x-0000-4000-8000-%012x', n, n)", began=began,
                finished=began + "+ 500", workflow=f"iif(n % 10 = 0, 1, 1 + n % {workflows})")
    copier.copy("run_work", "run", 2, finished)
    copier.copy("log", "run", 2, finished)
    copier.close()


def template(case):
    """A file with one workflow of one run, as the service left it."""
    path = case.tmp / "template" / "service.db"
    if not path.exists():
        service = case.serve("template")
        ask = Client(service)
        run_once(ask, ask("POST", "/workflows/", TEMPLATE)["id"])
        service.stop()
        sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    return path


def serve_filled(case, name, workflows, finished):
    folder = case.tmp / name
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if workflows:
            fill(case, folder / "service.db", workflows, finished)
    return case.serve(name)


def memory(service):
    """KiB: now, and at most so far."""
    text = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return [int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M)[1]) for key in ("VmRSS", "VmHWM")]


def answers(service, pages):
    """What is asked of a service that has so many pages of workflows: (name, how often, a function that asks)."""
    ask = Client(service)
    run = ask("GET", "/workflows/executions/2?pageSize=1")["executions"][0]["executionId"]
    each = {
        "100 pages of 100 workflows": (1, [f"/workflows/?pageSize=100&pageNumber={1 + i % pages}" for i in range(100)]),
        "workflows with x in their name": (10, ["/workflows/?searchTerm=x&pageSize=100"]),
        "workflows with 00042 in theirs": (10, ["/workflows/?searchTerm=00042&pageSize=100"]),
        "one workflow": (100, ["/workflows/2"]),
        "executions of a workflow": (100, ["/workflows/executions/2?pageSize=100"]),
        "the newest 100 of the busiest one": (10, ["/workflows/executions/1?pageSize=100"]),
        "one execution": (100, [f"/workflows/2/executions/{run}"]),
    }
    for name, (times, paths) in each.items():
        def work(paths=paths * times):
            for path in paths:
                ask.bytes("GET", path)
        yield name, times, work


def store(case):
    empty, small, full = (serve_filled(case, name, WORKFLOWS // share, FINISHED // share) for name, share in
                          (("empty", FINISHED * 2), ("small", SMALL), ("full", 1)))
    few = f"with {WORKFLOWS // SMALL:,} and {FINISHED // SMALL:,}"
    time.sleep(1)
    before, at_start = memory(full), memory(empty)
    yield row(f"memory, {WORKFLOWS:,} workflows, {FINISHED:,} runs", before[0] / 1024, "MiB", "with none",
              at_start[0] / 1024)
    yield row("the most it was, at the start", before[1] / 1024, "MiB", "with none", at_start[1] / 1024)
    times = {}
    for (name, often, one), (_, _, other) in zip(answers(full, WORKFLOWS // 100), answers(small, 1)):
        times[name] = [t / often for t in in_rounds(one, other)]
    after = memory(full)
    yield row("memory after all answers below", after[0] / 1024, "MiB", "before", before[0] / 1024)
    yield row("the most it was", after[1] / 1024, "MiB", "before", before[1] / 1024)
    size = [(s.folder / "service.db").stat().st_size for s in (full, small)]
    yield row("the file", size[0] / 2**20, "MiB", few, size[1] / 2**20)
    for name, (ours, theirs) in times.items():
        yield row(name, ours * 1000, "ms", few, theirs * 1000)
    for service in empty, small, full:
        service.stop()


# ---- doing nothing ----

def threads(service):
    """Of the service and the process that runs its steps."""
    children = subprocess.run(["pgrep", "-P", str(service.process.pid)], capture_output=True, text=True).stdout.split()
    for pid in [service.process.pid, *children]:
        yield from pathlib.Path(f"/proc/{pid}/task").iterdir()


def spent(service):
    """ms of processor time, and how often it waked up."""
    nanoseconds = wakes = 0
    for thread in threads(service):
        nanoseconds += int((thread / "schedstat").read_text().split()[0])
        wakes += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (thread / "status").read_text(), re.M)[1])
    return nanoseconds / 1e6, wakes


def idle(case):
    services = [serve_filled(case, "full", WORKFLOWS, FINISHED), serve_filled(case, "empty", 0, 0)]
    time.sleep(2)
    before = [spent(s) for s in services]
    time.sleep(IDLE_S)
    (time_full, wakes_full), (time_empty, wakes_empty) = (
        [b - a for a, b in zip(first, spent(s))] for first, s in zip(before, services))
    yield row(f"{IDLE_S} s of nothing to do, {WORKFLOWS // 2:,} crons", time_full, "ms of CPU", "with none", time_empty)
    yield row("", wakes_full, "wake-ups", "with none", wakes_empty)
    for service in services:
        service.stop()


# ---- the table ----

SECTIONS = {"runs": runs, "steps": steps, "store": store, "idle": idle}
LINE = "{:<42} {:>9} {:<10}  {:<30} {:>9}  {:>6}"


def number(value):
    return "-" if math.isnan(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main():
    case = Bench()
    case.setUp()
    try:
        print(LINE.format("figure", "", "unit", "beside", "", "ratio"))
        for name in sys.argv[1:] or SECTIONS:
            for figure, value, unit, peer, beside, ratio in SECTIONS[name](case):
                print(LINE.format(figure, number(value), unit, peer, number(beside), number(ratio)), flush=True)
    finally:
        case.doCleanups()


if __name__ == "__main__":
    main()
