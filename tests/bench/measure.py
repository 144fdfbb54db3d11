"""What the figures are taken with: commands and what they spend, the service in memory, a folder to work in.

CPU time is that of a process and its children, user and system together; peak memory is the most that one of them had.
"""
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
FLOWSYNC = pathlib.Path(os.environ.get("FLOWSYNC", BUILD / "flowsync")).resolve()
PROGRAMS = next((path for path in (FLOWSYNC.parent / "tests" / "bench",) if path.exists()), BUILD / "tests" / "bench")
TOKEN = "bench-token"
REPEATS, REPEAT_S = 3, 10   # so many times what takes less
SETTLED_S = 3.2       # two seconds, and the one that Date leaves out
TIMEOUT_S = 1800
OPERATIONS = ("list", "search", "describe", "create", "update", "delete", "resource", "other")


@dataclasses.dataclass
class Spent:
    """What one command spent, or the medians of several runs."""
    wall_s: float
    cpu_s: float
    peak_mib: float
    requests: dict = dataclasses.field(default_factory=dict)
    repeats: int = 1

    def as_dict(self):
        return {key: round(value, 4) if isinstance(value, float) else value
                for key, value in dataclasses.asdict(self).items()}


def median(runs):
    def middle(name):
        return statistics.median(getattr(run, name) for run in runs)
    return Spent(middle("wall_s"), middle("cpu_s"), middle("peak_mib"), runs[-1].requests, len(runs))


class Failed(Exception):
    """A command that did not do what is measured."""


class Work:
    """A folder on disk with a token, and the environment of all commands."""

    def __init__(self, folder=BUILD / "bench"):
        self.folder = folder = folder.resolve()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self.token_file = folder / "token"
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(TOKEN)
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder), "BENCH_TOKEN": TOKEN,
                    "FLOWSYNC_STATE_DIR": str(folder / "none"), "NO_COLOR": "1"}
        self.cleanups = contextlib.ExitStack()

    def close(self):
        self.cleanups.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return self.folder / name

    def fresh(self, name):
        """A path where nothing is."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return path

    def spend(self, command, codes=(0,), cwd=None):
        """Runs a command; its output goes to a file."""
        figures, log = self.path("figures"), self.path("log")
        with open(log, "wb") as out:
            process = subprocess.Popen([PROGRAMS / "spend", figures, *map(str, command)], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT, env=self.env, cwd=cwd or self.folder,
                                       start_new_session=True)
            try:
                code = process.wait(TIMEOUT_S)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise Failed(f"{' '.join(map(str, command))} took more than {TIMEOUT_S} s") from None
                raise
        if code not in codes:
            raise Failed(f"{' '.join(map(str, command))} ended with {code}:\n{log.read_text(errors='replace')[-2000:]}")
        wall, user, system, peak = map(int, figures.read_text().split())
        return Spent(wall / 1e9, (user + system) / 1e6, peak / 1024)

    def repeat(self, command, before=None, service=None, codes=(0,)):
        """The medians of some runs, of one if it takes long; before(number) is called before each and not measured."""
        runs = []
        while not runs or (len(runs) < REPEATS and max(run.wall_s for run in runs) < REPEAT_S):
            words = before(len(runs)) if before else None
            if service:
                service.reset()
            runs.append(self.spend(words or command, codes))
            if service:
                runs[-1].requests = service.counts()
        return median(runs)


class Service:
    """The service in memory, as a process."""

    def __init__(self, work):
        self.process = subprocess.Popen([PROGRAMS / "service", "--token", TOKEN], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        work.cleanups.callback(self.stop)
        self.url = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        with contextlib.closing(connection):
            connection.request(method, f"/bench/{path}")
            return json.loads(connection.getresponse().read())

    def state(self):
        return self.ask("GET", "counts")

    def counts(self):
        """Requests since reset(), by operation; those without any are left out."""
        state = self.state()
        return {name: state[name] for name in OPERATIONS if state[name]}

    def reset(self):
        self.ask("DELETE", "counts")

    def clear(self):
        self.ask("DELETE", "workflows")

    def keep(self):
        self.ask("PUT", "snapshot")

    def restore(self):
        self.ask("POST", "snapshot")

    def delay(self, ms):
        self.ask("PUT", f"delay?ms={ms}")


def settle():
    """Until all stamps that were made so far can be trusted."""
    time.sleep(SETTLED_S)
