"""The agent over a directory that somebody works in: every way to change it leads to exactly the
state that it declares then, and no file that is only moved loses its workflow."""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

import flowsync
from git_source import GitCase


def spec(name, command):
    return f"name: {name}\nsteps:\n  only:\n    imageId: 7\n    command: {command}\n"


class DirectoryCase(flowsync.ServiceCase):
    """self.specs is the source; declare() writes into it as an editor would not."""

    def setUp(self):
        super().setUp()
        self.specs = self.tmp / "specs"
        self.specs.mkdir()

    def agent(self, *args, source=None):
        """Starts it, with an interval that no test waits for: what happens, a change of the source
        did it."""
        return self.start("agent", "--dir", source or self.specs, "--owner", "us", "--prune", "--interval", "1h",
                          "--max-delete-percent", "100", "--http", "none", *args)

    def declare(self, path, name, command="one", folder=None):
        path = (folder or self.specs) / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spec(name, command))
        return path

    def commands(self):
        """{name: command} of what the service has."""
        found = {}
        for workflow in self.service.workflows():
            status, answer = self.service.request("GET", f"/workflows/{workflow['id']}")
            if status == 200:   # else it went just now
                found[answer["name"]] = answer["steps"]["only"]["command"]
        return found

    def ids(self):
        return {w["name"]: w["id"] for w in self.service.workflows()}

    def wait_until(self, is_so, what):
        end = time.monotonic() + 2 * flowsync.TIMEOUT
        while not is_so():
            self.assertLess(time.monotonic(), end, what())
            time.sleep(0.02)

    def becomes(self, **wanted):
        self.wait_until(lambda: self.commands() == wanted, lambda: f"{self.commands()} is not {wanted}")

    def cycles(self):
        return len([f for f in (self.state / "reports").glob("*.json") if f.name != "latest.json"])


class SaveTest(DirectoryCase):
    def setUp(self):
        super().setUp()
        self.file = self.declare("a.yaml", "a", "first")
        self.declare("x/y/b.yaml", "b")
        self.process = self.agent()
        self.becomes(a="first", b="one")
        self.id = self.ids()["a"]

    def saves(self, command, save):
        """After save(text) the service has the command, and the workflow is the one it was."""
        save(spec("a", command))
        self.becomes(a=command, b="one")
        self.assertEqual(self.ids()["a"], self.id)

    def test_every_style_of_saving_a_file(self):
        def in_two_parts(text):
            with open(self.file, "w") as out:
                out.write(text[:5])
                out.flush()
                time.sleep(0.05)
                out.write(text[5:])

        def renamed(text, name="a.yaml.tmp"):
            (self.specs / name).write_text(text)
            os.rename(self.specs / name, self.file)

        def backup(text):
            os.rename(self.file, self.specs / "a.yaml~")
            self.file.write_text(text)
            (self.specs / "a.yaml~").unlink()

        def removed(text):
            self.file.unlink()
            self.file.write_text(text)

        def from_outside(text):
            (self.tmp / "new").write_text(text)
            os.rename(self.tmp / "new", self.file)

        def linked(text):
            (self.specs / "new").write_text(text)
            self.file.unlink()
            os.link(self.specs / "new", self.file)

        def pointed_to(text):
            (self.specs / ".a").write_text(text)
            self.file.unlink()
            os.symlink(".a", self.file)

        def behind_the_link(text):
            (self.specs / ".a").write_text(text)

        for save in (self.file.write_text, in_two_parts, renamed, lambda t: renamed(t, ".a.swp"), backup, removed,
                     from_outside, linked, pointed_to, behind_the_link):
            with self.subTest(save.__name__):
                self.saves(save.__name__.strip("<>"), save)

    def edit(self, command, *words):
        """Saves with a program that is given what to substitute."""
        self.saves(command, lambda text: subprocess.run(
            [*words, self.file], check=True, timeout=flowsync.TIMEOUT, env=self.environment(TERM="dumb")))

    def test_sed_in_place(self):
        self.edit("by-sed", "sed", "-i", "s/command: .*/command: by-sed/")

    @unittest.skipUnless(shutil.which("vim"), "there is no vim")
    def test_vim_with_all_its_ways_to_keep_a_backup(self):
        for i, setting in enumerate(("backupcopy=yes", "backupcopy=no", "nowritebackup", "backup")):
            self.edit(f"by-vim-{i}", "vim", "-u", "NONE", "-es", "-c", f"set {setting}",
                      "-c", f"%s/command: .*/command: by-vim-{i}/", "-c", "wq")

    def test_what_is_no_spec_starts_no_cycle(self):
        self.wait_until(lambda: self.cycles() == 1, self.cycles)
        for name in ("notes.txt", ".a.yaml.swp", "4913", "a.yaml~", ".git/index", "x/.hidden.yaml"):
            path = self.specs / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(spec("c", "no"))
            time.sleep(0.3)
            path.unlink()
        self.saves("last", self.file.write_text)
        self.wait_until(lambda: self.cycles() > 1, self.cycles)
        self.assertEqual(self.cycles(), 2)


