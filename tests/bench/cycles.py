"""One-shot cycles over N workflows, each beside the same files, requests and commits with nothing else."""
import ctypes
import math
import os
import pathlib
import shutil
import struct
import sys

import specs
from measure import FLOWSYNC, PROGRAMS, Failed, Service, settle
from rows import Row

PEER = PROGRAMS / "peer"
DATABASE_FILES = "", "-wal", "-shm"


class OpenedFiles:
    """Counts the files of a folder that are opened, while it is a context."""

    def __init__(self, folder):
        self.folder = folder
        self.names = set()

    def __enter__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.inotify = libc.inotify_init1(os.O_NONBLOCK)
        opened = 0x20
        if self.inotify < 0 or libc.inotify_add_watch(self.inotify, bytes(self.folder), opened) < 0:
            raise Failed("the opened files cannot be counted")
        return self

    def __exit__(self, *_):
        try:
            while data := os.read(self.inotify, 1 << 20):
                at = 0
                while at < len(data):
                    length, = struct.unpack_from("I", data, at + 12)
                    self.names.add(data[at + 16:at + 16 + length].rstrip(b"\0"))
                    at += 16 + length
        except BlockingIOError:
            pass
        os.close(self.inotify)
        self.names.discard(b"")


class Cycles:
    """Makes the files of N workflows and measures what is asked for; each figure is a row, or more."""

    def __init__(self, work, n, has_python=False):
        self.work, self.n, self.has_python = work, n, has_python
        self.files = work.fresh(f"specs-{n}")
        self.bytes = specs.write(self.files, n)
        self.body = work.path("body.json")
        self.body.write_text(specs.body())
        self.state = work.path(f"state-{n}")
        self.service = None
        self.is_synced = False
        self.change = 0

    def close(self):
        if self.service:
            self.service.stop()
        for folder in self.work.folder.glob(f"*-{self.n}*"):
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()

    def want_service(self):
        if not self.service:
            self.service = Service(self.work)
            settle()

    def flowsync(self, command, *more, state="none"):
        return [FLOWSYNC, command, "--endpoint", self.service.url, "--token-file", self.work.token_file,
                "--state-dir", self.work.path(state), "--quiet", "--timeout", "30m", *more, self.files]

    @property
    def memory_limit(self):
        """MiB: three times the bytes of the specs, and 16."""
        return 3 * self.bytes / 2**20 + 16

    def row(self, name, ours, limit, goal, limit_name, **more):
        """CPU time beside CPU time; the wall clock stands in the JSON."""
        wall = ours.wall_s / limit.wall_s
        return Row(name, self.n, ours.cpu_s, "CPU s", limit.cpu_s, goal, limit_name=limit_name,
                   more={"flowsync": ours.as_dict(), "peer": limit.as_dict(), "wall_ratio": wall, **more})

    def memory(self, name, ours, goal=1.0):
        return Row(f"{name}: peak", self.n, ours.peak_mib, "MiB", self.memory_limit, goal,
                   limit_name="3 x bytes of the specs + 16 MiB")

    def database(self):
        for end in DATABASE_FILES:
            self.work.fresh(f"peer.db{end}")
        return self.work.path("peer.db")

    # ---- rows ----

    def validate(self):
        ours = self.work.repeat([FLOWSYNC, "validate", self.files])
        limit = self.work.repeat([PEER, "events", self.files])
        yield self.row("validate", ours, limit, 1.5, "libyaml events with the read",
                       kib_each=(ours.peak_mib - limit.peak_mib) * 1024 / self.n)
        yield self.memory("validate", ours)

    def want_synced(self):
        """All workflows are there, from a sync whose state is kept."""
        self.want_service()
        if not self.is_synced:
            self.service.clear()
            self.work.spend(self.flowsync("sync", state=self.work.fresh(self.state.name)))
            self.is_synced = True
            settle()

    def first(self):
        self.want_service()

        def begin_peer(_):
            self.service.clear()
            return [PEER, "create", self.files, self.service.url, self.body, self.database()]

        def begin(_):
            self.service.clear()
            self.work.fresh(self.state.name)

        limit = self.work.repeat(None, begin_peer, self.service)
        python = dict(self.python_peers()) if self.has_python else {}
        ours = self.work.repeat(self.flowsync("sync", state=self.state.name), begin, self.service)
        if ours.requests.get("create") != self.n:
            raise Failed(f"a first sync of {self.n} made {ours.requests}")
        self.is_synced = True
        settle()
        yield self.row("first sync", ours, limit, 1.5, "look-up, POST, describe; a commit for eight")
        yield Row("first sync: requests of each", self.n, sum(ours.requests.values()) / self.n, "", 3,
                  limit_name="look-up, POST, describe", more={"requests": ours.requests})
        yield self.memory("first sync", ours)
        for (name, goal), theirs in python.items():
            yield Row(f"first sync, Python {name}", self.n, ours.cpu_s, "CPU s", theirs.cpu_s, goal, times=True,
                      at_least=True, limit_name=f"Python in the SDK's way, {name} loader",
                      more={"peer": theirs.as_dict(), "wall_ratio": theirs.wall_s / ours.wall_s})

    def python_peers(self):
        python = shutil.which("python3", path="/usr/bin") or sys.executable     # it has Debian's packages
        program = pathlib.Path(__file__).parent / "python_peer.py"
        for name, goal in ("pure", 10), ("C", 5):
            self.service.clear()
            command = [python, program, name, self.files, self.service.url]
            try:
                yield (name, goal), self.work.repeat(command, lambda _: self.service.clear())
            except Failed as error:
                print(f"no Python peer: {error}", file=sys.stderr)
                return

    def plan(self):
        self.want_synced()
        limit = self.work.repeat([PEER, "gets", self.files, self.service.url])
        ours = self.work.repeat(self.flowsync("plan"), service=self.service)
        yield self.row("cold plan, no state", ours, limit, 1.5, "events and as many GETs, parsed",
                       requests=ours.requests)
        yield self.memory("cold plan, no state", ours)
        ours = self.work.repeat(self.flowsync("plan", state=self.state.name), service=self.service)
        yield self.row("plan with state", ours, limit, 1.5, "events and as many GETs, parsed",
                       requests=ours.requests)
        yield self.memory("plan with state", ours)

    def warm(self):
        """Cycles over what did not change: the second, which may have to look at what was young in the first, and the
        third."""
        self.want_synced()
        limit = self.work.repeat([PEER, "pages", self.service.url])
        pages = math.ceil(self.n / 100)
        for name in "second", "third":
            self.service.reset()
            command = self.flowsync("sync", state=self.state.name)
            if name == "second":
                ours = self.work.spend(command)
                ours.requests = self.service.counts()
            else:
                ours = self.work.repeat(command, service=self.service)
            yield self.row(f"{name} cycle, no change", ours, limit, 2, "pages read and parsed")
            yield Row(f"{name} cycle: requests", self.n, sum(ours.requests.values()), "", pages, 1,
                      limit_name="pages", more={"requests": ours.requests})
            settle()
        yield self.memory("third cycle", ours)

    def one(self):
        """One file of N changed."""
        self.want_synced()
        self.change += 1
        specs.file(self.files, self.n // 2).write_text(specs.text(self.n // 2, self.change))
        settle()
        self.service.reset()
        with OpenedFiles(self.files) as opened:
            ours = self.work.spend(self.flowsync("sync", state=self.state.name))
        ours.requests = self.service.counts()
        if ours.requests.get("update") != 1:
            raise Failed(f"a sync of one changed file made {ours.requests}")
        yield Row("one changed: describes", self.n, ours.requests.get("describe", 0), "", goal=2,
                  more={"flowsync": ours.as_dict()})
        if self.n <= 10_000:    # the kernel forgets events beyond some 16,000
            yield Row("one changed: files opened", self.n, len(opened.names), "", goal=1)
        yield Row("one changed", self.n, ours.cpu_s, "CPU s")

    def update(self):
        self.want_synced()

        def begin(_):
            self.change += 1
            specs.write(self.files, self.n, self.change)

        ours = self.work.repeat(self.flowsync("sync", state=self.state.name), begin, self.service)
        if ours.requests.get("update") != self.n:
            raise Failed(f"an update of all {self.n} made {ours.requests}")
        self.service.keep()

        def begin_peer(_):
            self.service.restore()
            return [PEER, "update", self.files, self.service.url, self.body, self.database()]

        limit = self.work.repeat(None, begin_peer, self.service)
        self.service.restore()
        yield self.row("update of all", ours, limit, 1.5, "two describes and PUT; a commit for eight")
        yield Row("update: requests of each", self.n, sum(ours.requests.values()) / self.n, "", 3,
                  limit_name="two describes and PUT", more={"requests": ours.requests})
        yield self.memory("update of all", ours)

    def prune(self):
        self.want_synced()
        self.service.keep()
        empty = self.work.fresh(f"empty-{self.n}")
        empty.mkdir()
        copy = f"copy-{self.n}"

        def begin(_):
            self.service.restore()
            shutil.copytree(self.state, self.work.fresh(copy), ignore=shutil.ignore_patterns("*.sock"))

        command = self.flowsync("sync", "--prune", "--owner", "default", "--allow-empty",
                                "--max-delete-percent", "100", state=copy)
        ours = self.work.repeat(command[:-1] + [empty], begin, self.service)
        if ours.requests.get("delete") != self.n:
            raise Failed(f"a prune of all {self.n} made {ours.requests}")

        def begin_peer(_):
            self.service.restore()
            return [PEER, "prune", self.service.url, self.database()]

        limit = self.work.repeat(None, begin_peer, self.service)
        self.service.restore()
        yield self.row("prune of all", ours, limit, 1.5, "describe and DELETE; a commit for eight")
        yield self.memory("prune of all", ours)


STEPS = ("validate", "first", "plan", "warm", "one", "update", "prune")
