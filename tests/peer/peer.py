"""A second workflow service, for tests: the same contract as flowsync's own, other habits.

    python3 tests/peer/peer.py --port 0 --token T --habit NAME --habit NAME=VALUE ... [--seed N] [--log FILE]

prints its URL on the first line and serves until it is told to end; --habits lists them.  In a test:

    with Peer("T", ["defaults", "slow=20"]) as peer:
        ...peer.url, peer.workflows, peer.requests, peer.set_habits(...)

It is written from the contract alone and shares nothing with the program that it tests.  Without
any habit it shows what it was sent, env as a list, a webhook as its address, a cron with its next
time.  All is in memory, and nothing in it is quick or safe: it listens on the loopback only.
"""
import argparse
import collections
import copy
import datetime
import json
import random
import re
import signal
import socket
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import habits
import runs
import shape

BASE = "/workflows/api/v1"
BODY_MAX = 4 << 20
RESOURCES = [{"id": 21, "cpu": 0.25, "memory": 0.5, "gpu": None, "gpuMemory": None},
             {"id": 23, "cpu": 1, "memory": 2, "gpu": None, "gpuMemory": None},
             {"id": 24, "cpu": 4, "memory": 16, "gpu": 1, "gpuMemory": 8}]
SIGNATURE = "signed-7d0b4bb29a2f"
DEFAULT_RESOURCE = {"instanceTypeId": 21, "storage": "10GB"}
IN_LIST = ("id", "name", "createdAt", "updatedAt", "status", "lastExecution", "triggers", "tags")

Request = collections.namedtuple("Request", "method path body")


class Refused(Exception):
    """An answer other than 2xx."""

    def __init__(self, status, detail, headers=None):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


class Workflow:
    """One workflow as it is kept: body as it was sent, with the addresses of its webhooks beside it."""

    def __init__(self, id, body, now):
        self.id, self.body = id, body
        self.status = "Available"
        self.webhooks = []          # one for each webhook trigger, in their order
        self.created = self.updated = now
        self.executions = []        # newest first
        self.busy_writes = 0        # so many writes more are answered 409
        self.busy_until = 0.0
        self.before = None          # what stale answers show; None: that it is not there yet
        self.fresh_at = 0.0

    @property
    def name(self):
        return self.body["name"]


