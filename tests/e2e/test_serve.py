"""The local service as the service's own Python client meets it: the requests are those of the contract, byte for
byte where that matters (headers, "{}" on every request, slashes, repeated keys)."""
import concurrent.futures
import http.client
import json
import re
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import time
import unittest
import urllib.parse
import uuid

from agent import wait_for
from flowsync import BASE, PROGRAM, TIMEOUT, ServiceCase

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

MINI_TRAIN = {
    "name": "mini-train", "triggers": [{"webhook": True}], "tags": [{"name": "demo"}],
    "retryOptions": {"duration": 10, "numberOfRetries": 2},
    "steps": {"train": {
        "type": "standard", "imageId": 41, "imageVersionId": 6, "command": "python train.py",
        "repository": {"url": "https://git.example.org/a/b.git", "branch": "main", "token": "supply-git"},
        "parameters": {"env": {"EPOCHS": "20", "SEED": "7"}, "secrets": ["warehouse-login"]}}}}

# A certificate for localhost that nobody trusts but the test below, and its key; good for a hundred years.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUSmzgoXaRMqtA8WbXsvWF1K70ylEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA3MjIyOVoYDzIxMjYxMDMw
MDcyMjI5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ2kBwXnqrM6f0M8IO1zRJtHKLlIzdS2+DYwCQot8t2G0vZHXTe/VO3
X2f8O80mqjVFkYv3vpALjgobC/EhAkSIo28wbTAdBgNVHQ4EFgQUQHJced1NYK1W
An/OMnP8s/ZBjDkwHwYDVR0jBBgwFoAUQHJced1NYK1WAn/OMnP8s/ZBjDkwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAIbA2VIIDP7eLQVnWNLbVBiVf3qWjIJiw1TM6K5HzxHuAiEA
l5OgpOUF7/WlHAZHzV7vQXugD1MlLKit1EH6u9jvMIU=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDFoEV/QRQ/yeeCow
6LEPNqGgu2tCa44FkiAQXAKQkTihRANCAAQ2kBwXnqrM6f0M8IO1zRJtHKLlIzdS
2+DYwCQot8t2G0vZHXTe/VO3X2f8O80mqjVFkYv3vpALjgobC/EhAkSI
-----END PRIVATE KEY-----
"""


class Sdk:
    """Asks as peak-sdk 1.23.0 does: a new connection, all its headers and a body each time."""

    def __init__(self, service):
        self.service = service

    def __call__(self, method, path, body=None, token=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        connection = http.client.HTTPConnection(self.service.address, timeout=TIMEOUT)
        try:
            connection.request(method, path, json.dumps(body or {}), {
                "User-Agent": "peak/1.23.0 CPython/3.11.7 Linux/6.1.0",
                "Accept-Encoding": "gzip, deflate", "Accept": "*/*", "Connection": "keep-alive",
                "x-peak-sdkVersion": "1.23.0", "x-peak-os": "Linux-6.1.0-x86_64-with-glibc2.36",
                "x-peak-hostname": "build-7", "x-peak-pythonVersion": "3.11.7",
                "x-peak-sessionId": str(uuid.uuid4()), "x-peak-requestId": str(uuid.uuid4()),
                "Authorization": token or self.service.token, "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text)
        finally:
            connection.close()


class SdkExchangeTest(ServiceCase):
    """Appendix B of the contract, but that its run fails at once: nobody here keeps the secret."""

    def setUp(self):
        super().setUp()
        self.ask = Sdk(self.service)

    def test_start_up(self):
        self.assertEqual(self.ask("GET", "/tenant-management/api/v1/external/tenants/tenant-metadata"), (200, {}))
        self.assertEqual(self.ask("POST", "/resource-usage/api/v1/telemetry", {"statusCode": 200}), (200, {}))

    def test_the_worked_exchange(self):
        ask, top = self.ask, BASE + "/workflows/"
        self.assertEqual(ask("POST", top, {"name": "mini-train-old", "steps": {}}), (201, {"id": 1}))

        status, page = ask("GET", top, pageSize=100, searchTerm="mini-train")
        self.assertEqual(status, 200)
        stamp = page["workflows"][0]["createdAt"]
        self.assertRegex(stamp, STAMP)
        self.assertEqual(page, {
            "pageCount": 1, "pageNumber": 1, "pageSize": 100, "workflowsCount": 1, "workflows": [{
                "id": 1, "name": "mini-train-old", "status": "Available", "createdAt": stamp, "updatedAt": stamp,
                "triggers": [], "tags": []}]})

        status, made = ask("POST", top, MINI_TRAIN)
        self.assertEqual(status, 201)
        hook = made["triggers"][0]["webhook"]
        self.assertRegex(hook, UUID)
        self.assertEqual(made, {"id": 2, "triggers": [{"webhook": hook}]})

        status, described = ask("GET", top + "2")
        self.assertEqual(status, 200)
        stamp = described["createdAt"]
        self.assertRegex(stamp, STAMP)
        described_step = {
            "type": "standard", "imageId": 41, "imageName": "image-41", "imageVersionId": 6,
            "imageVersion": "version-6", "command": "python train.py", "clearImageCache": False, "stepTimeout": 0,
            "parents": [], "repository": {"url": "https://git.example.org/a/b.git", "branch": "main", "token": ""},
            "resources": {"instanceTypeId": 21, "storage": "10GB"},
            "parameters": {"env": [{"EPOCHS": "20"}, {"SEED": "7"}], "secrets": ["warehouse-login"]},
            "runConfiguration": None, "executionParameters": None, "outputParameters": None}
        self.assertEqual(described, {
            "id": 2, "name": "mini-train", "status": "Available", "createdAt": stamp, "updatedAt": stamp,
            "triggers": [{"webhook": hook}], "watchers": [], "tags": [{"name": "demo"}],
            "retryOptions": {"duration": 10, "numberOfRetries": 2}, "metadata": None,
            "steps": {"train": described_step}})

        # What the client's patch makes of that: without retryOptions and the token.
        patched = {
            "name": "mini-train", "tags": [{"name": "demo"}], "watchers": [],
            "triggers": [{"webhook": True, "webhookPolicy": "preserve"}],
            "steps": {"train": {
                "type": "standard", "imageId": 41, "imageVersionId": 7, "command": "python train.py",
                "clearImageCache": False, "stepTimeout": 0, "parents": [],
                "repository": {"url": "https://git.example.org/a/b.git", "branch": "main"},
                "resources": {"instanceTypeId": 21, "storage": "10GB"},
                "parameters": {"env": {"EPOCHS": "20", "SEED": "7"}, "secrets": ["warehouse-login"]}}}}
        self.assertEqual(ask("PUT", top + "2", patched), (200, {"id": 2, "triggers": [{"webhook": hook}]}))
        described_step.update(imageVersionId=7, imageVersion="version-7")
        status, again = ask("GET", top + "2")
        self.assertGreater(again["updatedAt"], stamp)
        self.assertEqual(again, described | {
            "updatedAt": again["updatedAt"], "retryOptions": None, "steps": {"train": described_step}})

        status, answer = ask("POST", top + "2/execute", {"params": {"global": {"AS_OF": "2024-05-31"}}})
        self.assertEqual((status, list(answer)), (200, ["executionId"]))
        run = answer["executionId"]
        self.assertRegex(run, UUID)
        execution = f"{top}2/executions/{run}"
        wait_for(lambda: ask("GET", execution)[1]["status"] == "Failed", "the run ends", also=self.service.output)

        query = {"statuses": ["Running", "Failed"], "pageSize": 25, "pageNumber": 1}
        status, page = ask("GET", top + "executions/2", **query)
        self.assertEqual(status, 200)
        [listed] = page["executions"]
        began, finished = listed["executedAt"], listed["finishedAt"]
        for time in began, finished:
            self.assertRegex(time, STAMP)
        self.assertRegex(listed["duration"], r"\A00:00:\d\d\Z")
        self.assertEqual(page, {
            "workflowId": 2, "executionCount": 1, "executionsCount": 1, "pageCount": 1, "pageNumber": 1, "pageSize": 25,
            "executions": [{"executionId": run, "status": "Failed", "executedAt": began, "finishedAt": finished,
                            "duration": listed["duration"], "reruns": []}]})
        status, details = ask("GET", execution)
        self.assertEqual(status, 200)
        [step] = details["steps"]
        for time in step["startedAt"], step["finishedAt"]:
            self.assertTrue(began <= time <= finished, details)
        self.assertEqual(details, {
            "executionId": run, "status": "Failed", "executedAt": began, "finishedAt": finished, "steps": [{
                "name": "train", "stepType": "standard", "status": "Failed", "children": [],
                "command": "python train.py", "image": "image-41:version-7",
                "output": {"exitCode": "", "message": 'secret "warehouse-login" was not found: the service has no '
                                                      "directory of secrets (--secrets-dir)"},
                "resources": {"instanceTypeId": 21, "storage": "10 GB"},
                "source": {"type": "GIT", "url": "https://git.example.org/a/b.git", "filePath": ""},
                "startedAt": step["startedAt"], "finishedAt": step["finishedAt"], "attempts": 1}]})
        status, answer = ask("GET", execution + "/logs", stepName="train")
        told = answer.pop("logs")
        self.assertEqual([line["message"] for line in told],
                         ['flowsync: secret "warehouse-login" was not found: the service has no directory of secrets '
                          "(--secrets-dir)"])
        self.assertEqual((status, answer), (200, {"nextToken": "f/1/s", "stepRunStatus": "Failed"}))
        status, answer = ask("GET", execution + "/logs/download", stepName="train")
        self.assertEqual((status, list(answer)), (200, ["downloadUrl"]))
        self.assertEqual(ask("GET", top + "2")[1]["lastExecution"],
                         {"executionId": run, "executedAt": began, "status": "Failed", "rerunId": None})
        self.assertEqual(ask("GET", execution + "/logs", stepName="none"),
                         (404, {"detail": f'execution {run} has no step "none"'}))
        execution = top + "2/executions/c1b6a0d4-55b8-4c5c-8f0e-0d8f7b8f2a01"
        for path in execution, execution + "/logs?stepName=train", execution + "/logs/download?stepName=train":
            self.assertEqual(ask("GET", path), (404, {"detail": "workflow 2 has no execution with this executionId"}))

        self.assertEqual(ask("GET", top + "999"), (404, {"detail": "workflow 999 is not found"}))
        self.assertEqual(ask("POST", top + "2/pause"), (200, {}))
        self.assertEqual(ask("POST", top + "2/pause"), (409, {"detail": "workflow 2 is paused already"}))
        self.assertEqual(ask("POST", top + "2/resume"), (200, {}))
        self.assertEqual(ask("DELETE", top + "2"), (200, {}))
        self.assertEqual(ask("GET", BASE + "/resources/defaults"), (200, {"instanceTypeId": 21, "storage": "10GB"}))
        self.assertIn({"id": 21, "cpu": 0.25, "memory": 0.5, "gpu": None, "gpuMemory": None},
                      ask("GET", BASE + "/resources")[1])

    def test_lists_as_the_client_asks_for_them(self):
        for name in "my flow", "my+flow", "other \u00fc":
            self.assertEqual(self.ask("POST", BASE + "/workflows/", {"name": name, "steps": {}})[0], 201)
        self.assertEqual(self.ask("POST", BASE + "/workflows/2/pause")[0], 200)

        def names(**query):
            status, page = self.ask("GET", BASE + "/workflows/", **query)
            self.assertEqual(status, 200)
            return [w["name"] for w in page["workflows"]]
        self.assertEqual(names(searchTerm="my flow"), ["my flow"])
        self.assertEqual(names(searchTerm="my+flow"), ["my+flow"])
        self.assertEqual(names(searchTerm="\u00fc"), ["other \u00fc"])
        self.assertEqual(names(workflowStatus=["Paused", "Draft"]), ["my+flow"])
        self.assertEqual(names(workflowStatus=["Paused", "Available"], searchTerm="MY"), ["my flow", "my+flow"])
        self.assertEqual(names(lastModifiedBy=["a+b@peak.ai"]), [])
        self.assertEqual(names(lastExecutionStatus=["Success"]), [])
        self.assertEqual(names(pageSize=2, pageNumber=2), ["other \u00fc"])

    def test_a_wrong_token_gets_nothing(self):
        for path in (BASE + "/workflows/", BASE + "/nowhere", "/resource-usage/api/v1/telemetry",
                     "/tenant-management/api/v1/external/tenants/tenant-metadata"):
            for token in "wrong", "Bearer " + self.service.token, self.service.token[:-1]:
                self.assertEqual(self.ask("GET", path, token=token),
                                 (401, {"detail": "the token in Authorization is not the token of this service"}))

    def test_statuses_of_bad_requests(self):
        top = BASE + "/workflows/"
        status, headers, text = self.service.raw("PATCH", top + "1", "{}")
        self.assertEqual((status, headers["Allow"]), (405, "GET, PUT, DELETE"))
        for body, status in ("", 400), ("{", 400), ("[]", 400), ("{}", 400), ("x" * (5 << 20), 413):
            got, headers, text = self.service.raw("POST", top, body)
            self.assertEqual(got, status, text)
            self.assertEqual(headers["Content-Type"], "application/json")
            self.assertEqual(list(json.loads(text)), ["detail"])
        status, answer = self.ask("POST", top, MINI_TRAIN | {"id": 3})
        self.assertEqual((status, answer), (400, {
            "detail": 'workflow: "id" is set by the service and cannot be declared'}))


class ServeTest(ServiceCase):
    """The command around it."""

    def serve(self, *args, env=None, code=None):
        """`flowsync serve` with a state of its own: the process and its two lines, or its end."""
        process = subprocess.Popen(
            [PROGRAM, "serve", *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=self.tmp, start_new_session=True,
            env=self.environment(FLOWSYNC_STATE_DIR=self.state, **(env or {})))
        self.addCleanup(self._reap, process)
        if code is not None:
            result = self.finish(process)
            self.assertEqual(result.code, code, f"\n{result}")
            self.assertEqual(result.out, "")
            return result
        return process, process.stdout.readline(), process.stdout.readline()

    def end(self, process, how=signal.SIGTERM):
        self.interrupt(process, how)
        result = self.finish(process)
        self.assertEqual(result.code, 0, f"\n{result}")
        return result

    def ask(self, url, token, tls=None):
        """Status of a list."""
        parts = urllib.parse.urlsplit(url)
        connection = (http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT, context=tls) if tls else
                      http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT))
        try:
            connection.request("GET", parts.path + "/workflows/", headers={"Authorization": token})
            return connection.getresponse().status
        finally:
            connection.close()

    def test_a_token_is_made_at_the_first_start_and_kept(self):
        path, tokens = self.state / "service-token", set()
        for how in signal.SIGTERM, signal.SIGINT:
            process, listening, token = self.serve("--listen", "127.0.0.1:0")
            url = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+/workflows/api/v1)\n", listening)[1]
            self.assertEqual(token, f"token in {path}\n")
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            text = path.read_text().strip()
            self.assertRegex(text, "^[0-9a-f]{64}$")
            self.secrets.append(text)
            tokens.add(text)
            self.assertEqual(self.ask(url, text), 200)
            self.assertEqual(self.ask(url, ""), 401)
            self.end(process, how)
        self.assertEqual(len(tokens), 1)
        self.assertEqual({p.name: stat.S_IMODE(p.stat().st_mode) for p in self.state.iterdir()}, {
            "service-token": 0o600, "local.db": 0o600, "local.db.lock": 0o600, "local.db.wake": 0o600,
            "local.db.runs": 0o700})

    def test_two_first_starts_agree_on_the_token(self):
        made = [self.serve("--listen", "127.0.0.1:0") for _ in range(2)]
        token = (self.state / "service-token").read_text().strip()
        for process, listening, _ in made:
            self.assertEqual(self.ask(listening.split()[2], token), 200)
            self.end(process)

    def test_a_unix_socket_is_served_and_taken_away(self):
        path = self.tmp / "socket"
        process, listening, _ = self.serve("--unix", path, "--token-file", self.token_file())
        self.assertEqual(listening, f"listening on unix:{path}\n")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(path))
        connection.request("GET", BASE + "/workflows/",
                           headers={"Authorization": self.token_file().read_text().strip()})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        second = self.serve("--unix", path, code=1)
        self.assertIn(f'listen on "{path}": another process listens there', second.err)
        self.end(process)
        self.assertFalse(path.exists())

        process, _, _ = self.serve("--unix", path)
        process.kill()
        process.wait()
        self.assertTrue(path.exists())
        process, _, _ = self.serve("--unix", path)
        self.end(process)
        self.assertFalse(path.exists())

    def test_beyond_loopback_takes_a_token_and_tls(self):
        cert, key = self.tmp / "cert.pem", self.tmp / "key.pem"
        cert.write_text(CERTIFICATE)
        key.write_text(KEY)
        tls = ["--tls-cert", cert, "--tls-key", key]
        given = ["--token-file", self.token_file()]
        for address in "0.0.0.0:0", "[::]:0":
            for args in [], given, tls:
                result = self.serve("--listen", address, *args, code=64)
                self.assertIn(f'"{address}" is not a loopback address: to listen there, give --token-file, '
                              "--tls-cert and --tls-key", result.err)
        self.assertIn("--tls-cert and --tls-key are given together or not at all",
                      self.serve(*given, *tls[:2], code=64).err)

        self.assertIn("a unix socket is served without TLS",
                      self.serve("--unix", self.tmp / "socket", *tls, code=64).err)

        process, listening, _ = self.serve("--listen", "0.0.0.0:0", *given, *tls)
        port = re.fullmatch(r"listening on https://0\.0\.0\.0:(\d+)/workflows/api/v1\n", listening)[1]
        trust = ssl.create_default_context(cadata=CERTIFICATE)
        token = self.token_file().read_text().strip()
        self.assertEqual(self.ask(f"https://localhost:{port}{BASE}", token, trust), 200)
        self.assertEqual(self.ask(f"https://localhost:{port}{BASE}", "x", trust), 401)
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.ask(f"http://127.0.0.1:{port}{BASE}", token)
        self.end(process)

        key.write_text("no key")
        result = self.serve("--listen", "127.0.0.1:0", *given, *tls, code=1)
        self.assertIn("the TLS certificate and key cannot be used", result.err)

    def test_what_keeps_it_from_starting_is_said_in_one_sentence(self):
        empty, exposed = self.tmp / "empty", self.tmp / "exposed"
        empty.write_text(" \n")
        newer, text, other = self.tmp / "newer.db", self.tmp / "text.db", self.tmp / "other.db"
        process, _, _ = self.serve("--listen", "127.0.0.1:0", "--db", newer)
        self.end(process)
        database = sqlite3.connect(newer)
        database.execute("PRAGMA user_version = 99")
        database.close()
        text.write_text("no database " * 100)
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE t(x)")
        database.close()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for code, args, sentence in (
                    (1, ["--listen", f"127.0.0.1:{port}"],
                     f'listen on port {port} of "127.0.0.1": Address already in use; if another flowsync serves '
                     "there, use it, or choose another address with --listen"),
                    (1, ["--db", newer], f'database "{newer}" is of version 99, this flowsync knows versions up to 3: '
                     "it was written by a newer flowsync"),
                    (1, ["--db", text], f'database "{text}": file is not a database; it holds all workflows and is left as it is; '
                     "put a backup in its place"),
                    (1, ["--db", other], f'"{other}" is the database of another program'),
                    (1, ["--db", self.tmp / "no/where.db"],
                     f'open database "{self.tmp}/no/where.db": No such file or directory'),
                    (64, ["--token-file", empty], f'token file "{empty}": empty, expected a secret'),
                    (64, ["--token-file", self.tmp / "none"],
                     f'token file "{self.tmp}/none": cannot be read: No such file or directory'),
                    (64, ["--listen", "8484"], 'listen address "8484": expected HOST:PORT'),
                    (64, ["--listen", "127.0.0.1:1", "--unix", "x"],
                     "--listen and --unix are given: choose one of them")):
                if "--listen" not in args:
                    args = ["--listen", "127.0.0.1:0", *args]
                result = self.serve(*args, code=code)
                self.assertIn(sentence, result.err)
                self.assertRegex(result.err, r"\A\d{4}-\d\d-\d\dT[0-9:.]{12}Z flowsync: error: [^\n]+\n\Z")

        exposed.write_text(self.secret("exposed"))
        exposed.chmod(0o644)
        process, _, _ = self.serve("--listen", "127.0.0.1:0", "--token-file", exposed)
        self.assertIn(f'token file "{exposed}" can be read by others: chmod 600 it', self.end(process).err)

    def test_a_secret_that_others_can_read_is_warned_of(self):
        secrets = self.tmp / "secrets"
        secrets.mkdir()
        for name, mode in ("shared", 0o644), ("own", 0o600):
            (secrets / name).write_text(self.secret(name))
            (secrets / name).chmod(mode)
        process, _, _ = self.serve("--listen", "127.0.0.1:0", "--secrets-dir", secrets)
        said = self.end(process).err
        self.assertIn(f'secret file "{secrets}/shared" can be read by others: chmod 600 it', said)
        self.assertNotIn(f'"{secrets}/own"', said)

    def test_what_was_answered_survives_a_kill(self):
        service = self.service
        ids = [service.create({"name": f"w{i}", "steps": {}}) for i in range(5)]
        service.good("POST", f"/workflows/{ids[1]}/pause")
        hook = service.good("PUT", f"/workflows/{ids[2]}", MINI_TRAIN)["triggers"]
        service.delete("w3")
        before = service.workflows(), service.describe("mini-train")
        service.kill()
        service.start()
        self.assertEqual((service.workflows(), service.describe("mini-train")), before)
        self.assertEqual(before[1]["triggers"], hook)
        self.assertEqual(service.create({"name": "new", "steps": {}}), 6)

    def test_two_services_on_one_database_share_what_they_write(self):
        first = self.service
        process, listening, _ = self.serve("--listen", "127.0.0.1:0", "--db", first.folder / "service.db",
                                           "--token-file", first.token_file)
        addresses = first.address, urllib.parse.urlsplit(listening.split()[2]).netloc

        def write(n):
            connection = http.client.HTTPConnection(addresses[n % 2], timeout=TIMEOUT)
            connection.request("POST", BASE + "/workflows/", json.dumps({"name": f"w{n}", "steps": {}}),
                               {"Authorization": first.token})
            answer = connection.getresponse()
            found = answer.status, json.loads(answer.read())
            connection.close()
            return found
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(write, range(40)))
        self.assertEqual({status for status, _ in answers}, {201})
        self.assertEqual(sorted(answer["id"] for _, answer in answers), list(range(1, 41)))
        self.assertEqual(len(first.workflows()), 40)
        self.end(process)

    def test_a_backup_of_a_running_service_can_be_restored(self):
        process, listening, _ = self.serve("--listen", "127.0.0.1:0", "--token-file", self.token_file())
        token = self.token_file().read_text().strip()
        url, copy = listening.split()[2], self.tmp / "copy.db"
        flags = "--token-file", self.token_file()
        spec = self.write({"a.yaml": "name: kept\nsteps: {a: {imageId: 7, command: 'true'}}\n"}) / "a.yaml"
        self.expect(0, "workflow", "create", spec, *flags, endpoint=url)
        database = next(self.tmp.rglob("local.db"))
        said = self.expect(0, "serve", "--backup", copy, "--state-dir", database.parent, endpoint=None).out
        self.assertEqual(said, f"a copy of {database} is in {copy}\n")
        self.assertEqual(copy.stat().st_mode & 0o777, 0o600)
        self.end(process)
        process, listening, _ = self.serve("--listen", "127.0.0.1:0", "--db", copy, *flags)
        self.assertIn("kept", self.expect(0, "workflow", "list", *flags, endpoint=listening.split()[2]).out)
        self.end(process)

    def test_a_request_under_way_is_answered_before_the_end(self):
        process, listening, _ = self.serve("--listen", "127.0.0.1:0", "--token-file", self.token_file())
        token = self.token_file().read_text().strip()
        body = json.dumps({"name": "late", "steps": {}})
        with socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(listening.split()[2]).port), TIMEOUT) as s:
            s.sendall(f"POST {BASE}/workflows/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
                      f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            self.assertEqual(s.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
            self.tell(process, signal.SIGTERM)
            s.sendall(body.encode())
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 201 "))
        self.assertEqual(self.finish(process).code, 0)

    def test_stdout_that_nobody_reads_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT,
                                  env=self.environment(FLOWSYNC_STATE_DIR=self.state))
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)


if __name__ == "__main__":
    unittest.main()