class MoveTest(DirectoryCase):
    def setUp(self):
        super().setUp()
        for name in "abc":
            self.declare(f"{name}.yaml", name)
        self.process = self.agent()
        self.becomes(a="one", b="one", c="one")
        self.before = self.ids()

    def then(self, **wanted):
        """The state, in which all workflows that were there are still the same."""
        self.becomes(**wanted)
        now = self.ids()
        self.assertEqual({n: i for n, i in now.items() if n in self.before},
                         {n: i for n, i in self.before.items() if n in now})
        self.before = now

    def test_files_and_folders_come_and_go(self):
        specs = self.specs
        os.rename(specs / "a.yaml", specs / "z.yml")
        self.declare("b.yaml", "b", "two")
        self.then(a="one", b="two", c="one")
        (specs / "x/y").mkdir(parents=True)
        os.rename(specs / "z.yml", specs / "x/y/a.yaml")
        self.declare("b.yaml", "b", "three")
        self.then(a="one", b="three", c="one")
        # a folder with files in it at once
        self.declare("n/m/d.yaml", "d")
        self.then(a="one", b="three", c="one", d="one")
        self.declare("n/m/d.yaml", "d", "two")
        self.then(a="one", b="three", c="one", d="two")
        # a tree that is moved in, and renamed, and moved out
        outside = self.tmp / "tree"
        self.declare("1/2/e.yaml", "e", folder=outside)
        self.declare("f.yaml", "f", folder=outside)
        os.rename(outside, specs / "tree")
        self.then(a="one", b="three", c="one", d="two", e="one", f="one")
        os.rename(specs / "tree", specs / "wood")
        self.declare("wood/1/2/e.yaml", "e", "two")
        self.then(a="one", b="three", c="one", d="two", e="two", f="one")
        os.rename(specs / "wood", outside)
        self.then(a="one", b="three", c="one", d="two")
        # rules that leave out, and no more
        (specs / ".flowsyncignore").write_text("/n/\n")
        self.then(a="one", b="three", c="one")
        (specs / ".flowsyncignore").unlink()
        self.then(a="one", b="three", c="one", d="two")
        (specs / "c.yaml").unlink()
        self.then(a="one", b="three", d="two")
        # permissions
        if os.geteuid():
            (specs / "n").chmod(0)
            self.declare("b.yaml", "b", "four")
            time.sleep(1)
            (specs / "n").chmod(0o755)
            self.then(a="one", b="four", d="two")

    def test_a_source_that_is_removed_and_made_again(self):
        for command in "two", "three":
            shutil.rmtree(self.specs)
            time.sleep(1)   # what it makes of that is to do no harm
            self.assertEqual(self.ids(), self.before)
            for name in "abc":
                self.declare(f"{name}.yaml", name, command)
            self.then(a=command, b=command, c=command)
        # another one in its place
        os.rename(self.specs, self.tmp / "old")
        for name in "abd":
            self.declare(f"{name}.yaml", name, "four", folder=self.tmp / "new")
        os.rename(self.tmp / "new", self.specs)
        self.then(a="four", b="four", d="four")

    def test_more_changes_than_the_queue_holds(self):
        with open("/proc/sys/fs/inotify/max_queued_events") as limit:
            most = int(limit.read())
        if most > 100000:
            self.skipTest(f"the queue holds {most} events")
        self.process.send_signal(signal.SIGSTOP)
        for _ in range(most // 2 + 1):
            (self.specs / "a.yaml").chmod(0o644)
            (self.specs / "b.yaml").chmod(0o644)
        (self.specs / "x").mkdir()
        os.rename(self.specs / "a.yaml", self.specs / "x/a.yaml")
        self.declare("x/y/d.yaml", "d")
        self.process.send_signal(signal.SIGCONT)
        self.then(a="one", b="one", c="one", d="one")
        self.declare("x/y/d.yaml", "d", "two")
        self.then(a="one", b="one", c="one", d="two")

    def test_a_file_that_is_moved_all_the_time_never_loses_its_workflow(self):
        self.tell(self.process, signal.SIGTERM)
        self.finish(self.process)
        process = self.agent("--interval", "1s")
        folders = [self.specs] + [self.specs / f"{i}" for i in range(5)]
        for folder in folders[1:]:
            for i in range(60):     # so that a walk through all takes a while
                (folder / f"{i}").mkdir(parents=True)
        at = {name: folders[0] for name in "abc"}
        pick = random.Random(4)
        begun = time.monotonic()
        moves = 0
        while moves < 100 or time.monotonic() < begun + 8:
            name, to = pick.choice("abc"), pick.choice(folders)
            os.rename(at[name] / f"{name}.yaml", to / f"{name}.yaml")
            at[name] = to
            moves += 1
            # just when it begins to read, it goes on
            time.sleep(pick.choice((0, 0, 0.001)) if moves % 50 else pick.uniform(0.2, 0.35))
        (at["a"] / "a.yaml").write_text(spec("a", "last"))
        self.then(a="last", b="one", c="one")
        self.tell(process, signal.SIGTERM)
        self.assertEqual(self.finish(process).code, 0)
        for report in (self.state / "reports").glob("*.json"):
            self.assertNotIn('"delete_workflow"', report.read_text())


class SwapTest(DirectoryCase):
    def release(self, name, **commands):
        folder = self.tmp / "releases" / name
        for workflow, command in commands.items():
            self.declare(f"{workflow}.yaml", workflow, command, folder=folder)
        return folder

    def point(self, link, to):
        """Swaps a link, at no moment of which there is none."""
        os.symlink(to, link.with_name("tmp-link"))
        os.rename(link.with_name("tmp-link"), link)

    def test_a_source_that_is_a_link(self):
        link = self.tmp / "current"
        self.point(link, self.release("1", a="one", b="one"))
        self.agent(source=link)
        self.becomes(a="one", b="one")
        before = self.ids()
        for i in range(2, 6):
            self.point(link, self.release(f"{i}", a=f"v{i}", b="one"))
            self.becomes(a=f"v{i}", b="one")
        self.declare("a.yaml", "a", "edited", folder=link)
        self.becomes(a="edited", b="one")
        self.assertEqual(self.ids(), before)

    def test_a_folder_above_the_source_that_is_a_link(self):
        link = self.tmp / "current"
        self.point(link, self.release("1", **{"deep/a": "one"}).parent / "1")
        self.agent(source=link / "deep")
        self.wait_until(lambda: "deep/a" in self.ids(), self.ids)
        self.point(link, self.release("2", **{"deep/a": "two"}))
        self.becomes(**{"deep/a": "two"})

    def test_a_volume_of_kubernetes(self):
        def publish(number, **commands):
            folder = self.specs / f"..{number}"
            for name, command in commands.items():
                self.declare(f"{name}.yaml", name, command, folder=folder)
            self.point(self.specs / "..data", f"..{number}")
            for name in commands:
                if not (self.specs / f"{name}.yaml").is_symlink():
                    os.symlink(f"..data/{name}.yaml", self.specs / f"{name}.yaml")
            for link in self.specs.glob("*.yaml"):
                if not link.exists():
                    link.unlink()
            shutil.rmtree(self.specs / f"..{number - 1}", ignore_errors=True)

        publish(1, a="one", b="one")
        self.agent()
        self.becomes(a="one", b="one")
        before = self.ids()
        for i in range(2, 5):
            publish(i, a=f"v{i}", b="one")
            self.becomes(a=f"v{i}", b="one")
        self.assertEqual(self.ids(), before)
        publish(5, a="last", c="new")
        self.becomes(a="last", c="new")


class WorkTreeTest(DirectoryCase, GitCase):
    def test_checkout_and_pull(self):
        self.commit({f"{name}.yaml": spec(name, "one") for name in "abc"})
        self.git("checkout", "-q", "-b", "other")
        self.commit({"a.yaml": spec("a", "other"), "x/d.yaml": spec("d", "other")}, remove=["b.yaml"])
        self.git("checkout", "-q", "main")
        clone = self.tmp / "clone"
        self.git("clone", "-q", self.repo, clone, cwd=self.tmp)
        # the commit of main is an older one
        self.agent("--allow-rollback", source=clone)
        self.becomes(a="one", b="one", c="one")
        before = self.ids()
        self.git("checkout", "-q", "other", cwd=clone)
        self.becomes(a="other", c="one", d="other")
        self.git("checkout", "-q", "main", cwd=clone)
        self.becomes(a="one", b="one", c="one")
        self.commit({"x/y/c.yaml": spec("c", "one"), "a.yaml": spec("a", "pulled")}, remove=["c.yaml"])
        self.git("pull", "-q", "--ff-only", cwd=clone)
        self.becomes(a="pulled", b="one", c="one")
        self.git("mv", "a.yaml", "x/a.yaml")
        self.commit({"b.yaml": spec("b", "pulled")})
        self.git("pull", "-q", "--ff-only", cwd=clone)
        self.becomes(a="pulled", b="pulled", c="one")
        self.assertEqual({n: self.ids()[n] for n in "ac"}, {n: before[n] for n in "ac"})


if __name__ == "__main__":
    unittest.main()
