"""Repositories that are measured with, made by git fast-import."""
import subprocess
import time

import specs
from measure import PROGRAMS


def old_files(n):
    """So many files of a repository, the first, have changed in the second commit and never again."""
    return max(n // 1000, 5)


class Repository:
    """A bare repository: n specs in its top folder, a commit of the old files, and so many more, of one file each."""

    def __init__(self, work, name, n, commits=0):
        self.work, self.n = work, n
        self.path = work.fresh(name)
        self.clone = work.fresh(f"{name}-clone")
        self.count = 0
        old = old_files(n)
        self.git("init", "-q", "--bare", "-b", "main", self.path)
        stream = [self.one(dict.fromkeys(range(n), 0))]
        if commits:
            stream.append(self.one(dict.fromkeys(range(old), 5)))
        for number in range(commits):
            stream.append(self.one({old + number % (n - old): 1}))
        self.feed(b"".join(stream))
        self.git("clone", "-q", "--bare", f"file://{self.path}", self.clone)

    def git(self, *words):
        subprocess.run(["git", *map(str, words)], check=True, env=self.work.env)

    def one(self, changes):
        """A commit of {number of a spec: its change}, as fast-import reads it."""
        self.count += 1
        parent = "from refs/heads/main^0\n" if self.count > 1 and self.fed else ""
        text = [f"commit refs/heads/main\ncommitter bench <bench@example.com> {1700000000 + self.count} +0000\n"
                f"data 2\nx\n{parent}"]
        for number, change in changes.items():
            content = specs.text(number, change)
            text.append(f"M 100644 inline bench-{number:05d}.yaml\ndata {len(content)}\n{content}\n")
        return "".join(text).encode()

    fed = False

    def feed(self, stream):
        subprocess.run(["git", "-C", self.path, "fast-import", "--quiet"], input=stream, check=True, env=self.work.env)
        self.fed = True

    def commit(self, changes):
        self.feed(self.one(changes))

    def fetch_time(self):
        """Seconds that git takes for what was committed since the last time."""
        began = time.monotonic()
        self.git("-C", self.clone, "fetch", "-q", "origin", "+main:main")
        return time.monotonic() - began

    def events(self, folder):
        """What the events of all files cost."""
        specs.write(folder, self.n)
        return self.work.repeat([PROGRAMS / "peer", "events", folder])
