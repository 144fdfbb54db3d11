"""Runs the real program against a real local service, for the tests beside this file.

    class PlanTest(ServiceCase):
        def test_a_new_workflow_is_created(self):
            specs = self.write({"a.yaml": "name: a\n..."})
            self.expect(0, "sync", specs)
            self.assertEqual(self.service.describe("a")["name"], "a")

Every command gets a time limit, an environment of its own, and a look at all it printed: a
secret in there fails the test, and so does a sanitizer's report.
"""
import http.client
import http.server
import json
import os
import pathlib
import pty
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import textwrap
import threading
import time
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FLOWSYNC", ROOT / "build/flowsync")).resolve()
SANITIZED = "san" in PROGRAM.parts
BASE = "/workflows/api/v1"
# It ends what hangs, and no test waits for it to be over: a build with sanitizers is several times slower, and so is a
# machine that does other work.
TIMEOUT = 300
NOBODY = 65534
# With sanitizers, to look for leaks takes a third of a short command's time.  Unit tests look for leaks, and so do these
# tests in what runs for long (agent, serve) and in the commands of these files.
LEAKS_OF_COMMANDS = {"test_examples", "test_import", "test_run_steps", "test_sync", "test_workflow_commands"}

# A minimal system may have no hosts file; localhost is loopback there too (RFC 6761, 6.3).
look_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, *args, **kwargs: look_up(
    "127.0.0.1" if host == "localhost" else host, *args, **kwargs)


