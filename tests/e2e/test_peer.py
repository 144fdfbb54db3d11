"""The second service (tests/peer): each of its habits as the wire shows it, and flowsync against all of them."""
import concurrent.futures
import copy
import http.client
import json
import re
import signal
import subprocess
import sys
import time
import unittest

import flowsync

sys.path.insert(0, str(flowsync.ROOT / "tests/peer"))
import habits   # noqa: E402
from peer import BASE, Peer     # noqa: E402

# With these habits describe shows something else than what was sent.  Each such workflow is written a second
# time before it is judged, and then never again (design section 5: settled, refused): how many writes
# the first sync takes.
LEARNS = {"ignore-field": 10, "refuse-values": 11, "https-urls": 10, "trim-text": 10,
          "lower-tags": 9, "text-numbers": 16}
# What is refused is told of in every report.
REFUSES = {"ignore-field", "refuse-values"}
# "Unknown is never empty" (design section 6): a list that contradicts itself is no list; after the creates it may hide
# what another run created.
STOPS = {
    "empty-page": [(4, 8), (1, 0), (1, 0)],
    "count-lies": [(1, 0), (1, 0), (1, 0)],
}
# Of executions, of which a sync makes none.
OF_EXECUTIONS = {"runs", "fail-step", "log-lines", "log-page", "no-log-token"}
# Each new workflow is there twice, and which one is meant is known only to the state that the sync leaves.
CONFLICTS = {"same-names"}


def converging(habit):
    """(exit, writes) of sync, sync, plan."""
    code = 4 if habit in REFUSES else 0
    first = 5 if habit in CONFLICTS else code
    return STOPS.get(habit) or [(first, LEARNS.get(habit, 8)), (code, 0), (code, 0)]


# So that no test takes long.
VALUES = {"busy": "busy=1", "rate-limit": "rate-limit=17", "page": "page-100"}

CORNERS = """
    name: corners
    tags: [{name: Team-A}, {name: plain}, {name: Zeta}, {name: Alpha}]
    watchers: []
    retryOptions: {}
    steps:
      build:
        imageId: 3
        command: |
          make
          make check
        stepTimeout: 7200
        clearImageCache: true
        resources: {instanceTypeId: 21, storage: 15GB}
        repository: {url: git.example.com/a/b, branch: main, token: git-token}
        parameters: {env: {PORT: "8080", EMPTY: "", ZERO: "007", QUOTE: "a\\"b"}}
        runConfiguration: {retryOptions: {}}
      send:
        type: http
        method: post
        url: https://example.com/x
        payload: "{}\\n"
        auth: {type: basic, username: u, password: p-name}
"""
BODY = {
    "name": "Work", "tags": [{"name": "Red"}, {"name": "green"}, {"name": "blue"}, {"name": "black"}],
    "triggers": [{"cron": "0 1 * * *"}, {"webhook": True}],
    "watchers": [{"user": "a@example.com", "events": {"fail": True, "runtimeExceeded": 5}}],
    "metadata": {"allowConcurrentExecution": False}, "retryOptions": {"numberOfRetries": 4},
    "steps": {
        "one": {"imageId": 7, "command": "make\n", "stepTimeout": 9000, "clearImageCache": True,
                "resources": {"instanceTypeId": 21, "storage": "10GB"}, "outputParameters": {},
                "repository": {"url": "example.com/r", "branch": "main", "token": "t"},
                "parameters": {"env": {"N": "8", "ZERO": "08", "T": "x"}}},
        "two": {"type": "http", "method": "get", "url": "https://example.com", "parents": ["one"],
                "auth": {"type": "basic", "username": "u", "password": "p"}},
        "three": {"type": "export", "schema": "s", "table": "t", "sortBy": "c"},
    },
}


class Wire:
    """One kept-alive connection to a peer."""

    def __init__(self, peer):
        self.connection = http.client.HTTPConnection(peer.url.removeprefix("http://"), timeout=flowsync.TIMEOUT)

    def ask(self, method, path, body=None, token="token"):
        """(status, answer); a path below /control goes there."""
        text = None if body is None else json.dumps(body)
        top = "" if path.startswith("/control") else BASE
        self.connection.request(method, top + path, text,
                                {"Authorization": token, "Content-Type": "application/json"})
        self.answer = self.connection.getresponse()
        return self.answer.status, json.loads(self.answer.read())


