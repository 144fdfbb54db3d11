"""Many cycles of one agent whose source changes: does anything grow?

    python3 -B tests/soak.py [--cycles 1000] [--git]     # make soak does both, directory and git

Prints what the agent has after a warm-up and at the end, and fails if its memory grew by more than a
tenth and a MiB, if it has more descriptors, or if its database grew by more than a tenth and 64 KiB.
The test suite runs it with few cycles.
"""
import argparse
import hashlib
import hmac
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "e2e"))
from agent import AgentCase, descriptors, rss, spec     # noqa: E402
from git_servers import Repository                      # noqa: E402

STEADY = 20     # workflows that are only changed
GUESTS = 5      # names that come and go


class Directory:
    """A source whose change the agent sees by itself."""

    def __init__(self, case):
        self.case, self.folder = case, case.tmp / "specs"
        self.folder.mkdir()

    def sync(self):
        return self.case.sync(dir=self.folder, prune=True)

    def change(self, agent, files):
        for name, text in files.items():
            path = self.folder / name
            path.unlink() if text is None else path.write_text(text)


class Git:
    """A repository: commits that the agent is told of by its hook."""

    def __init__(self, case):
        self.case, self.repository = case, Repository(case.tmp / "repo.git")
        self.secret = case.secret("hook")
        (case.tmp / "hook").write_text(self.secret)

    def sync(self):
        return self.case.sync(git=self.repository.path, poll="1h", prune=True,
                              hook={"secret_file": str(self.case.tmp / "hook")})

    def change(self, agent, files):
        for name in [name for name, text in files.items() if text is None]:
            (self.repository.work / name).unlink()
        self.repository.commit({name: text for name, text in files.items() if text is not None})
        if agent:
            sign = hmac.new(self.secret.encode(), b"{}", hashlib.sha256).hexdigest()
            self.case.assertEqual(agent.get("/hook/one", b"{}", {"X-Hub-Signature-256": f"sha256={sign}"})[0], 202)


def step(number):
    """What changes before a cycle: a workflow is another, and a guest comes or goes."""
    guest = f"guest-{number // 2 % GUESTS}"
    return {f"{number % STEADY}.yaml": spec(f"steady-{number % STEADY}", f"echo {number}"),
            f"{guest}.yaml": spec(guest) if number % 2 == 0 else None}


def idle_descriptors(agent):
    """Without those of a child, or of a connection that is just being closed."""
    def sample():
        time.sleep(0.05)
        return descriptors(agent.process.pid)
    return min(sample() for _ in range(20))


def measure(case, agent):
    agent.wait_for(lambda: agent.children() == {}, "no child is left")
    folder = case.state
    files = [f for f in folder.rglob("*") if f.is_file()]
    return {"resident KiB": rss(agent.process.pid) // 1024, "descriptors": idle_descriptors(agent),
            "state.db KiB": (folder / "state.db").stat().st_size // 1024,
            "reports": len(list((folder / "reports").glob("2*.json"))),
            "state directory KiB": sum(f.stat().st_size for f in files) // 1024}


def mean(values):
    return sum(values) / len(values)


def soak(case, cycles, kind=Directory, tell=lambda text: None):
    """Runs so many cycles, and holds the agent to what it had after the first of them."""
    source = kind(case)
    source.change(None, {f"{i}.yaml": spec(f"steady-{i}") for i in range(STEADY)})
    agent = case.agent(case.config(source.sync()))
    agent.wait_ready()
    warm, times, first = min(cycles // 3, 200), [], None
    for number in range(cycles):
        if number == warm:
            first = measure(case, agent)
        report = agent.wait_next("one", lambda: source.change(agent, step(number)), outcome="applied")
        times.append(report["duration_s"])
    last = measure(case, agent)
    tell(f"{cycles} cycles, {kind.__name__.lower()}; after {warm} of them -> at the end:\n")
    for key in first:
        tell(f"  {key}: {first[key]} -> {last[key]}\n")
    tell(f"  ms a cycle: {mean(times[:warm]) * 1000:.0f} -> {mean(times[-warm:]) * 1000:.0f}\n")
    if "ASAN_OPTIONS" not in os.environ:    # it keeps what was freed
        case.assertLessEqual(last["resident KiB"], first["resident KiB"] * 1.1 + 1024)
    case.assertLessEqual(last["descriptors"], first["descriptors"])
    case.assertLessEqual(last["state.db KiB"], first["state.db KiB"] * 1.1 + 64)
    case.assertLessEqual(last["reports"], 100)
    case.assertEqual(case.command_of(f"steady-{(cycles - 1) % STEADY}"), f"echo {cycles - 1}")
    agent.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--cycles", type=int, default=1000)
    arguments.add_argument("--git", action="store_true")
    given = arguments.parse_args()
    case = AgentCase()
    case.setUp()
    try:
        soak(case, given.cycles, Git if given.git else Directory, sys.stdout.write)
    finally:
        case.doCleanups()


if __name__ == "__main__":
    main()
