"""The local service as a server, beside libmicrohttpd with a fixed body; and flowsync beside a service that is far
away."""
import json
import http.client
import pathlib
import re
import statistics
import subprocess
import time

import cycles
import specs
from measure import FLOWSYNC, PROGRAMS, Failed
from rows import Row

PEER = PROGRAMS / "peer"
DELAY_MS = 20
CONCURRENCY = 1, 8, 32, 64
BASE = "/workflows/api/v1/workflows/"
ROUNDS = 3


class Server:
    """A process that serves, and the CPU time that it has spent."""

    def __init__(self, work, command):
        self.work = work
        self.log = work.path(f"server-{time.monotonic_ns()}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=work.env)
        work.cleanups.callback(self.stop)
        end = time.monotonic() + 60
        while not (found := re.search(r"http://[\d.]+:\d+", self.log.read_text())):
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failed(f"{command[0]} does not serve:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.url = found[0]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def cpu(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def rates(self, path, count):
        """Answers for a second of CPU time, the client's included, for one of its own, and for one of the clock:
        medians, of a client that asks for one after the other."""
        found = []
        for _ in range(ROUNDS):
            before = self.cpu()
            spent = self.work.spend([PEER, "load", self.url, path, count])
            own = self.cpu() - before
            found.append((count / (own + spent.cpu_s), count / own, count / spent.wall_s))
        return [statistics.median(values) for values in zip(*found)]

    def get(self, path):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        connection.request("GET", path, headers={"Authorization": self.work.env["BENCH_TOKEN"]})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failed(f"GET {path}: {answer.status} {body.decode()}")
        return body


def local(work, n):
    """Describes and pages of the local service with n workflows."""
    files = work.fresh(f"local-specs-{n}")
    specs.write(files, n)
    body = work.path("body.json")
    body.write_text(specs.body())
    server = Server(work, [FLOWSYNC, "serve", "--listen", "127.0.0.1:0", "--db", work.fresh(f"local-{n}.db"),
                           "--crons", "no", "--state-dir", work.fresh(f"local-state-{n}"), "--token-file",
                           work.token_file])
    work.spend([PEER, "create", files, server.url, body, work.path(f"peer-local-{n}.db")])
    page = f"{BASE}?pageSize=100&pageNumber=2"
    described = f"{BASE}{json.loads(server.get(page))['workflows'][0]['id']}"
    for name, path, count, goal in (("describe", described, 5000, 0.5), ("page", page, 500, 0.15)):
        fixed = Server(work, [PROGRAMS / "fixed", len(server.get(path))])
        ours, limit = server.rates(path, count), fixed.rates(path, 20000)
        fixed.stop()
        for unit, i in ("/s", 2), ("/CPU s", 0):
            yield Row(f"local {name}", n, ours[i], unit, limit[i], goal, at_least=True,
                      limit_name="libmicrohttpd with a fixed body of that size",
                      more={"own_cpu": ours[1], "limit_own_cpu": limit[1]})
    server.stop()


def delay(work, n):
    """Plans beside a service whose answers take 20 ms."""
    here = cycles.Cycles(work, n)
    here.want_synced()
    here.service.delay(DELAY_MS)
    for concurrency in CONCURRENCY:
        ours = work.repeat(here.flowsync("plan", "--concurrency", concurrency), service=here.service)
        requests = sum(ours.requests.values())
        yield Row(f"{DELAY_MS} ms delay, concurrency {concurrency}", n, ours.wall_s, "s",
                  requests / concurrency * DELAY_MS / 1000, limit_name="requests / concurrency x delay",
                  more={"flowsync": ours.as_dict()})
    here.close()