class Result:
    """What a command did: code, out, err."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def json(self):
        """stdout as the one JSON document that it must be."""
        try:
            return json.loads(self.out)
        except ValueError as e:
            raise AssertionError(f"stdout is no JSON document ({e}):\n{self}") from None

    def __str__(self):
        return (f"$ flowsync {' '.join(self.args)}\nexit {self.code}\n"
                f"--- stdout\n{self.out}--- stderr\n{self.err}---")


class Service:
    """`flowsync serve` on a free port, and the REST calls by which a test looks behind the program's back."""

    def __init__(self, case, folder, args=()):
        self.case, self.folder, self.args = case, folder, [str(a) for a in args]
        folder.mkdir(mode=0o700, exist_ok=True)
        self.token_file = folder / "token"
        self.token = case.secret("token")
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(self.token + "\n")
        self.address = "127.0.0.1:0"    # any free port; kept for the next start
        self.process = None
        self.start()

    def start(self):
        """Starts it, also again after stop(): on the same port, with the same data."""
        said = self.folder / "serve.out"
        with open(said, "wb") as out, open(self.folder / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.case.program, "serve", "--listen", self.address, "--db", self.folder / "service.db",
                 "--token-file", self.token_file, "--crons", "yes" if self.case.crons else "no", *self.args],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True, cwd=self.case.tmp,
                env=self.case.environment(FLOWSYNC_STATE_DIR=self.case.state))
        end = time.monotonic() + TIMEOUT
        while not (match := re.search(r"^listening on ((https?)://([^/\s]+)\S*)\n", said.read_text(), re.M)):
            code = self.process.poll()
            if code is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"serve did not start (exit {code}):\n{self.output()}")
            time.sleep(0.01)
        self.endpoint, self.scheme, self.address = match.groups()
        self.port = int(self.address.rpartition(":")[2])

    def stop(self):
        """Ends it as an init system would, and holds it to a clean end."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"serve did not end on SIGTERM:\n{self.output()}") from None
        self.kill()
        self.case.check_output(Result(["serve"], code, self.output(), ""))
        self.case.assertIn(code, (0, 143), f"serve did not end cleanly:\n{self.output()}")

    def kill(self):
        """Ends it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def output(self):
        return "".join((self.folder / name).read_text(errors="replace") for name in ("serve.out", "serve.log"))

    def request(self, method, path, body=None, token=True, headers=None):
        """(status, answer as JSON or text) of one request below /workflows/api/v1."""
        status, _, text = self.raw(method, BASE + path, None if body is None else json.dumps(body),
                                   token, {"Content-Type": "application/json", **(headers or {})})
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def raw(self, method, path, body=None, token=True, headers=None):
        """(status, headers, text) of one request at any path; token False or another text: that one."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = self.token if token is True else token
        if self.scheme == "https":
            connection = http.client.HTTPSConnection(self.address, timeout=TIMEOUT,
                                                     context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def workflows(self):
        """The whole list, all pages."""
        found, page = [], 1
        while True:
            answer = self.good("GET", f"/workflows/?pageNumber={page}&pageSize=100")
            found += answer["workflows"]
            if page >= answer["pageCount"]:
                return found
            page += 1

    def id_of(self, name):
        ids = [w["id"] for w in self.workflows() if w["name"] == name]
        self.case.assertEqual(len(ids), 1, f"workflows of the name {name}")
        return ids[0]

    def describe(self, name):
        return self.good("GET", f"/workflows/{self.id_of(name)}")

    def create(self, body):
        return self.good("POST", "/workflows/", body)["id"]

    def update(self, name, body):
        """Replaces a workflow with body, as a stranger with a browser would."""
        self.good("PUT", f"/workflows/{self.id_of(name)}", body)

    def delete(self, name):
        self.good("DELETE", f"/workflows/{self.id_of(name)}")

    def good(self, method, path, body=None):
        status, answer = self.request(method, path, body)
        if not 200 <= status < 300:
            raise AssertionError(f"{method} {path}: {status} {answer}")
        return answer


class Fake:
    """A server that answers as a test wants, for what no good service would say.

    answer(request) gives (status, body) or (status, body, headers), or bytes: these and nothing
    else are then written to the socket.  request has method, path, headers and body; all that
    came are kept in .requests.
    """

    def __init__(self, answer, host="127.0.0.1"):
        self.requests = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = TIMEOUT

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                request = types.SimpleNamespace(method=self.command, path=self.path, body=body,
                                                headers=self.headers)
                fake.requests.append(request)
                said = answer(request)
                if isinstance(said, bytes):
                    self.wfile.write(said)
                    self.close_connection = True
                    return
                status, body, headers = (*said, {})[:3]
                if not isinstance(body, (str, bytes)):
                    body, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
                body = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                for key, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(key, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass    # the program hung up, as it may

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

        self.server = Server((host, 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.endpoint = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def told(self, method=None):
        """"METHOD path" of all requests that came, below /workflows/api/v1, without the query."""
        return [f"{r.method} {r.path.removeprefix(BASE).split('?')[0]}" for r in self.requests
                if method in (None, r.method)]


class ServiceCase(unittest.TestCase):
    """A test with a folder of its own (self.tmp), and a service as soon as self.service is asked for."""

    maxDiff = None
    program = PROGRAM
    serve_args = ()     # more options for `serve`
    crons = False       # whether they begin runs there: none is to come in between by chance
    leaks_count = True

    def setUp(self):
        self.secrets = []
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="flowsync-test-"))
        self.addCleanup(shutil.rmtree, self.tmp)
        self.state = self.tmp / "state"
        self.home = self.tmp / "home"
        self.home.mkdir()
        self._service = None

    @property
    def service(self):
        if self._service is None:
            self._service = Service(self, self.tmp / "service", self.serve_args)
            self.addCleanup(self._stop_service)
        return self._service

    def _stop_service(self):
        try:
            self._service.stop()
        finally:
            self._service.kill()

    def fake(self, answer, **options):
        """A Fake that is closed with the test; use it with endpoint=fake.endpoint."""
        fake = Fake(answer, **options)
        self.addCleanup(fake.close)
        return fake

    def between(self, hook):
        """A Fake in front of the test's service: hook(request, pass_on) answers as for Fake, or gives
        None for what the service says.  pass_on(request) asks the service."""
        service = self.service

        def pass_on(request):
            status, headers, body = service.raw(request.method, request.path, request.body or None,
                                                request.headers.get("Authorization"),
                                                {"Content-Type": "application/json"})
            return status, body, {"Content-Type": headers["Content-Type"]}

        def answer(request):
            said = hook(request, pass_on)
            return pass_on(request) if said is None else said
        return self.fake(answer)

    def secret(self, name="secret"):
        """A text for a spec or a token that no output of any command may show from now on."""
        value = f"canary-{name}-{secrets.token_hex(8)}"
        self.secrets.append(value)
        return value

    def write(self, files, folder="specs"):
        """Writes {name: text or bytes} below a folder of the test, and gives the folder."""
        top = self.tmp / folder
        top.mkdir(exist_ok=True)
        for name, text in files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return top

    def overlook_leaks(self):
        """libgit2 1.5 loses memory in some of its ways; other tests look for leaks of ours."""
        self.leaks_count = False

    def environment(self, **more):
        """A bare environment; a value of None takes the variable out."""
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.home),
               "TMPDIR": str(self.tmp), "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu"}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if key in os.environ:
                env[key] = os.environ[key]
        if not self.leaks_count:
            env.update(self._without_leaks())
        env.update(more)
        return {key: str(value) for key, value in env.items() if value is not None}

    @staticmethod
    def _without_leaks():
        return {"ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "detect_leaks=0"]))}

    def flowsync(self, *args, env=None, stdin="", cwd=None, timeout=TIMEOUT, endpoint=True,
                 terminal=False, unprivileged=False, may_show_secrets=False):
        """Runs a command to its end and gives a Result.

        endpoint: True, the test's service; None, none; else that URL, with the test's token.
        terminal: stdout and stderr are one terminal, and come together in .out; so is stdin if it has a text, which
        stands in .out too.
        unprivileged: not as root, where root would be let in.
        may_show_secrets: for the one option that says so.
        """
        command = [str(a) for a in args]
        given = {**self._given(endpoint), "TERM": "xterm" if terminal else None}
        if type(self).__module__ not in LEAKS_OF_COMMANDS:
            given.update(self._without_leaks())
        options = dict(env=self.environment(**{**given, **(env or {})}),
                       cwd=cwd or self.tmp, start_new_session=True)
        program = self.program
        if unprivileged and os.geteuid() == 0:
            program = self.tmp / "flowsync"     # the checkout may lie in a folder of root's
            shutil.copy(self.program, program)
            give_away(self.tmp)
            options.update(user=NOBODY, group=NOBODY, extra_groups=[])
        run = run_on_terminal if terminal else run_on_pipes
        try:
            code, out, err = run([program, *command], stdin, timeout, options)
        except subprocess.TimeoutExpired as e:
            self.fail(f"flowsync {' '.join(command)} did not end within {timeout} s:\n"
                      f"{e.output!r}\n{e.stderr!r}")
        result = Result(command, code, out, err)
        self.check_output(result, may_show_secrets)
        return result

    def expect(self, code, *args, **options):
        """flowsync(), and the exit code must be this one."""
        result = self.flowsync(*args, **options)
        self.assertEqual(result.code, code, f"\n{result}")
        return result

    def start(self, *args, env=None, endpoint=True, stdout=subprocess.PIPE):
        """A command left running, for tests that interrupt it: a Popen with text pipes."""
        process = subprocess.Popen(
            [self.program, *map(str, args)], stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, text=True, cwd=self.tmp, start_new_session=True,
            env=self.environment(**{**self._given(endpoint), **(env or {})}))
        self.addCleanup(self._reap, process)
        return process

    def interrupt(self, process, number):
        """Sends what start() gave a signal as soon as it handles that: before, the signal would just end it."""
        end = time.monotonic() + TIMEOUT
        while process.poll() is None and not handled(process.pid) >> (number - 1) & 1:
            self.assertLess(time.monotonic(), end, f"signal {number} is never handled")
            time.sleep(0.01)
        process.send_signal(number)

    def tell(self, process, number):
        """Sends what start() gave a signal, and waits until its handler has it."""
        process.send_signal(number)
        end = time.monotonic() + TIMEOUT
        while pending(process.pid) >> (number - 1) & 1:
            self.assertLess(time.monotonic(), end, "the signal is not taken")
            time.sleep(0.01)

    def finish(self, process, timeout=TIMEOUT):
        """Waits for what start() gave, as a Result."""
        out, err = process.communicate(timeout=timeout)
        result = Result(list(map(str, process.args[1:])), process.returncode, out or "", err)
        self.check_output(result)
        return result

    def _reap(self, process):
        process.kill()
        process.communicate()

    def _given(self, endpoint):
        """The variables by which a command finds its state and its service."""
        given = {"FLOWSYNC_STATE_DIR": self.state}
        if endpoint is True:
            endpoint = self.service.endpoint
        if endpoint is not None:
            given.update(FLOWSYNC_ENDPOINT=endpoint, FLOWSYNC_TOKEN_FILE=self.token_file())
        return given

    def token_file(self):
        if self._service is not None:
            return self._service.token_file
        path = self.tmp / "token"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(self.secret("token") + "\n")
        return path

    def check_output(self, result, may_show_secrets=False):
        """No secret, no sanitizer's report, no crash."""
        for text in (result.out, result.err):
            for value in [] if may_show_secrets else self.secrets:
                if value in text:
                    self.fail(f"a secret is shown ({value[:14]}...):\n{result}")
            if re.search(r"runtime error:|(Address|Leak|UndefinedBehavior)Sanitizer", text):
                self.fail(f"a sanitizer found something:\n{result}")
        if result.code < 0 or result.code == 99:
            self.fail(f"crashed:\n{result}")

    def assertNoSecretIn(self, *paths):
        """No secret stands in these files, or in any file below these folders."""
        for path in map(pathlib.Path, paths):
            for file in [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]:
                content = file.read_bytes()
                for value in self.secrets:
                    if value.encode() in content:
                        self.fail(f"a secret stands in {file} ({value[:14]}...)")


