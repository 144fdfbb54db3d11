"""Repositories for tests of git sources: made with the git command, on a machine where nobody has
set anything up."""
import re
import shutil
import socket
import subprocess

from flowsync import TIMEOUT, ServiceCase


def spec(name, image=7):
    return f"name: {name}\nsteps:\n  one:\n    imageId: {image}\n    command: run\n"


class GitCase(ServiceCase):
    """A repository self.repo whose branch main has what commit() put there."""

    def setUp(self):
        super().setUp()
        self.clock = 1000000000
        self.repo = self.tmp / "repo"
        self.git("init", "-q", "-b", "main", self.repo, cwd=self.tmp)

    def git(self, *args, cwd=None, **options):
        self.clock += 1
        date = f"{self.clock} +0000"
        done = subprocess.run(
            ["git", *map(str, args)], cwd=cwd or self.repo, capture_output=True, text=True, timeout=TIMEOUT,
            env=self.environment(
                GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null", GIT_AUTHOR_NAME="a",
                GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b",
                GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date, **options))
        self.assertEqual(done.returncode, 0, f"git {args}: {done.stderr}")
        return done.stdout.strip()

    def commit(self, files=(), remove=()):
        """Writes {name: text}, takes other files away, commits, and gives the commit."""
        for name, text in dict(files).items():
            path = self.repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in remove:
            (self.repo / name).unlink()
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.head()

    def head(self, what="HEAD"):
        return self.git("rev-parse", f"{what}^{{commit}}")

    def tree(self, what):
        return self.git("rev-parse", what)

    def plan(self, *args, code=0, **options):
        return self.expect(code, "plan", "--git", self.repo, "-o", "json", *args, **options).json()

    def sync(self, *args, code=0, **options):
        return self.expect(code, "sync", "--git", self.repo, "-o", "json", *args, **options).json()

    def names(self, report):
        return sorted(w["name"] for w in report["workflows"])

    def messages(self, report, kind="errors"):
        """With "AAAA" for the folder of the test."""
        return [m["message"].replace(str(self.tmp), "TMP") for m in report[kind]]

    def mirror(self):
        """The only mirror in the state directory."""
        found = [p for p in (self.state / "git").iterdir() if p.is_dir() and not p.name.endswith(".known")]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def daemon(self, *args):
        """git daemon for the repositories below the test's folder; gives its URL."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        process = subprocess.Popen(
            ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all", "--reuseaddr", "--verbose",
             f"--base-path={self.tmp}", *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env=self.environment(), start_new_session=True)
        self.addCleanup(self._reap_daemon, process)
        while not re.search("Ready to rumble", process.stderr.readline()):
            self.assertIsNone(process.poll(), "git daemon does not run")
        return f"git://127.0.0.1:{port}"

    def _reap_daemon(self, process):
        process.kill()
        process.stderr.close()
        process.wait()


def has_daemon():
    return shutil.which("git") and subprocess.run(["git", "daemon", "--help"], capture_output=True,
                                                  stdin=subprocess.DEVNULL, check=False).returncode in (0, 129, 1)
