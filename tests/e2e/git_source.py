"""Repositories for tests of git sources: made with the git command, on a machine where nobody has
set anything up."""
import subprocess

import git_servers
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
                GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date, **git_servers.NO_MAINTENANCE, **options))
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
        """With TMP for the folder of the test."""
        return [m["message"].replace(str(self.tmp), "TMP") for m in report[kind]]

    def mirror(self):
        """The only mirror in the state directory."""
        found = [p for p in (self.state / "git").iterdir() if p.is_dir() and not p.name.endswith(".known")]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def daemon(self, *args):
        """git daemon for the repositories below the test's folder; gives its URL."""
        server = git_servers.Daemon(self.tmp, self.tmp, *args)
        self.addCleanup(server.stop)
        return server.url().rstrip("/")
