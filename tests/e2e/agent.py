"""Runs `flowsync agent`, for the tests beside this file.

    class ReloadTest(AgentCase):
        def test_it_is_first_good_and_then_stopped(self):
            agent = self.agent({"syncs": [self.sync("one", dir=self.write({"a.yaml": SPEC}))]})
            agent.wait_ready()
            agent.stop()

A configuration is a dict and written as JSON, which YAML reads.  Nothing here sleeps and hopes:
what is to come is waited for, for a minute at most.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import flowsync
import prometheus
from flowsync import TIMEOUT, Result

POLL = 0.03


def spec(name, command="true", **more):
    """The text of a spec file."""
    body = {"name": name, "steps": {"one": {"imageId": 7, "command": command}}, **more}
    return json.dumps(body) + "\n"


def wait_for(condition, what, timeout=TIMEOUT, also=lambda: ""):
    """Until condition() is true; gives what it gave."""
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"within {timeout} s it did not come about that {what}\n{also()}")
        time.sleep(POLL)


class Agent:
    """A running agent: .url, and what it says over HTTP, to systemd, and in its log."""

    def __init__(self, case, config, *args, env=None, http="127.0.0.1:0", name="agent", wait=True):
        self.case, self.args, self.name, self.http = case, [str(a) for a in args], name, http
        self.env = env or {}
        self.file = case.tmp / f"{name}.yaml"
        self.log = case.tmp / f"{name}.log"
        self.log.touch()
        self.said = []          # to systemd, each message a dict
        self.process = None
        self.configure(config)
        self.start(wait)

    def configure(self, config):
        """Writes the configuration file; a text is written as it is."""
        text = config if isinstance(config, (str, bytes)) else json.dumps(config, indent=1)
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def start(self, wait=True):
        """Starts it, also again; wait: until it listens."""
        socket_path = self.case.tmp / f"{self.name}.notify"
        with contextlib.suppress(FileNotFoundError):
            socket_path.unlink()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(socket_path))
        threading.Thread(target=self._listen, args=(self.manager,), daemon=True).start()
        begin = self.log.stat().st_size
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.case.program, "agent", "--config", self.file, *(["--http", self.http] if self.http else []), *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.case.tmp,
                env=self.case.environment(**{"FLOWSYNC_STATE_DIR": self.case.state,
                                             "NOTIFY_SOCKET": socket_path, **self.env}))
        if wait:
            found = self.wait_for(lambda: re.search(r"(http://\S+:\d+): /healthz", self.log.read_text()[begin:])
                                  or self.process.poll() is not None, "the agent listens")
            self.case.assertIsNone(self.process.poll(), f"the agent ended:\n{self.output()}")
            self.url = found[1]

    def _listen(self, manager):
        with contextlib.suppress(OSError):
            while message := manager.recv(65536).decode():
                self.said.append(dict(line.split("=", 1) for line in message.split("\n") if line))

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, condition, what, timeout=TIMEOUT):
        return wait_for(condition, what, timeout, self.output)

    def wait_said(self, key, value="1", begin=0):
        """Until systemd was told so; gives the number of the message."""
        def place():
            return next((i + 1 for i, m in enumerate(self.said) if i >= begin and m.get(key) == value), None)
        return self.wait_for(place, f"systemd is told {key}={value}") - 1

    def wait_logged(self, text, begin=0):
        self.wait_for(lambda: text in self.output()[begin:], f'"{text}" is logged')

    def get(self, path, data=None, headers=None):
        """(status, text) of a request to its own face."""
        request = urllib.request.Request(self.url + path, data, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                status, text = e.code, e.read().decode()
        self.case.check_output(Result([f"(GET {path})"], 0, text, ""))
        return status, text

    def status(self):
        """{name of a sync: what /status says of it}."""
        status, text = self.get("/status")
        self.case.assertEqual(status, 200)
        return {sync["name"]: sync for sync in json.loads(text).get("syncs", [])}

    def report(self, sync):
        """The last report of a sync; {} before the first."""
        return self.status().get(sync, {}).get("report") or {}

    def ready(self):
        return self.get("/readyz")[0] == 200

    def metrics(self):
        status, text = self.get("/metrics")
        self.case.assertEqual(status, 200)
        return prometheus.check(text)

    def wait_ready(self):
        self.wait_for(self.ready, "the agent is ready")

    def wait_report(self, sync, what, **wanted):
        """Until the last report of a sync has these values; gives it."""
        def last():
            report = self.report(sync)
            return report if report and all(report.get(k) == v for k, v in wanted.items()) else None
        return self.wait_for(last, f"{what}: {wanted}")

    def wait_next(self, sync, act, **wanted):
        """Does act(), and waits for a report of a cycle that began after it, with these values."""
        before = self.report(sync).get("cycle_id", "")
        act()

        def later():
            report = self.report(sync)
            return (report.get("cycle_id", "") > before and
                    all(report.get(k) == v for k, v in wanted.items()) and report)
        return self.wait_for(later, f"the next cycle of {sync} ends with {wanted}")

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """SIGHUP, and waits until it says that it is ready again."""
        begin = len(self.said)
        self.signal(signal.SIGHUP)
        at = self.wait_said("RELOADING", begin=begin)
        self.wait_said("READY", begin=at)
        return self.said[at]

    def children(self):
        """The processes that it started: {pid: command}."""
        found = {}
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
                for pid in f.read().split():
                    with contextlib.suppress(OSError, IndexError):
                        with open(f"/proc/{pid}/cmdline", "rb") as words:
                            found[int(pid)] = words.read().split(b"\0")[1].decode()
        return found

    def wait_child(self, command):
        """The pid of a child that runs this hidden command, as soon as there is one."""
        return self.wait_for(lambda: next((pid for pid, c in self.children().items() if c == command), None),
                             f"a child runs {command}")

    def stop(self, code=0):
        """Ends it as an init system would, and holds it to a clean end."""
        self.signal(signal.SIGTERM)
        return self.wait_end(code)

    def wait_end(self, code):
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent did not end:\n{self.output()}") from None
        result = self._end()
        self.case.assertEqual(result.code, code, f"\n{result}")
        return result

    def kill(self):
        """Ends it at once, as a power cut would; gives the pids of its children."""
        children = list(self.children())
        self.process.kill()
        self.process.wait()
        self._close()
        return children

    def _end(self):
        result = Result(["agent", *self.args], self.process.returncode, self.output(), "")
        self._close()
        self.case.check_output(result)
        return result

    def _close(self):
        self.process = None
        with contextlib.suppress(OSError):
            self.manager.shutdown(socket.SHUT_RDWR)
        self.manager.close()

    def close(self):
        """For the end of a test, however that comes."""
        if self.process is not None:
            self.kill()
            self.case.check_output(Result(["agent", *self.args], 0, self.output(), ""))


class AgentCase(flowsync.ServiceCase):
    def agent(self, config, *args, **options):
        """An Agent that is ended with the test."""
        agent = Agent(self, config, *args, **options)
        self.addCleanup(agent.close)
        return agent

    def sync(self, name="one", interval="10m", owner=None, service=None, **source):
        """A sync of a configuration: source is dir=..., or git=... and what more git takes."""
        git = source.pop("git", None)
        places = ("url", "branch", "tag", "semver", "commit", "path", "token_file", "poll")
        found = {"name": name, "owner": owner or name, "interval": interval}
        if git:
            found["source"] = {"git": {"url": str(git), **{k: source.pop(k) for k in places if k in source}}}
        else:
            found["source"] = {"dir": str(source.pop("dir"))}
        return {**found, **({"service": service} if service else {}), **source}

    def config(self, *syncs, service=None, endpoint=None, **more):
        """A configuration with these syncs on the test's service; endpoint: with the same token there."""
        if service is None:
            service = {"endpoint": endpoint or self.service.endpoint,
                       "token_file": str(self.service.token_file)}
        return {"service": service, "syncs": list(syncs), **more}

    def gate(self):
        """A service in front of the test's where each write waits until it may pass: its endpoint, the
        event to set, and the list of writes that came."""
        opened, came = threading.Event(), []
        self.addCleanup(opened.set)

        def hook(request, _):
            if request.method != "GET":
                came.append(f"{request.method} {request.path}")
                opened.wait(TIMEOUT)
        return self.between(hook).endpoint, opened, came

    def drift(self, name, command):
        """Changes a workflow on the service, as a user of it would."""
        body = self.service.describe(name)
        kept = {key: body[key] for key in ("name", "tags")}
        self.service.update(name, {**kept, "steps": {"one": {"imageId": 7, "command": command}}})

    def reports(self):
        """All stored reports, the oldest first."""
        folder = self.state / "reports"
        # One that is being written has another end to its name.
        names = sorted(p.name for p in folder.glob("[0-9]*.json"))
        found = []
        for name in names:
            with contextlib.suppress(FileNotFoundError):    # thinned out just now
                found.append(json.loads((folder / name).read_text()))
        return found

    def names(self):
        """What is on the service."""
        return sorted(w["name"] for w in self.service.workflows())

    def command_of(self, name):
        return self.service.describe(name)["steps"]["one"]["command"]


def alive(pid):
    """True if the process runs, and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def rss(pid, line="VmRSS"):
    """Bytes that a process has in memory; VmHWM: the most that it ever had."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(rf"^{line}:\s+(\d+) kB$", f.read(), re.M)[1]) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