class Peer:
    def __init__(self, token="token", names=(), seed=1, port=0, log=None):
        habits.parse(names)         # an unknown one is told of before a socket is open
        self.token = token
        self.lock = threading.RLock()
        self.seed = seed
        self.log = log
        self.workflows = {}         # id: Workflow
        self.clock = time.monotonic
        self.ghosts = {}            # id: (until, Workflow) of deleted ones that stale answers still show
        self.next_id = 601
        self.requests = []          # Request of all that came, but /control
        self.complaints = []        # what no good client sends, in sentences
        self.runs = 0               # so many have begun
        self.downloads = {}         # path: text, for whoever has the address
        self.broken = []            # errors of our own: a test wants this empty
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler, bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.server.request_queue_size = 128
        self.server.server_bind()
        self.server.server_activate()
        self.server.peer = self
        self.url = self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.set_habits(*names)

    # ---- for tests ----

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def set_habits(self, *names):
        """These and no others, from now on; what they count begins anew."""
        chosen = habits.parse(names)
        with self.lock:
            self.habits = chosen
            self.random = random.Random(self.seed)
            self.count = self.creates = 0
            self.shifts = chosen.get("shifting-pages", 0)
            self.order = sorted(self.workflows)
            for workflow in self.workflows.values():
                self.make_busy(workflow)

    def add(self, body, status="Available"):
        """Makes a workflow as somebody else would, and gives it."""
        with self.lock:
            workflow = self.make(self.take_in(body))
            workflow.status = status
            return workflow

    def named(self, name):
        """The one workflow of that name."""
        with self.lock:
            found = [w for w in self.workflows.values() if w.name == name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} workflows are called {name}")
        return found[0]

    def shown(self, name):
        """What describe says of it, were it asked now and with these habits."""
        with self.lock:
            return self.describe(self.named(name))

    def writes(self):
        """The requests that would change a workflow."""
        return [r for r in list(self.requests) if r.method != "GET" and r.path.startswith("/workflows/")]

    def backup(self):
        """All workflows as they are now, for restore()."""
        with self.lock:
            return [snapshot(w) for w in self.workflows.values()]

    def restore(self, backup):
        """The workflows are those of backup(), and what came later is gone."""
        with self.lock:
            self.workflows = {w.id: snapshot(w) for w in backup}
            self.order = sorted(self.workflows)

    def age(self, seconds):
        """As if all that was done had been done that much earlier."""
        with self.lock:
            for workflow in self.workflows.values():
                workflow.created -= seconds
                workflow.updated -= seconds

    # ---- time ----

    def now(self):
        return time.time() + self.habits.get("clock-skew", 0)

    def stamp(self, seconds):
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        if "clock-of-seconds" in self.habits:
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def new_uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_run_id(self):
        self.runs += 1
        return str(uuid.UUID(int=random.Random(self.runs).getrandbits(128), version=4))

    # ---- what a write keeps ----

    def take_in(self, sent, old=None):
        """The body to be kept for what was sent, or Refused."""
        if "text-numbers" in self.habits:
            sent = numbers_of_text(sent)
        body = shape.clean(sent)
        if isinstance(body, dict):
            strict = "strict" in self.habits
            for key in shape.READ_ONLY & set(body):
                if strict:
                    raise Refused(422, f"/{key} is read-only")
                del body[key]
            if isinstance(body.get("triggers"), list):
                body["triggers"] = [t for t in body["triggers"] if t != {}]
        found = shape.faults(body, strict="strict" in self.habits)
        if "strict" in self.habits and not found:
            found = [f"{shape.pointer(path)}: expected text" for path, kind, value in
                     shape.each(shape.WORKFLOW, body) if kind == shape.SCALAR
                     and not isinstance(value, str) and "number-texts" not in self.habits]
        if found:
            raise Refused(422, "; ".join(found))
        if "extra-keys" in self.habits:
            for _, kind, value in list(shape.each(shape.WORKFLOW, body)):
                if isinstance(kind, dict):
                    for key in shape.OWN_EXTRA & set(value):
                        del value[key]
        kept = old.body if old else {}
        self.keep_tokens(body, kept)
        for name, change in habits.WRITERS:
            if name in self.habits:
                change(body, kept, self.habits[name])
        return body

    def keep_tokens(self, body, old):
        """What can't be read can't be sent back: a token left out is the one that is stored."""
        if not {"hide-tokens", "empty-tokens"} & set(self.habits) or "forget-tokens" in self.habits:
            return
        for name, step in body["steps"].items():
            stored = old.get("steps", {}).get(name, {}).get("repository", {}).get("token")
            if stored and "repository" in step:
                step["repository"].setdefault("token", stored)

    def addresses(self, body, old):
        """The webhooks' addresses after a write: kept where the policy says so, else new."""
        kept = list(old.webhooks) if old else []
        result = []
        for trigger in body.get("triggers", []):
            policy = trigger.pop("webhookPolicy", None)
            if "webhook" in trigger:
                keep = kept and (policy == "preserve" or "webhook-keep" in self.habits)
                result.append(kept.pop(0) if keep else self.new_uuid())
        return result

    def make(self, body):
        workflow = Workflow(self.next_id, body, self.now())
        self.next_id += 1
        if "many-triggers" in self.habits and "triggers" not in body:
            body["triggers"] = [{"webhook": True}, {"cron": "5 4 * * *"}, {"webhook": True}]
        workflow.webhooks = self.addresses(body, None)
        self.workflows[workflow.id] = workflow
        self.order.append(workflow.id)
        self.make_busy(workflow)
        return workflow

    def make_busy(self, workflow):
        value = self.habits.get("busy", "0")
        workflow.busy_writes = 0 if value.endswith("ms") else int(value)
        workflow.busy_until = self.clock() + int(value[:-2]) / 1000 if value.endswith("ms") else 0

    def remember(self, workflow, new=False):
        """To be called before a write: stale answers show what is now."""
        now = self.clock()
        if now >= workflow.fresh_at:
            workflow.before = None if new else snapshot(workflow)
        workflow.fresh_at = now + self.habits.get("stale-reads", 0) / 1000

    def want_free(self, workflow):
        now = self.clock()
        if workflow.busy_writes > 0:
            workflow.busy_writes -= 1
        elif now >= workflow.busy_until and not self.running(workflow):
            return
        raise Refused(409, f"workflow {workflow.id} is running")

    def running(self, workflow):
        return any(not run.over(self.clock()) for run in workflow.executions)

    # ---- what answers show ----

    def seen(self):
        """The workflows as answers show them: after a write, for a while, as they were before it."""
        now = self.clock()
        ghosts = [w for until, w in self.ghosts.values() if now < until]
        present = [self.workflows[i] for i in self.order if i in self.workflows]
        return [w for w in (w if now >= w.fresh_at else w.before for w in present) if w] + ghosts

    def status(self, workflow):
        busy = workflow.busy_writes > 0 or self.clock() < workflow.busy_until or self.running(workflow)
        return "Running" if busy else workflow.status

    def describe(self, workflow):
        body = copy.deepcopy(workflow.body)
        addresses = iter(workflow.webhooks)
        updated = workflow.updated
        if "updated-at-runs" in self.habits:
            updated = max([updated] + [run.at + run.takes for run in workflow.executions if run.over(self.clock())])
        if "updated-at-back" in self.habits and workflow.updated != workflow.created:
            updated -= 86400
        if "updated-at-still" in self.habits:
            updated = workflow.created
        if "updated-at-moves" in self.habits:
            updated = self.now()
        last = workflow.executions[0].short(self.clock(), self.stamp) if workflow.executions else None
        answer = {"id": workflow.id, "name": None, "createdAt": self.stamp(workflow.created),
                  "updatedAt": self.stamp(updated), "status": self.status(workflow),
                  "lastExecution": last and {key: last[key] for key in
                                           ("executionId", "executedAt", "status", "rerunId") if key in last},
                  "steps": {}, "triggers": [], "watchers": [], "tags": [], **body}
        for trigger in answer["triggers"]:
            if "webhook" in trigger:
                trigger["webhook"] = next(addresses)
            else:
                trigger["scheduled"] = self.stamp(self.now() // 3600 * 3600 + 3600)
        for name, change in habits.READERS:
            if name in self.habits or (name == "env-list" and not {"env-map", "env-one-map"} & set(self.habits)):
                change(answer, self.habits.get(name), self)
        return answer

    # ---- operations ----

    def list_workflows(self, query, _):
        found = [w for w in self.seen() if self.matches(w, query)]
        items = [self.describe(w) for w in found]
        items = [{key: item[key] for key in item if key in IN_LIST} for item in items]
        answer = self.page(query, "workflows", "workflowsCount", items)
        if answer["pageCount"] > 1 and answer["pageNumber"] == 1 and self.shifts > 0:
            self.shift()
        return 200, answer

    def matches(self, workflow, query):
        term = query.get("searchTerm", [""])[0]
        names = [workflow.name]
        if "exact-search" in self.habits:
            found = term in ("", workflow.name)
        elif "loose-search" in self.habits:
            names += [tag["name"] for tag in workflow.body.get("tags", [])]
            found = any(term.lower() in name.lower() for name in names)
        else:
            found = term in workflow.name
        status = query.get("workflowStatus")
        last = query.get("lastExecutionStatus")
        return (found and (not status or self.status(workflow) in status)
                and (not last or (workflow.executions and workflow.executions[0].status(self.clock()) in last)))

    def page(self, query, key, count_key, items):
        size, number = whole(query, "pageSize", 25), whole(query, "pageNumber", 1)
        if {"shifting-pages", "empty-page"} & set(self.habits):
            size = min(size, 3)
        size = min(size, self.habits.get("page", size))
        lies = 1 if "count-lies" in self.habits else 0
        part = items[(number - 1) * size:number * size]
        if "empty-page" in self.habits and number > 1:
            part = []
        return {"pageCount": -(-len(items) // size), "pageNumber": number, "pageSize": size,
                count_key: len(items) + lies, key: part}

    def shift(self):
        """By turns: the last one moves to the front, a new one comes there."""
        self.shifts -= 1
        if (self.habits["shifting-pages"] - self.shifts) % 2:
            self.order.insert(0, self.order.pop())
        else:
            new = self.make({"name": f"newcomer-{self.next_id}",
                             "steps": {"a": {"imageId": 1, "command": "true"}}})
            self.order.insert(0, self.order.pop(self.order.index(new.id)))

    def of_id(self, text, fresh=False):
        id = int(text)
        found = self.workflows.get(id) if fresh else next((w for w in self.seen() if w.id == id), None)
        if not found:
            raise Refused(404, f"workflow {id} not found")
        return found

    def create(self, _, sent):
        body = self.take_in(sent)
        workflow = self.make(body)
        self.remember(workflow, new=True)
        if "same-names" in self.habits:
            self.remember(self.make(copy.deepcopy(body)), new=True)
        return 201, self.written(workflow)

    def written(self, workflow):
        answer = {"id": workflow.id}
        if workflow.webhooks:
            answer["triggers"] = [{"webhook": address} for address in workflow.webhooks]
        return answer

    def describe_workflow(self, _, __, id):
        return 200, self.describe(self.of_id(id))

    def update(self, _, sent, id):
        workflow = self.of_id(id, fresh=True)
        body = self.take_in(sent, workflow)
        self.want_free(workflow)
        self.remember(workflow)
        workflow.webhooks = self.addresses(body, workflow)
        workflow.body, workflow.updated = body, self.now()
        if "resume-on-update" in self.habits and workflow.status == "Paused":
            workflow.status = "Available"
        return 200, self.written(workflow)

    def delete(self, _, __, id):
        workflow = self.of_id(id, fresh=True)
        self.want_free(workflow)
        self.ghosts[workflow.id] = (self.clock() + self.habits.get("stale-reads", 0) / 1000,
                                    snapshot(workflow))
        del self.workflows[workflow.id]
        self.order.remove(workflow.id)
        return 200, {}

    def pause(self, _, __, id):
        return self.turn(id, "Available", "Paused")

    def resume(self, _, __, id):
        return self.turn(id, "Paused", "Available")

    def turn(self, id, wanted, status):
        workflow = self.of_id(id, fresh=True)
        self.want_free(workflow)
        if workflow.status != wanted:
            raise Refused(409, f"workflow {workflow.id} is {workflow.status}")
        self.remember(workflow)
        workflow.status, workflow.updated = status, self.now()
        return 200, {}

    # ---- executions: nothing is run, it only seems so ----

    def execute(self, _, sent, id):
        workflow = self.of_id(id, fresh=True)
        if not workflow.body.get("metadata", {}).get("allowConcurrentExecution"):
            self.want_free(workflow)
        found = runs.faults(sent, workflow.body["steps"])
        if found:
            raise Refused(400, "; ".join(found))
        workflow.executions.insert(0, runs.Run(
            self.new_run_id(), copy.deepcopy(workflow.body), sent, self.now(), self.clock(),
            self.habits.get("runs", 0) / 1000, self.habits.get("fail-step"), self.habits.get("log-lines", 0)))
        return 200, {"executionId": workflow.executions[0].id}

    def executions(self, query, _, id):
        workflow = self.of_id(id)
        told = [run.short(self.clock(), self.stamp) for run in workflow.executions]
        first, last = moment(query, "dateFrom"), moment(query, "dateTo")
        found = [t for t in told if t["status"] in query.get("statuses", [t["status"]])
                 and (not first or first <= instant(t["executedAt"]))
                 and (not last or instant(t["executedAt"]) <= last)]
        found = found[:whole(query, "count", len(found) or 1)]
        keys = ("executionId", "executedAt", "finishedAt", "duration", "status", "stoppedBy", "reruns")
        answer = self.page(query, "executions", "executionCount",
                           [{key: t[key] for key in keys if key in t} for t in found])
        return 200, {"workflowId": workflow.id, **answer}

    def run_of(self, workflow, id):
        for run in workflow.executions:
            if run.id == id:
                return run
        raise Refused(404, f"execution {id} not found")

    def execution(self, _, __, id, execution_id):
        return 200, self.run_of(self.of_id(id), execution_id).details(self.clock(), self.stamp)

    def step_of(self, run, query):
        step = query.get("stepName", [""])[0]
        if step not in run.parents:
            raise Refused(404, f'no step "{step}" in this execution')
        return step

    def logs(self, query, _, id, execution_id):
        run = self.run_of(self.of_id(id), execution_id)
        step, token = self.step_of(run, query), query.get("nextToken", [""])[0]
        lines = run.log(step, self.clock())
        match = re.fullmatch(r"f/(\d+)/s", token)
        begin = int(match[1]) if match else len(lines) if token else 0
        part = lines[begin:begin + self.habits.get("log-page", 100)]
        answer = {"logs": part, "nextToken": f"f/{begin + len(part)}/s",
                  "stepRunStatus": run.step(step, self.clock())[0]}
        if "no-log-token" in self.habits:
            answer.update(logs=lines or None, nextToken=None)
        return 200, answer

    def logs_download(self, query, _, id, execution_id):
        run = self.run_of(self.of_id(id), execution_id)
        step = self.step_of(run, query)
        self.downloads[f"/download/{run.id}/{step}"] = "".join(
            f"{line['message']}\n" for line in run.log(step, self.clock()))
        return 200, {"downloadUrl": f"{self.url}/download/{run.id}/{step}?signature={SIGNATURE}"}

    def resources(self, *_):
        return 200, RESOURCES

    def default_resource(self, *_):
        return 200, DEFAULT_RESOURCE

    # ---- what a test in another process asks and sets ----

    def control(self, method, path, sent):
        if path == "/habits":
            if method == "PUT":
                self.set_habits(*sent)
            return 200, self.habits
        if path == "/workflows" and method in ("PUT", "POST"):
            if method == "PUT":
                self.workflows.clear()
                self.order.clear()
            given = sent if method == "PUT" else [sent]
            return 200, [self.add(g.get("body", g), g.get("status", "Available")).id for g in given]
        if match := re.fullmatch(r"/workflows/(\d+)", path):
            workflow = self.of_id(match[1], fresh=True)
            if method == "DELETE":
                del self.workflows[workflow.id]
                self.order.remove(workflow.id)
            elif method == "PUT":
                workflow.status = sent.get("status", workflow.status)
                workflow.body = sent.get("body", workflow.body)
                workflow.webhooks = sent.get("webhooks", workflow.webhooks)
            return 200, self.kept(workflow)
        if path == "/workflows":
            return 200, [self.kept(self.workflows[i]) for i in self.order]
        if path in ("/requests", "/complaints", "/broken"):
            log = getattr(self, path[1:])
            if method == "DELETE":
                log.clear()
            return 200, list(log)
        return 404, {"detail": "no such control"}

    def kept(self, workflow):
        return {"id": workflow.id, "status": workflow.status, "webhooks": workflow.webhooks,
                "body": workflow.body}

    # ---- one request ----

    def answer(self, request, headers):
        """(status, answer, headers, cut): cut means that the connection ends without the answer."""
        with self.lock:
            self.requests.append(request)
            self.count += 1
            count = self.count
        if "slow" in self.habits:
            time.sleep(self.habits["slow"] / 1000)
        with self.lock:
            try:
                self.refuse(request, headers, count)
                status, answer = self.route(request)
                failed = self.fail_after(request, count)
            except Refused as e:
                return e.status, {"detail": e.detail}, e.headers, False
        return failed or (status, answer, {}, False)

    def refuse(self, request, headers, count):
        if headers.get("Authorization") != self.token:
            raise Refused(401, "unauthorized")
        rate, flaky = self.habits.get("rate-limit"), self.habits.get("flaky")
        if rate and count % rate == 0:
            raise Refused(429, "too many requests", {"Retry-After": "1"})
        if flaky and count % flaky == 0 and count // flaky % 2 == 0:
            raise Refused(503, "not now", {"Retry-After": "0"})   # without it the answer to a create is lost
        if not headers.get("Content-Type", "").startswith("application/json"):
            self.complaints.append(f"{request.method} {request.path}: no Content-Type: application/json")
        if isinstance(request.body, ValueError):
            raise Refused(400, "the body is no JSON")
        if request.method in ("POST", "PUT"):
            self.complaints += [f"{request.method} {request.path}: {text}"
                                for text in shape.complaints(request.body)]

    def fail_after(self, request, count):
        flaky = self.habits.get("flaky")
        if flaky and count % flaky == 0:
            return 500, {"detail": "done, but then something broke"}, {}, False
        if request.method == "POST" and request.path == "/workflows/":
            self.creates += 1
            if self.creates <= self.habits.get("lose-create", 0):
                return 0, None, {}, True
        return None

    def route(self, request):
        path, _, query = request.path.partition("?")
        methods = []
        for method, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                return getattr(self, name)(parse_qs(query), request.body, *match.groups())
            methods += [method] if match else []
        if methods:
            raise Refused(405, "method not allowed", {"Allow": ", ".join(methods)})
        raise Refused(404, f"nothing is at {path}")


# "/workflows/executions/{id}" must not be taken for an execution of a workflow.
ROUTES = [
    ("GET", r"/workflows/?", "list_workflows"),
    ("POST", r"/workflows/?", "create"),
    ("GET", r"/workflows/executions/(\d+)", "executions"),
    ("GET", r"/workflows/(\d+)", "describe_workflow"),
    ("PUT", r"/workflows/(\d+)", "update"),
    ("DELETE", r"/workflows/(\d+)", "delete"),
    ("POST", r"/workflows/(\d+)/pause", "pause"),
    ("POST", r"/workflows/(\d+)/resume", "resume"),
    ("POST", r"/workflows/(\d+)/execute", "execute"),
    ("GET", r"/workflows/(\d+)/executions/([^/]+)", "execution"),
    ("GET", r"/workflows/(\d+)/executions/([^/]+)/logs", "logs"),
    ("GET", r"/workflows/(\d+)/executions/([^/]+)/logs/download", "logs_download"),
    ("GET", r"/resources", "resources"),
    ("GET", r"/resources/defaults", "default_resource"),
]


def snapshot(workflow):
    copied = copy.copy(workflow)
    copied.body, copied.webhooks = copy.deepcopy(workflow.body), list(workflow.webhooks)
    return copied


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def moment(query, key):
    """The time that a query names; None: it names none."""
    if key not in query:
        return None
    try:
        return instant(query[key][0])
    except ValueError:
        raise Refused(400, f"{key}: expected a time, as 2024-01-31T18:00:00.000Z") from None


def whole(query, key, usual):
    text = query.get(key, [str(usual)])[0]
    if not text.isdecimal() or int(text) < 1:
        raise Refused(400, f"{key}: expected a whole number from 1")
    return int(text)


def numbers_of_text(sent):
    """A copy in which text stands for a number no more, where a number is wanted."""
    result = copy.deepcopy(sent)
    for path, kind, value in list(shape.each(shape.WORKFLOW, result)):
        if kind in (shape.INT, shape.NUMBER) and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            outer = result
            for part in path[:-1]:
                outer = outer[part]
            outer[path[-1]] = int(value)
    return result


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def serve(self):
        peer = self.server.peer
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > BODY_MAX:
            self.close_connection = True
            return self.say(413 if length.isdecimal() else 411, {"detail": "a body of known, bounded length"})
        text = self.rfile.read(int(length))
        try:
            body = json.loads(text) if text else None
        except ValueError as e:
            body = e
        try:
            self.choose(peer, body)
        except Refused as e:
            self.say(e.status, {"detail": e.detail})
        except (ValueError, KeyError) as e:
            peer.broken.append(f"{self.command} {self.path}: {e!r}")
            self.say(500, {"detail": "the test service is broken"})

    def choose(self, peer, body):
        path = urlsplit(self.path).path
        if path.startswith("/control/"):
            with peer.lock:
                return self.say(*peer.control(self.command, path.removeprefix("/control"), body))
        if path in peer.downloads:
            if "Authorization" in self.headers:
                peer.complaints.append(f"{path}: the token is sent where the address is the secret")
            if urlsplit(self.path).query != f"signature={SIGNATURE}":
                return self.say(403, {"detail": "no such signature"})
            return self.send(200, peer.downloads[path].encode(), {"Content-Type": "text/plain"})
        if path == "/tenant-management/api/v1/external/tenants/tenant-metadata" or \
                path == "/resource-usage/api/v1/telemetry":
            return self.say(200, {})
        if not path.startswith(BASE + "/"):
            return self.say(404, {"detail": f"nothing is at {path}"})
        request = Request(self.command, self.path.removeprefix(BASE), body)
        status, answer, headers, cut = peer.answer(request, self.headers)
        if peer.log:
            peer.log.write(json.dumps([request.method, request.path, status, repr(body)
                                       if isinstance(body, ValueError) else body]) + "\n")
            peer.log.flush()
        if cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self.say(status, answer, headers)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve

    def say(self, status, answer, headers=None):
        self.send(status, json.dumps(answer).encode(), {"Content-Type": "application/json", **(headers or {})})

    def send(self, status, text, headers):
        self.send_response(status)
        for key, value in {"Content-Length": len(text), **headers}.items():
            self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(text)

    def date_time_string(self, timestamp=None):
        return super().date_time_string(self.server.peer.now() if timestamp is None else timestamp)

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass    # the client hung up, as it may

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="A second workflow service, for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="token")
    parser.add_argument("--habit", action="append", default=[], metavar="NAME[=VALUE]")
    parser.add_argument("--habits", action="store_true", help="list them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=argparse.FileType("w"))
    options = parser.parse_args()
    if options.habits:
        for name, (value, about) in habits.HABITS.items():
            print(f"{name if value is None else f'{name}={value}':40} {about}")
        return
    peer = Peer(options.token, options.habit, options.seed, options.port, options.log)
    peer.start()
    print(peer.url, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        peer.stop()


if __name__ == "__main__":
    main()
