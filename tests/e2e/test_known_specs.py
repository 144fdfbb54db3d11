"""Only files that changed are read again, and a cycle reports what one that reads all files reports."""
import contextlib
import os
import re
import sqlite3
import time
import unittest

import flowsync
from test_laws import Git, plain

WORKFLOW = "name: {name}\nsteps:\n  greet: {{imageId: {image}, command: {command}}}\n"


def workflow(name, image="7", command="run"):
    return WORKFLOW.format(name=name, image=image, command=command)


class KnownSpecsCase(flowsync.ServiceCase):
    takes_long = True
    def run_command(self, *args, code=0, endpoint=True, **env):
        """(the report, the number of files that were read); self.first: of those that were not known"""
        result = self.expect(code, *args, "-o", "json", "--verbose", endpoint=endpoint, env={
            "FLOWSYNC_STATE_DIR": self.state, "FLOWSYNC_LOG_LEVEL": "debug", **env})
        self.first = int(re.search(r"source: \d+ files, (\d+) of them read", result.err).group(1))
        later = re.search(r"source: (\d+) files read later", result.err)
        return result.json(), self.first + (int(later.group(1)) if later else 0)

    def reads(self, *args, **env):
        return self.run_command("sync", *args, **env)[1]

    def age(self, folder):
        """Lets all that is in folder be older than what a stamp of a moment ago could hide."""
        newest = max(entry.stat().st_ctime for entry in folder.rglob("*"))
        while time.time() < newest + 2.1:
            time.sleep(0.05)

    def known(self, files, *args, **env):
        """A folder of files that syncs have read and applied, and whose workflows need no description."""
        specs = self.write(files)
        self.settle(specs, *args, **env)
        return specs

    def settle(self, *args, **env):
        """Syncs until the stamps of files and workflows are old enough to be trusted, by the service's clock too."""
        end = time.monotonic() + flowsync.TIMEOUT
        while self.reads(*args, **env):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.3)

    def assertReportsAgree(self, *args, reads, code=0, **env):
        """A plan that reads so many files reports what one reports that reads all."""
        report, count = self.run_command("plan", *args, code=code, **env)
        full, all_files = self.run_command("plan", *args, "--observe", "full", code=code, **env)
        self.assertEqual(count, reads)
        self.assertEqual(plain(report), plain(full))
        self.assertEqual(all_files, full["source"]["files"])