def pending(pid):
    """The signals, a bit each, that wait for a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^ShdPnd:\t(\w+)$", status, re.M)[1], 16)


def handled(pid):
    """The signals, a bit each, that a process has a handler for or has blocked, to read them itself; 0 if it is gone.

    Also 0 while it does not wait for something: what just became another program still shows the handlers of its
    parent, and signals are blocked for a moment while a thread or process begins.
    """
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    if not re.search(r"^State:\tS", status, re.M):
        return 0
    return int(re.search(r"^SigCgt:\t(\w+)$", status, re.M)[1], 16) | int(
        re.search(r"^SigBlk:\t(\w+)$", status, re.M)[1], 16)


def give_away(folder):
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            os.chown(path, NOBODY, NOBODY)


def run_on_pipes(command, stdin, timeout, options):
    done = subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=timeout, **options)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def run_on_terminal(command, stdin, timeout, options):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs if stdin else subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                               **options)
    os.close(theirs)
    os.write(ours, stdin.encode())
    parts = []

    def read():
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:
            pass    # the other end is closed
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired as e:
        e.output = b"".join(parts)
        raise
    finally:
        process.kill()
        process.wait()
        reader.join(5)
        os.close(ours)
    return process.returncode, b"".join(parts).decode(errors="replace").replace("\r\n", "\n"), ""