class PeerTest(unittest.TestCase):
    """What the peer says, seen with http.client."""

    maxDiff = None

    clock = staticmethod(time.monotonic)

    def stand_still(self):
        """now: from here on it is now[0], in seconds, to peers that are wired."""
        now = [1000.0]
        self.clock = lambda: now[0]
        return now

    def wire(self, *names):
        self.peer = Peer("token", names)
        self.peer.clock = self.clock
        self.peer.start()
        self.addCleanup(self.peer.stop)
        self.w = Wire(self.peer)
        self.addCleanup(self.w.connection.close)
        return self.w

    def good(self, *args):
        status, answer = self.w.ask(*args)
        self.assertIn(status, (200, 201), answer)
        return answer

    def made(self, *names, **more):
        """Describe's answer to BODY with these habits; the peer then has no other workflow."""
        self.wire(*names)
        return self.good("GET", f"/workflows/{self.good('POST', '/workflows/', {**BODY, **more})['id']}")

    def step(self, *names):
        return self.made(*names)["steps"]["one"]

    def update(self, body, id=601):
        return self.w.ask("PUT", f"/workflows/{id}", body)

    # ---- without a habit ----

    def test_a_workflow_comes_back_as_it_was_sent_but_for_env_webhook_and_cron(self):
        shown = self.made()
        address = shown["triggers"][1]["webhook"]
        self.assertRegex(address, r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$")
        wanted = copy.deepcopy(BODY)
        wanted["triggers"][0]["scheduled"] = shown["triggers"][0]["scheduled"]
        wanted["triggers"][1]["webhook"] = address
        wanted["steps"]["one"]["parameters"]["env"] = [{"N": "8"}, {"ZERO": "08"}, {"T": "x"}]
        head = {key: shown.pop(key) for key in ("id", "createdAt", "updatedAt", "status", "lastExecution")}
        self.assertEqual(shown, wanted)
        self.assertEqual((head["id"], head["status"], head["lastExecution"]), (601, "Available", None))
        self.assertRegex(head["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_errors(self):
        self.made()
        for method, path, body, wanted in (
                ("GET", "/workflows/9", None, 404), ("DELETE", "/workflows/9", {}, 404),
                ("GET", "/nowhere", None, 404), ("PUT", "/workflows/", {}, 405),
                ("POST", "/workflows/", {"name": "x"}, 422), ("POST", "/workflows/", [], 422),
                ("POST", "/workflows/", {**BODY, "tags": "x"}, 422),
                ("POST", "/workflows/", {"name": "x", "steps": {"a": {"imageId": "7", "command": "x"}}}, 422),
                ("POST", "/workflows/", {"name": "x", "steps": {"a": {"imageId": 7}}}, 422),
                ("POST", "/workflows/", {**BODY, "retryOptions": {"numberOfRetries": 6}}, 422),
                ("POST", "/workflows/601/resume", {}, 409), ("GET", "/workflows/?pageSize=0", None, 400)):
            with self.subTest(f"{method} {path} {body}"):
                status, answer = self.w.ask(method, path, body)
                self.assertEqual(status, wanted, answer)
                self.assertIsInstance(answer["detail"], str)
        self.assertEqual(self.w.ask("GET", "/workflows/601", token="other")[0], 401)
        self.assertEqual(self.peer.broken, [])

    def test_an_update_replaces_and_keeps_only_the_addresses_it_asks_for(self):
        first = self.made()["triggers"][1]["webhook"]
        body = {"name": "Work", "steps": BODY["steps"],
                "triggers": [{"webhook": True, "webhookPolicy": "preserve"}]}
        self.assertEqual(self.update(body)[1]["triggers"], [{"webhook": first}])
        shown = self.good("GET", "/workflows/601")
        self.assertEqual(shown["triggers"], [{"webhook": first}])
        self.assertNotIn("retryOptions", shown)
        body["triggers"] = [{"webhook": True}]
        self.assertNotEqual(self.update(body)[1]["triggers"], [{"webhook": first}])

    def test_pause_resume_and_delete(self):
        self.made()
        for what, status in (("pause", "Paused"), ("resume", "Available")):
            self.assertEqual(self.good("POST", f"/workflows/601/{what}", {}), {})
            self.assertEqual(self.good("GET", "/workflows/601")["status"], status)
        self.good("DELETE", "/workflows/601", {})
        self.assertEqual(self.w.ask("GET", "/workflows/601")[0], 404)

    def test_search_and_filters(self):
        self.made()
        self.peer.add({**BODY, "name": "Homework"}, status="Draft")
        self.peer.add({**BODY, "name": "Workshop"})
        for query, wanted in (("", ["Work", "Homework", "Workshop"]), ("?searchTerm=Work", ["Work", "Workshop"]),
                              ("?workflowStatus=Draft&workflowStatus=Paused", ["Homework"]),
                              ("?lastExecutionStatus=Failed", []), ("?pageSize=2&pageNumber=2", ["Workshop"])):
            answer = self.good("GET", f"/workflows/{query}")
            self.assertEqual([w["name"] for w in answer["workflows"]], wanted, query)
        self.assertEqual({k: answer[k] for k in answer if k != "workflows"},
                         {"pageCount": 2, "pageNumber": 2, "pageSize": 2, "workflowsCount": 3})

    def test_an_execution_and_its_logs(self):
        now = self.stand_still()
        self.made("runs=200")
        id = self.good("POST", "/workflows/601/execute", {"stepsToRun": [{"stepName": "one"}]})["executionId"]
        self.assertEqual(self.w.ask("POST", "/workflows/601/execute", {})[0], 409)
        self.assertEqual(self.good("GET", "/workflows/601")["status"], "Running")
        now[0] += 0.2
        answer = self.good("GET", "/workflows/executions/601?statuses=Success&count=5")
        self.assertEqual((answer["executionCount"], answer["executions"][0]["duration"]), (1, "00:00:01"))
        steps = self.good("GET", f"/workflows/601/executions/{id}")["steps"]
        self.assertEqual([(s["name"], s["children"], s["output"]["exitCode"]) for s in steps],
                         [("one", ["two"], "0")])
        logs = f"/workflows/601/executions/{id}/logs?stepName=one"
        self.assertEqual(self.good("GET", logs)["logs"][0]["message"], "step one ran")
        self.assertEqual(self.good("GET", logs + "&nextToken=f")["logs"], [])
        self.assertEqual(self.good("GET", "/workflows/601")["lastExecution"]["executionId"], id)

    def test_what_a_good_client_never_sends_is_noted(self):
        self.wire()
        body = copy.deepcopy(BODY)
        body["id"] = 5
        body["steps"]["one"]["imageName"] = "x"
        body["steps"]["one"]["repository"]["token"] = ""
        self.good("POST", "/workflows/", body)
        self.assertEqual(sorted(text.split(": ")[1] for text in self.peer.complaints),
                         ["/id is for answers", "/steps/one/imageName is for answers",
                          "/steps/one/repository/token is empty"])

    # ---- habits of what is shown ----

    def test_defaults(self):
        shown = self.made("defaults", triggers=None)
        one = shown["steps"]["one"]
        self.assertEqual((one["type"], one["imageVersionId"], one["parents"]), ("standard", 1, []))
        self.assertEqual(one["runConfiguration"], {"skipConfiguration": {"skip": False, "skipDAG": False}})
        self.assertEqual(shown["steps"]["three"]["sortOrder"], "asc")
        self.assertEqual(shown["retryOptions"], {"numberOfRetries": 4, "duration": 5, "exponentialBackoff": False})
        self.assertEqual(shown["watchers"][0]["events"], {"fail": True, "runtimeExceeded": 5, "success": False})
        self.assertEqual(shown["triggers"], [])

    def test_hidden_keys(self):
        self.assertNotIn("retryOptions", self.made("hide-retry", "null-keys"))
        self.assertNotIn("metadata", self.made("hide-metadata", "null-keys"))
        self.assertNotIn("token", self.step("hide-tokens")["repository"])
        self.assertEqual(self.step("empty-tokens")["repository"]["token"], "")
        self.assertEqual(self.made("hide-auth")["steps"]["two"]["auth"],
                         {"type": "basic", "username": "u", "password": ""})

    def test_a_hidden_token_is_kept_or_forgotten_when_left_out(self):
        body = copy.deepcopy(BODY)
        del body["steps"]["one"]["repository"]["token"]
        for names, kept in (("hide-tokens",), "t"), (("empty-tokens", "forget-tokens"), None):
            self.made(*names)
            self.update(body)
            stored = self.peer.named("Work").body["steps"]["one"]["repository"]
            self.assertEqual(stored.get("token"), kept)

    def test_reformatted_values(self):
        self.assertEqual(self.step("reformat-storage")["resources"]["storage"], "10 GB")
        self.assertEqual(self.step("https-urls")["repository"]["url"], "https://example.com/r")
        self.assertEqual(self.step("trim-text")["command"], "make")
        self.assertEqual(self.made("lower-tags")["tags"][0], {"name": "red"})

    def test_numbers_and_text(self):
        shown = self.made("text-numbers")
        self.assertEqual((shown["id"], shown["steps"]["one"]["imageId"]), (601, "7"))
        self.assertEqual(shown["watchers"][0]["events"]["runtimeExceeded"], "5")
        self.assertEqual(self.update({"name": "x", "steps": {"a": {"imageId": "7", "command": "y"}}})[0], 200)
        self.assertEqual(self.step("number-texts")["parameters"]["env"], [{"N": 8}, {"ZERO": "08"}, {"T": "x"}])

    def test_forms_of_env(self):
        whole = BODY["steps"]["one"]["parameters"]["env"]
        self.assertEqual(self.step("env-list")["parameters"]["env"], [{k: whole[k]} for k in whole])
        self.assertEqual(self.step("env-one-map")["parameters"]["env"], [whole])
        self.assertEqual(self.step("env-map")["parameters"]["env"], whole)

    def test_null_empty_and_extra_keys(self):
        one = self.step("null-keys")
        self.assertEqual((one["runConfiguration"], one["method"]), (None, None))
        self.assertNotIn("outputParameters", self.step("drop-empty"))
        shown = self.made("extra-keys", "watcher-ids")
        self.assertIn("nodeId", shown["steps"]["one"]["repository"])
        self.assertNotIn("nodeId", shown["steps"])
        self.assertEqual(shown["watchers"][0]["id"], "watcher-601-0")

    def test_reorder(self):
        shown = [self.made("reorder")] + [self.good("GET", "/workflows/601") for _ in range(5)]
        orders = [[tag["name"] for tag in s["tags"]] for s in shown]
        self.assertEqual({tuple(sorted(o)) for o in orders}, {("Red", "black", "blue", "green")})
        self.assertGreater(len(set(map(tuple, orders))), 1)
        self.assertGreater(len({tuple(s) for s in shown}), 1)

    def test_stamps(self):
        shown = self.made("updated-at-moves")
        time.sleep(0.002)
        self.assertNotEqual(self.good("GET", "/workflows/601")["updatedAt"], shown["updatedAt"])
        self.assertRegex(self.made("clock-of-seconds")["updatedAt"], r":\d\dZ$")
        before = self.made("updated-at-runs")
        time.sleep(0.002)
        self.good("POST", "/workflows/601/execute", {})
        self.assertGreater(self.good("GET", "/workflows/601")["updatedAt"], before["updatedAt"])
        shown = self.made("updated-at-back")
        self.assertEqual(shown["updatedAt"], shown["createdAt"])
        time.sleep(0.002)
        self.update(BODY)
        self.assertLess(self.good("GET", "/workflows/601")["updatedAt"], shown["updatedAt"])
        self.made("updated-at-still")
        time.sleep(0.002)
        self.update(BODY)
        shown = self.good("GET", "/workflows/601")
        self.assertEqual(shown["updatedAt"], shown["createdAt"])
        now = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 86400))
        self.assertTrue(self.made("clock-skew=-86400")["createdAt"].startswith(now[:10]))
        self.assertNotIn("lastExecution", self.made("no-last-execution"))

    # ---- habits of writing ----

    def test_values_refused_and_fields_ignored(self):
        shown = self.made("refuse-values")
        self.assertEqual((shown["steps"]["one"]["stepTimeout"], shown["retryOptions"]["numberOfRetries"]), (3600, 2))
        self.assertNotIn("clearImageCache", self.step("ignore-field"))
        self.assertNotIn("metadata", self.made("ignore-field=/metadata"))
        self.made()
        self.peer.set_habits("ignore-field=/steps/*/stepTimeout")
        changed = copy.deepcopy(BODY)
        changed["steps"]["one"]["stepTimeout"] = 5
        self.update(changed)
        self.assertEqual(self.peer.named("Work").body["steps"]["one"]["stepTimeout"], 9000)

    def test_strict(self):
        self.made("strict")
        for change in ({"colour": "red"}, {"id": 5}, {"steps": {"a": {"imageId": 1, "command": "x", "imageName": "y"}}},
                       {"steps": {"a": {"imageId": 1, "command": "x", "parameters": {"env": {"A": 1}}}}},
                       {"steps": {"a": {"imageId": 1, "command": "x", "method": "get"}}}):
            self.assertEqual(self.update({**BODY, **change})[0], 422, change)
            self.peer.set_habits()
            self.assertEqual(self.update({**BODY, **change})[0], 200, change)
            self.peer.set_habits("strict")

    def test_addresses_and_triggers(self):
        address = self.made("webhook-keep")["triggers"][1]["webhook"]
        self.assertEqual(self.update(BODY)[1]["triggers"], [{"webhook": address}])
        address = self.made("webhook-new-id")["triggers"][1]["webhook"]
        self.assertNotEqual(self.update(BODY)[1]["triggers"], [{"webhook": address}])
        self.assertEqual([sorted(t)[0] for t in self.made("many-triggers", triggers=None)["triggers"]],
                         ["webhook", "cron", "webhook"])
        self.assertEqual(len(self.made("many-triggers", triggers=[])["triggers"]), 0)

    def test_an_update_resumes(self):
        for names, status in ((), "Paused"), (("resume-on-update",), "Available"):
            self.made(*names)
            self.good("POST", "/workflows/601/pause", {})
            self.update(BODY)
            self.assertEqual(self.good("GET", "/workflows/601")["status"], status)

    def test_busy(self):
        self.made("busy=2")
        self.assertEqual(self.good("GET", "/workflows/601")["status"], "Running")
        self.assertEqual([self.update(BODY)[0] for _ in range(3)], [409, 409, 200])
        now = self.stand_still()
        self.made("busy=60ms")
        self.assertEqual(self.update(BODY)[0], 409)
        now[0] += 0.06
        self.assertEqual(self.update(BODY)[0], 200)

    def test_stale_reads(self):
        now = self.stand_still()
        self.wire("stale-reads=150")
        self.good("POST", "/workflows/", BODY)
        self.assertEqual(self.w.ask("GET", "/workflows/601")[0], 404)
        self.assertEqual(self.good("GET", "/workflows/")["workflows"], [])
        now[0] += 0.16
        self.update({**BODY, "tags": []})
        self.assertEqual(len(self.good("GET", "/workflows/601")["tags"]), 4)
        now[0] += 0.16
        self.assertEqual(self.good("GET", "/workflows/601")["tags"], [])
        self.good("DELETE", "/workflows/601", {})
        self.assertEqual(len(self.good("GET", "/workflows/")["workflows"]), 1)
        now[0] += 0.16
        self.assertEqual(self.w.ask("GET", "/workflows/601")[0], 404)

    # ---- habits of lists ----

    def names(self, query=""):
        return [w["name"] for w in self.good("GET", f"/workflows/{query}")["workflows"]]

    def many(self, *names):
        self.wire(*names)
        for i in range(1, 8):
            self.peer.add({"name": f"w{i}", "steps": {}})

    def test_searching(self):
        self.made("loose-search")
        self.assertEqual(self.names("?searchTerm=wOR"), ["Work"])
        self.assertEqual(self.names("?searchTerm=GREEN"), ["Work"])
        self.made("exact-search")
        self.assertEqual((self.names("?searchTerm=Wor"), self.names("?searchTerm=Work")), ([], ["Work"]))
        self.made("same-names")
        self.assertEqual(self.names(), ["Work", "Work"])

    def test_pages(self):
        self.many("page=3")
        answer = self.good("GET", "/workflows/?pageSize=100&pageNumber=3")
        self.assertEqual((answer["pageCount"], answer["pageSize"], len(answer["workflows"])), (3, 3, 1))
        self.many("empty-page")
        self.assertEqual((self.names(), self.names("?pageNumber=2")), (["w1", "w2", "w3"], []))
        self.many("count-lies")
        self.assertEqual(self.good("GET", "/workflows/")["workflowsCount"], 8)

    def test_shifting_pages(self):
        self.many("shifting-pages")
        self.assertEqual((self.names(), self.names("?pageNumber=2")), (["w1", "w2", "w3"], ["w3", "w4", "w5"]))
        self.assertEqual((self.names(), self.names("?pageNumber=2")), (["w7", "w1", "w2"], ["w2", "w3", "w4"]))
        self.assertEqual(self.names(), ["newcomer-608", "w7", "w1"])
        self.assertEqual(self.names(), ["newcomer-608", "w7", "w1"])

    # ---- habits of the connection ----

    def test_slow_rate_limit_and_flaky(self):
        self.wire("slow=50")
        begun = time.monotonic()
        self.good("GET", "/workflows/")
        self.assertGreater(time.monotonic() - begun, 0.05)
        self.wire("rate-limit=2")
        self.assertEqual([self.w.ask("GET", "/resources")[0] for _ in range(3)], [200, 429, 200])
        self.w.ask("GET", "/resources")
        self.assertEqual(self.w.answer.headers["Retry-After"], "1")
        self.wire("flaky=1")
        self.assertEqual([self.w.ask("POST", "/workflows/", BODY)[0] for _ in range(3)], [500, 503, 500])
        self.assertEqual(len(self.peer.workflows), 2)

    def test_lose_create(self):
        self.wire("lose-create")
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.w.ask("POST", "/workflows/", BODY)
        self.assertEqual(len(self.peer.workflows), 1)
        self.w.connection.close()
        self.good("POST", "/workflows/", BODY)

    # ---- the outside ----

    def test_an_unknown_habit_is_refused(self):
        with self.assertRaisesRegex(ValueError, 'no habit is called "deflaults"'):
            Peer("token", ["deflaults"])

    def test_another_process_sets_and_asks_over_control(self):
        program = flowsync.ROOT / "tests/peer/peer.py"
        process = subprocess.Popen([sys.executable, "-B", program, "--token", "token", "--habit", "hide-retry"],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.peer = Peer("token")   # only its URL is of use here
        self.addCleanup(self.peer.server.server_close)
        self.peer.url = process.stdout.readline().strip()
        self.w = Wire(self.peer)
        self.addCleanup(self.w.connection.close)
        self.assertEqual(self.good("PUT", "/control/workflows", [BODY, {"body": {**BODY, "name": "b"}, "status": "Draft"}]),
                         [601, 602])
        self.assertNotIn("retryOptions", self.good("GET", "/workflows/601"))
        self.assertEqual(self.good("PUT", "/control/habits", ["page=1"]), {"page": 1})
        self.assertIn("retryOptions", self.good("GET", "/workflows/601"))
        self.assertEqual(self.good("GET", "/workflows/")["pageCount"], 2)
        self.assertEqual(self.good("PUT", "/control/workflows/602", {"status": "Paused"})["status"], "Paused")
        self.good("DELETE", "/control/workflows/601")
        self.assertEqual([w["id"] for w in self.good("GET", "/control/workflows")], [602])
        self.assertEqual([r[:2] for r in self.good("GET", "/control/requests")],
                         [["GET", "/workflows/601"]] * 2 + [["GET", "/workflows/"]])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(flowsync.TIMEOUT), 0)


class FlowsyncTest(flowsync.ServiceCase):
    """flowsync against the peer: the examples, and a spec for the corners that they leave out."""

    def setUp(self):
        super().setUp()
        files = {f.name: f.read_text() for f in (flowsync.ROOT / "examples/workflows").iterdir()}
        files["corners.yaml"] = CORNERS
        self.specs = self.write(files)
        self.bumped = self.write({name: re.sub(r"imageId: (\d+)", r"imageId: 1\1", text)
                                  for name, text in files.items()}, "bumped")
        self.token = self.token_file().read_text().strip()

    def peer(self, *names):
        peer = Peer(self.token, names).start()
        self.addCleanup(peer.stop)
        return peer

    def run_on(self, peer, *args):
        """(exit code, writes that came) and the Result of a command, with a state of its own."""
        before = len(peer.writes())
        result = self.flowsync(*args, endpoint=peer.url,
                               env={"FLOWSYNC_STATE_DIR": self.tmp / f"state-{peer.server.server_port}"})
        return (result.code, len(peer.writes()) - before), result

    def outcome(self, names):
        """Of sync, sync, plan; then with another image in every spec sync, sync: also what an update lost."""
        peer = self.peer(*names)
        first = [self.run_on(peer, *args, self.specs)[0]
                 for args in (["sync"], ["sync"], ["plan", "--detailed-exitcode"])]
        before = {w.id: (w.webhooks, copy.deepcopy(w.body)) for w in peer.workflows.values()}
        later = [self.run_on(peer, "sync", self.bumped)[0] for _ in range(2)]
        lost = []
        for id, (webhooks, body) in before.items():
            now = peer.workflows[id]
            lost += [] if now.webhooks == webhooks else [f"{now.name}: webhooks"]
            lost += [f"{now.name}{path}" for path in missing(without_ours(body), without_ours(now.body))]
        return first, later, lost, peer.complaints + peer.broken

    def outcomes(self, sets):
        """outcome() of each, side by side, as flowsync mostly waits."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return dict(zip(sets, pool.map(self.outcome, sets)))

    def test_the_examples_are_created_described_equal_and_left_alone(self):
        peer = self.peer()
        self.assertEqual(self.run_on(peer, "sync", self.specs)[0], (0, 8))
        self.assertEqual({r.method for r in peer.writes()}, {"POST"})
        self.assertEqual(peer.named("hello").body["steps"],
                         {"greet": {"type": "standard", "imageId": 7, "command": 'echo "hello, world"'}})
        self.assertEqual(peer.named("nightly-forecast").body["retryOptions"],
                         {"duration": 10, "numberOfRetries": 2, "exponentialBackoff": False, "exitCodes": [75]})
        self.assertEqual(peer.named("corners").body["steps"]["build"]["parameters"]["env"],
                         {"PORT": "8080", "EMPTY": "", "ZERO": "007", "QUOTE": 'a"b'})
        self.assertEqual(self.run_on(peer, "sync", self.specs)[0], (0, 0))
        self.assertEqual(self.run_on(peer, "plan", "--detailed-exitcode", self.specs)[0], (0, 0))
        self.assertEqual(peer.complaints + peer.broken, [])

    def test_each_habit_alone(self):
        names = [(VALUES.get(name, name),) for name in habits.HABITS if name not in OF_EXECUTIONS]
        names += [("page=3",)]
        found = self.outcomes(names)
        print_table(found)
        for (name,), (first, later, lost, wrong) in found.items():
            plain = name.partition("=")[0]
            with self.subTest(name):
                self.assertEqual(wrong, [])
                self.assertEqual(lost, [])
                if plain in ("flaky", "rate-limit"):    # what is answered 429 or 500 is sent again
                    first = [(first[0][0], min(first[0][1], 8)), *first[1:]]
                self.assertEqual(first, converging(plain))
                if plain not in STOPS:
                    # One workflow has no image; 409 and 500 make a write come again.
                    code = 4 if plain in REFUSES else 0
                    self.assertEqual((later[0][0], later[1]), (code, (code, 0)))
                    self.assertGreaterEqual(later[0][1], 7)

    def test_a_key_that_the_service_does_not_let_go_is_told_of_and_left_alone(self):
        text = "name: a\nsteps: {s: {imageId: 7, command: c%s}}\n"
        peer = self.peer()
        timed = self.write({"a.yaml": text % ", stepTimeout: 60"}, "timed")
        self.assertEqual(self.run_on(peer, "sync", timed)[0], (0, 1))
        peer.set_habits("ignore-field=/steps/*/stepTimeout")
        plain = self.write({"a.yaml": text % ""}, "timed")
        outcomes = [self.run_on(peer, "sync", "-o", "json", "--verbose", plain) for _ in range(3)]
        self.assertEqual([outcome for outcome, _ in outcomes], [(0, 2), (0, 0), (0, 0)])
        for _, result in outcomes:
            self.assertEqual(result.json()["workflows"][0]["settled"],
                             [{"path": "/steps/s/stepTimeout", "sent": None, "kept": 60}], result)

    def test_a_hidden_token_that_is_taken_out_may_still_be_there_and_the_report_says_so(self):
        text = "name: a\nsteps: {s: {imageId: 7, command: c, repository: {url: u, branch: b%s}}}\n"
        for names, kept in (("hide-tokens",), "t"), (("empty-tokens", "forget-tokens"), None):
            peer = self.peer(*names)
            self.run_on(peer, "sync", self.write({"a.yaml": text % ", token: t"}, "gone"))
            for wrote in (1, 0):
                outcome, result = self.run_on(peer, "sync", self.write({"a.yaml": text % ""}, "gone"))
                self.assertEqual(outcome, (0, wrote), result)
                self.assertEqual("the service does not show whether it is gone" in result.err, bool(wrote), result)
            self.assertEqual(peer.named("a").body["steps"]["s"]["repository"].get("token"), kept)

    def test_no_create_is_made_twice(self):
        for names in (("lose-create=8",), ("flaky=3",), ("lose-create=3", "loose-search", "page=2", "flaky=4")):
            peer = self.peer(*names)
            self.assertEqual(self.run_on(peer, "sync", self.specs)[0][0], 0, names)
            made = [w.name for w in peer.workflows.values()]
            self.assertEqual(sorted(made), sorted(set(made)), names)
            self.assertEqual(len(made), 8, names)

    def test_a_stranger_with_a_name_around_ours_is_left_alone(self):
        peer = self.peer("loose-search", "page=2")
        for i in range(5):
            peer.add({"name": f"say hello {i}", "tags": [{"name": "hello"}], "steps": {}})
        self.assertEqual(self.run_on(peer, "sync", self.specs)[0], (0, 8))
        self.assertEqual(self.run_on(peer, "sync", self.bumped)[0], (0, 7))
        self.assertEqual(peer.named("say hello 3").body["steps"], {})

    def test_triggers_that_the_spec_does_not_speak_of_are_carried_over(self):
        peer = self.peer("many-triggers", "reorder")
        self.run_on(peer, "sync", self.specs)
        before = list(peer.named("hello").webhooks)
        self.run_on(peer, "sync", self.bumped)
        hello = peer.named("hello")
        self.assertEqual(sorted(hello.webhooks), sorted(before))
        self.assertEqual(sorted(sorted(t)[0] for t in hello.body["triggers"]), ["cron", "webhook", "webhook"])

    def test_a_step_of_another_type_takes_nothing_of_the_old_one_along(self):
        forms = [CORNERS, """
            name: corners
            triggers: [{webhook: true}, {cron: "1 2 * * *"}]
            watchers: [{user: x@example.com, events: {success: true}}]
            steps:
              build: {type: http, method: get, url: "https://example.com", auth: {type: api-key, apiKey: k}}
              send: {type: sql, sqlQueryPath: a.sql, parents: [build], parameters: {env: {A: b}}}
              dump: {type: export, schema: s, table: t, sortBy: c, sortOrder: asc, parents: [send]}
            """, """
            name: corners
            triggers: []
            steps:
              build: {type: sql, repository: {url: "https://example.com/x", branch: b, filePath: f.sql}}
              send: {type: export, schema: s, table: t, sortBy: c}
            """]
        for names in ((), ("defaults", "strict"), ("null-keys", "extra-keys", "strict", "env-map", "empty-tokens")):
            peer = self.peer(*names)
            for i, text in enumerate([*forms, *reversed(forms)]):
                specs = self.write({"corners.yaml": text}, "forms")
                self.assertEqual(self.run_on(peer, "sync", specs)[0], (0, 0 if i == 3 else 1), names)
                self.assertEqual(self.run_on(peer, "sync", specs)[0], (0, 0), names)
            self.assertEqual(peer.complaints + peer.broken, [])

    def test_while_pages_never_rest_nothing_is_created(self):
        peer = self.peer("shifting-pages=9")
        for i in range(5):
            peer.add({"name": f"w{i}", "steps": {}})
        outcome, result = self.run_on(peer, "sync", "--timeout", "4s", self.specs)
        self.assertEqual(outcome, (4, 0), result)
        self.assertIn("the list of workflows changed each time it was read: workflows are neither created nor deleted",
                      result.out + result.err)

    def test_an_empty_page_is_told_of_as_what_it_is(self):
        peer = self.peer("empty-page")
        self.run_on(peer, "sync", self.specs)
        _, result = self.run_on(peer, "sync", self.specs)
        self.assertIn("the service counts 8 of them and listed 3, in 3 readings", result.out + result.err)

    def test_a_paused_workflow_that_an_update_resumes_is_paused_again(self):
        for names, warning in ((), False), (("resume-on-update",), True):
            peer = self.peer(*names)
            self.run_on(peer, "sync", self.specs)
            peer.named("hello").status = "Paused"
            outcome, result = self.run_on(peer, "sync", self.bumped)
            self.assertEqual(outcome, (0, 8 if warning else 7), result)
            self.assertEqual("the update resumed it; it was paused again" in result.err, warning, result)
            self.assertEqual(peer.named("hello").status, "Paused")

    def test_it_is_paused_again_later_if_that_failed_and_only_then(self):
        peer = self.peer("resume-on-update")
        self.run_on(peer, "sync", self.specs)
        hello = peer.named("hello")
        hello.status = "Paused"
        pause = peer.pause
        peer.pause = lambda *_: (403, {"detail": "not now"})
        outcome, result = self.run_on(peer, "sync", self.bumped)
        self.assertEqual(outcome[0], 4, result)
        self.assertIn("could not be paused again", result.out)
        self.assertEqual(hello.status, "Available")
        peer.pause = pause
        self.assertEqual(self.run_on(peer, "plan", "--detailed-exitcode", self.bumped)[0], (2, 0))
        self.assertEqual(self.run_on(peer, "sync", self.bumped)[0][0], 0)
        self.assertEqual(hello.status, "Paused")
        self.assertEqual(self.run_on(peer, "sync", self.bumped)[0], (0, 0))
        # Now that is past: who resumes it, means it.
        hello.status = "Available"
        self.assertEqual(self.run_on(peer, "sync", self.bumped)[0], (0, 0))
        self.assertEqual(hello.status, "Available")

    def test_a_draft_stays_one(self):
        peer = self.peer()
        self.run_on(peer, "sync", self.specs)
        peer.named("hello").status = "Draft"
        self.assertEqual(self.run_on(peer, "sync", self.bumped)[0], (0, 7))
        self.assertEqual(peer.named("hello").status, "Draft")

    def test_a_change_of_what_is_hidden_is_written_once(self):
        for name, old, new in (("hide-retry", "duration: 10 ", "duration: 11 "),
                               ("hide-metadata", "allowConcurrentExecution: false", "allowConcurrentExecution: true"),
                               ("hide-tokens", "token: supply-git", "token: other-git"),
                               ("empty-tokens", "token: supply-git", "token: other-git")):
            peer = self.peer(name)
            self.run_on(peer, "sync", self.specs)
            changed = self.write({f.name: f.read_text() for f in self.specs.iterdir()}, "changed")
            night = changed / "nightly-forecast.yaml"
            self.assertIn(old, night.read_text())
            night.write_text(night.read_text().replace(old, new))
            self.assertEqual(self.run_on(peer, "plan", "--detailed-exitcode", changed)[0], (2, 0), name)
            self.assertEqual([self.run_on(peer, "sync", changed)[0] for _ in range(2)], [(0, 1), (0, 0)], name)


def without_ours(body):
    """Without flowsync's own tags, of which each write makes new ones."""
    tags = [tag for tag in body.get("tags") or [] if not tag["name"].startswith("flowsync-")]
    return {**body, "tags": tags}


def missing(old, new, path=""):
    """Pointers of what the old tree has and the new one has not, but for images, which were changed."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [p for key in old for p in ([f"{path}/{key}"] if key not in new else
                                           missing(old[key], new[key], f"{path}/{key}"))]
    if path.endswith("/imageId") or old == new:
        return []
    if isinstance(old, list) and isinstance(new, list):
        # Each has its own in the new list, which may say more: what the service filled in comes back to it.
        left = list(new)
        for item in old:
            same = [n for n in left if not missing(item, n)]
            if not same:
                return [path]
            left.remove(same[0])
        return [path] if left else []
    if path.endswith("/storage"):
        return missing(old.replace(" ", ""), new.replace(" ", ""), path[:-len("/storage")])
    return [path]


def print_table(found):
    lines = ["", f"{'habit':24} exit/writes of sync, sync, plan | with other images: sync, sync"]
    for names, (first, later, _, _) in found.items():
        lines.append(f"{','.join(names):24} " + "  ".join(f"{c}/{w}" for c, w in first) + "  |  " +
                     "  ".join(f"{c}/{w}" for c, w in later) +
                     ("  refuses" if names[0] in REFUSES else "  stops" if names[0] in STOPS else ""))
    print("\n".join(lines), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