class DirectoryTest(KnownSpecsCase):
    def test_a_cycle_reads_what_changed_and_nothing_else(self):
        specs = self.known({f"{c}.yaml": workflow(c) for c in "abcde"})
        self.assertEqual(self.reads(specs), 0)
        self.write({"c.yaml": workflow("c", command="walk")})
        self.assertReportsAgree(specs, reads=1)
        self.assertEqual(self.reads(specs), 1)
        self.assertEqual(self.service.describe("c")["steps"]["greet"]["command"], "walk")
        self.assertEqual([self.reads(specs), self.first], [1, 1])   # its stamp was too young to be trusted
        self.settle(specs)
        self.assertEqual(self.reads(specs), 0)
        self.assertReportsAgree(specs, reads=0)

    def test_each_way_to_change_a_file_is_seen(self):
        def same_size_and_time(path):
            times = path.stat()
            path.write_text(path.read_text().replace("run", "ran"))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        def replaced(path):
            other = path.parent / ".new"
            other.write_text(workflow("a", command="ran"))
            os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
            other.rename(path)

        for number, change in enumerate([same_size_and_time, replaced]):
            with self.subTest(change.__name__):
                self.state = self.tmp / f"state-{number}"
                specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")})
                change(specs / "a.yaml")
                self.assertEqual(self.reads(specs), 1)
                self.assertEqual(self.service.describe("a")["steps"]["greet"]["command"], "ran")

    def test_a_file_that_is_moved_or_gone_is_as_in_a_full_look(self):
        specs = self.known({f"{c}.yaml": workflow(c) for c in "abc"}, "--prune", "--owner", "o")
        (specs / "a.yaml").rename(specs / "z.yaml")
        self.assertReportsAgree(specs, "--prune", "--owner", "o", reads=1)
        (specs / "b.yaml").unlink()
        self.assertReportsAgree(specs, "--prune", "--owner", "o", "--max-delete-percent", "100", reads=1)
        self.reads(specs, "--prune", "--owner", "o", "--max-delete-percent", "100")
        self.assertEqual({w["name"] for w in self.service.workflows()}, {"a", "c"})
        self.settle(specs, "--prune", "--owner", "o")
        (specs / ".flowsyncignore").write_text("c.yaml\n")
        self.assertReportsAgree(specs, "--owner", "o", reads=0)

    def test_only_the_variables_that_a_file_uses_count(self):
        specs = self.known({"a.yaml": workflow("a", command="'{{ words }}'"),
                            "b.yaml": workflow("b", command="'{{ os_env.WORDS }}'"),
                            "c.yaml": workflow("c")}, "--set", "words=one", WORDS="two")
        self.assertEqual(self.reads(specs, "--set", "words=one", WORDS="two"), 0)
        self.assertEqual(self.reads(specs, "--set", "words=one", "--set", "other=1", WORDS="two", OTHER="3"), 0)
        self.assertReportsAgree(specs, "--set", "words=three", reads=1, WORDS="two")
        self.assertReportsAgree(specs, "--set", "words=one", reads=1, WORDS="four")
        self.assertEqual(self.reads(specs, "--set", "words=three", WORDS="four"), 2)
        self.settle(specs, "--set", "words=three", WORDS="four")
        self.assertEqual(self.service.describe("a")["steps"]["greet"]["command"], "three")
        self.assertEqual(self.service.describe("b")["steps"]["greet"]["command"], "four")
        # Names that are not replaced decide what every file is.
        self.assertEqual(self.reads(specs, "--set", "words=three", "--passthrough", "words", WORDS="four"), 3)

    def test_a_value_of_a_variable_is_stored_nowhere(self):
        secret = self.secret("words")
        text = ("name: a\nsteps:\n  greet:\n    imageId: 7\n    command: run\n"
                "    parameters: {env: {PASSWORD: '{{ os_env.WORDS }}'}}\n")
        specs = self.known({"a.yaml": text}, WORDS=secret)
        self.assertEqual(self.reads(specs, WORDS=secret), 0)
        self.assertNoSecretIn(self.state / "specs.db")

    def test_warnings_stay(self):
        text = "body: {name: a, steps: {greet: {imageId: 7, command: run}}}\nextra: 1\n"
        specs = self.known({"a.yaml": text, "b.yaml": "\n" + workflow("b")})
        self.assertEqual(self.reads(specs), 0)
        self.assertReportsAgree(specs, reads=0)
        self.assertIn('"extra" is beside body:', str(self.run_command("plan", specs)[0]["warnings"]))

    def test_a_block_and_several_documents_of_a_file_are_known(self):
        specs = self.known({"a.yaml": "---\n".join([
            "flowsync: {prune: false, ignore: [/steps/greet/command]}\n" + workflow("a"),
            "flowsync: {suspend: true}\n" + workflow("b"),
            "flowsync: {renamed_from: old}\n" + workflow("c"), workflow("d")])})
        self.assertReportsAgree(specs, reads=0)
        for name in "ad":       # the file of a workflow that changed on the service is read, once
            body = self.service.describe(name)
            self.service.update(name, {"name": name, "tags": body["tags"],
                                       "steps": {"greet": {"type": "standard", "imageId": 8, "command": "stroll"}}})
        self.assertReportsAgree(specs, reads=1)
        self.assertEqual(self.reads(specs), 1)
        found = {name: self.service.describe(name)["steps"]["greet"] for name in "ad"}
        self.assertEqual([found["a"]["command"], found["a"]["imageId"], found["d"]["command"]], ["stroll", 7, "run"])

    def test_a_file_with_an_error_is_read_each_time(self):
        specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")})
        self.write({"b.yaml": "name: b\nsteps: 1\n"})
        self.age(specs)
        for _ in range(2):
            report, count = self.run_command("sync", specs, code=65)
            self.assertEqual(count, 1)
            self.assertIn("steps", str(report["errors"]))

    def test_what_the_service_lost_is_made_again(self):
        specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")})
        self.service.delete("a")
        self.assertReportsAgree(specs, "--allow-recreate", reads=1)
        self.assertEqual(self.reads(specs, "--allow-recreate"), 1)
        self.assertEqual(self.service.describe("a")["steps"]["greet"]["command"], "run")

    def test_a_file_that_changes_after_it_was_looked_at_is_read_by_the_next_cycle(self):
        specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")})
        changed = []

        def change(request, pass_on):
            if not changed and request.path.split("?")[0].endswith("/workflows/"):
                changed.append((specs / "a.yaml").write_text("flowsync: {ignore: [/steps/greet/command]}\n" + workflow("a")))

        for name in "ab":
            self.service.update(name, {"name": name, "tags": self.service.describe(name)["tags"],
                                       "steps": {"greet": {"type": "standard", "imageId": 8, "command": "stroll"}}})
        peer = self.between(change)
        report, _ = self.run_command("sync", specs, code=4, endpoint=peer.endpoint)
        self.assertIn("a.yaml changed after this cycle had begun", str(report))
        self.assertEqual([self.service.describe(name)["steps"]["greet"]["command"] for name in "ab"], ["stroll", "run"])
        self.reads(specs)
        greet = self.service.describe("a")["steps"]["greet"]
        self.assertEqual([greet["imageId"], greet["command"]], [7, "stroll"])

    def test_two_sources_of_one_state_do_not_disturb_each_other(self):
        folders = [self.write({f"{c}.yaml": workflow(c)}, folder=c) for c in "ab"]
        syncs = [(folder, "--owner", folder.name) for folder in folders]
        for sync in syncs:
            self.settle(*sync)
        self.assertEqual([self.reads(*sync) for sync in syncs * 2], [0, 0, 0, 0])

    def test_a_source_that_cannot_be_read_changes_nothing(self):
        specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")})
        specs.rename(self.tmp / "away")
        self.expect(64, "sync", specs, env={"FLOWSYNC_STATE_DIR": self.state})
        (self.tmp / "away").rename(specs)
        self.assertEqual([self.reads(specs), self.first], [0, 0])

    def test_a_wrong_command_line_stores_nothing(self):
        secret = self.secret("password")
        for args in (["--git", f"https://joe:{secret}@127.0.0.1:1/x.git"], [self.tmp / "nowhere"], ["--git", "x", self.tmp]):
            self.expect(64, "sync", *args, env={"FLOWSYNC_STATE_DIR": self.state})
            self.assertFalse((self.state / "specs.db").exists())

    def test_a_text_in_the_store_that_is_none_of_ours_is_not_known(self):
        specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")}, "--prune", "--owner", "o")
        for text in ("[]", '"x"', "{}", '{"specs":[]}', '{"specs":7}', '{"specs":[1]}', '{"warnings":[1]}', "", "x",
                     '{"uses":[1],"values":"x"}', '{"uses":{"a":null},"values":"x"}', '{"specs":[{"name":"z"}]}'):
            with self.subTest(text), contextlib.closing(sqlite3.connect(self.state / "specs.db")) as database:
                database.execute("UPDATE file SET declares = ? WHERE name LIKE '%/a.yaml'", [text])
                database.commit()
                self.assertReportsAgree(specs, "--prune", "--owner", "o", reads=1)

    def test_a_full_look_over_the_same_files_writes_nothing(self):
        specs = self.known({"a.yaml": workflow("a"), "b.yaml": workflow("b")})
        before = (self.state / "specs.db").stat().st_mtime_ns
        self.reads(specs, "--observe", "full")
        self.assertEqual(self.first, 2)
        self.assertEqual((self.state / "specs.db").stat().st_mtime_ns, before)

    def test_a_suggestion_is_as_in_a_full_look(self):
        specs = self.write({"a.yaml": "name: a\nsteps:\n  s:\n    type: http\n    method: get\n"
                                      "    url: 'https://x/{{ os_env.WORDZ }}'\n"})
        self.age(specs)
        self.reads(specs)
        self.assertReportsAgree(specs, reads=1, WORDS="x")

    def test_a_damaged_store_costs_one_reading(self):
        specs = self.known({"a.yaml": workflow("a")})
        (self.state / "specs.db").write_bytes(b"no database at all, of some length" * 100)
        self.assertReportsAgree(specs, reads=1)
        self.assertEqual([self.reads(specs), self.reads(specs)], [1, 0])


class GitTest(KnownSpecsCase):
    def test_only_blobs_that_changed_are_read(self):
        folder = self.write({f"{c}.yaml": workflow(c) for c in "abc"}, folder="repo")
        git = Git(folder)
        git.commit()
        source = ["--git", f"file://{folder}"]
        self.settle(*source)
        self.assertEqual(self.reads(*source), 0)
        self.write({"b.yaml": workflow("b", command="walk")}, folder="repo")
        git.commit()
        self.assertReportsAgree(*source, reads=1)
        self.settle(*source)
        self.assertEqual(self.reads(*source), 0)
        self.service.delete("c")        # its blob is read, as it has to be made
        self.assertReportsAgree(*source, "--allow-recreate", reads=1)
        git.run("mv", "a.yaml", "z.yaml")
        git.commit()
        self.assertReportsAgree(*source, "--allow-recreate", reads=2)


if __name__ == "__main__":
    unittest.main()
