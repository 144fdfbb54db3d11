"""Git repositories as sources of plan and sync: which revision, what of it, and what if it is not
as it should be."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

from flowsync import TIMEOUT
from git_source import GitCase, spec


class RevisionTest(GitCase):
    def test_a_path_and_a_file_url_and_a_daemon_give_the_same(self):
        commit = self.commit({"workflows/a.yaml": spec("a"), "other/b.yaml": spec("b")})
        tree = self.tree("HEAD:workflows")
        for url in (self.repo, f"file://{self.repo}", f"{self.daemon()}/repo"):
            with self.subTest(url=str(url)):
                report = self.expect(0, "plan", "--git", url, "--path", "workflows", "-o", "json").json()
                self.assertEqual(report["source"], {
                    "kind": "git", "location": str(url), "revision": commit, "tree": tree,
                    "path": "workflows", "specs": 1, "files": 1})
                self.assertEqual(report["warnings"], [])
                self.assertEqual(self.names(report), ["a"])
                self.assertEqual(report["workflows"][0]["file"], "workflows/a.yaml")

    def test_branches_tags_versions_and_commits(self):
        one = self.commit({"a.yaml": spec("one")})
        self.git("tag", "v1.2.0")
        two = self.commit({"a.yaml": spec("two")})
        self.git("tag", "-a", "-m", "x", "v1.10.0")
        self.git("tag", "v2.0.0-rc.1")
        side = self.commit({"a.yaml": spec("side")})
        self.git("branch", "feature/side")
        self.git("reset", "-q", "--hard", two)
        three = self.commit({"a.yaml": spec("three")})
        cases = [
            ([], "three", three), (["--branch", "main"], "three", three),
            (["--branch", "refs/heads/feature/side"], "side", side), (["--tag", "refs/tags/v1.2.0"], "one", one), (["--tag", "v1.2.0"], "one", one),
            (["--tag", "v1.10.0"], "two", two), (["--semver", "1.x"], "two", two),
            (["--semver", "~1.2"], "one", one), (["--commit", one], "one", one),
            (["--commit", one.upper()], "one", one), (["--commit", side], "side", side),
        ]
        for args, name, commit in cases:
            with self.subTest(args=args):
                report = self.plan(*args)
                self.assertEqual(self.names(report), [name])
                self.assertEqual(report["source"]["revision"], commit)

    def test_what_is_not_there_is_one_sentence_and_plans_nothing(self):
        commit = self.commit({"workflows/a.yaml": spec("a"), "file": ""})
        self.git("tag", "v1.0.0")
        blob = self.git("rev-parse", "HEAD:file")
        none = "0123456789012345678901234567890123456789"
        cases = [
            (["--branch", "mian"], 'it has no branch "mian"; did you mean "main"?'),
            (["--branch", "x"], 'it has no branch "x"; it has main'),
            (["--tag", "v1.0"], 'it has no tag "v1.0"; did you mean "v1.0.0"?'),
            (["--semver", "^2"], 'it has no tag of a version that fits "^2"; it has v1.0.0'),
            (["--commit", none], f"commit {none} is on no branch and no tag"),
            (["--commit", blob], f"{blob} is not a commit"),
            (["--path", "wf"], f'commit {commit} has no folder "wf"'),
            (["--path", "file"], f'commit {commit} has no folder "file": it is a file'),
            (["--path", "../x"], f'commit {commit} has no folder "../x": it leads out of the repository'),
        ]
        for args, text in cases:
            with self.subTest(args=args):
                report = self.plan(*args, "--prune", "--owner", "o", code=1)
                self.assertEqual(self.messages(report), [f"git repository TMP/repo: {text}"])
                self.assertEqual(report["outcome"], "failed")
                self.assertEqual(report["workflows"], [])
                self.assertEqual(report["requests"]["total"], 0)

    def test_an_empty_repository_and_none_at_all(self):
        self.assertEqual(self.messages(self.plan(code=1)), ["git repository TMP/repo: it has no commit yet"])
        for where in ("none", "home"):
            result = self.expect(1, "plan", "--git", self.tmp / where, "-o", "json").json()
            self.assertEqual(self.messages(result), [f"git repository TMP/{where}: there is no git repository"])
        result = self.expect(1, "plan", "--git", "git.example.com/foo/bar", "-o", "json").json()
        self.assertEqual(self.messages(result), ["git repository git.example.com/foo/bar: there is no git repository; is "
                                                 "https:// missing before git.example.com?"])

    def test_what_the_command_line_may_not_say(self):
        token = self.secret("git")
        url = "the URL of the git repository"
        cases = [
            (["--git", "r", "specs"], "a directory and a git repository are given: a sync has one source"),
            (["--git", "r", "--dir", "specs"], "a directory and a git repository are given: a sync has one source"),
            (["specs", "--branch", "b"], "--branch is given, but no git repository (--git URL)"),
            (["--git", "r", "--branch", "b", "--tag", "t"], "--branch and --tag are given: choose one of them"),
            (["--git", "r", "--commit", "abc"], 'commit "abc": expected all 40 hex digits of a commit'),
            (["--git", "r", "--branch", "refs/tags/v1"], 'expected the name of a branch, such as refs/heads/NAME, found '
             '"refs/tags/v1"'),
            (["--git", "r", "--semver", "1.y"], '"1.y" is not a range of versions, such as 1.x, ^1.2 or ">=1.2 <2": '
             'expected a version, found "1.y"'),
            (["--git", f"https://me:{token}@h/r"], f"{url} contains a password: give a token instead, in a file "
                                                   f"(--git-token-file) or in FLOWSYNC_GIT_TOKEN"),
            (["--git", f"https://{token}@h/r"], f"{url} contains a user: give --git-username, and a token in a file "
             "(--git-token-file) or in FLOWSYNC_GIT_TOKEN"),
            (["--git", f"https://h/r?token={token}"], f'{url} contains a query or a fragment ("?", "#"): it has to '
             "end at the path"),
            (["--git", "svn://h/r"], f"{url} is not https://, http://, ssh://, git://, file://, user@host:path "
                                     f"or a path"),
        ]
        for args, text in cases:
            with self.subTest(args=args):
                report = self.expect(64, "plan", "-o", "json", *args).json()
                self.assertEqual(self.messages(report), [text])

    def test_a_token_goes_over_plain_http_to_this_machine_only(self):
        token = self.secret("git")
        report = self.expect(64, "plan", "--git", "http://192.0.2.1/r", "-o", "json",
                             env={"FLOWSYNC_GIT_TOKEN": token}).json()
        self.assertEqual(self.messages(report), [
            "the URL of the git repository is plain http: a token is sent over http to this machine only; use https"])

    def test_the_stronger_of_two_sources_is_taken(self):
        self.commit({"a.yaml": spec("from-git")})
        specs = self.write({"a.yaml": spec("from-dir")})
        config = self.write({"c.yaml": "syncs: [{name: s, source: {git: {url: ../repo, branch: main}}}]"}, "etc") / "c.yaml"
        self.assertEqual(self.names(self.expect(0, "plan", "-c", config, "-o", "json").json()), ["from-git"])
        self.assertEqual(self.names(self.expect(0, "plan", "-c", config, "-o", "json", specs).json()), ["from-dir"])
        self.assertEqual(self.names(self.expect(0, "plan", "--git", self.repo, "-o", "json",
                                                env={"FLOWSYNC_DIR": specs}).json()), ["from-git"])


class TreeTest(GitCase):
    def test_what_is_read_is_what_a_directory_would_give(self):
        self.commit({
            "wf/a.yaml": spec("a"), "wf/deep/b.yml": spec("b"), "wf/.hidden/c.yaml": spec("c"),
            "wf/.d.yaml": spec("d"), "wf/note.txt": "x", "wf/old/e.yaml": spec("e"), "wf/deep/f.yaml": spec("f"),
            "wf/.flowsyncignore": "old/\n", "wf/deep/.flowsyncignore": "f.*\n", "top.yaml": spec("top")})
        report = self.plan("--path", "wf")
        self.assertEqual(self.names(report), ["a", "b"])
        self.assertEqual(report["workflows"][1]["file"], "wf/deep/b.yml")
        self.git("clone", "-q", self.repo, self.tmp / "work", cwd=self.tmp)
        beside = self.expect(0, "plan", self.tmp / "work" / "wf", "-o", "json").json()
        self.assertEqual(self.names(beside), ["a", "b"])

    def link(self, links):
        for name, target in links.items():
            (self.repo / name).symlink_to(target)
        return self.commit()

    def test_links_are_followed_inside_of_the_source_only(self):
        self.commit({"wf/.real/a.yaml": spec("a"), "outside/b.yaml": spec("b"), "wf/c.txt": spec("c")})
        self.link({"wf/two": "one", "wf/one": "./.real/../.real/", "wf/c.yaml": "two/../c.txt"})
        report = self.plan("--path", "wf", code=65)
        self.assertEqual([(e["file"], e["message"]) for e in report["errors"]],
                         [("wf/two/a.yaml", 'a workflow "a" is declared already at wf/one/a.yaml:1:1')])
        (self.repo / "wf/two").unlink()
        self.link({"wf/.real/d.yaml": "../c.txt"})
        (self.repo / "wf/c.yaml").unlink()
        self.commit()
        self.assertEqual(self.names(self.plan("--path", "wf")), ["a", "c"])

    def test_links_that_lead_out_or_nowhere_are_faults(self):
        self.commit({"wf/.real/a.yaml": spec("a"), "outside/b.yaml": spec("b")})
        self.link({"wf/one": ".real", "wf/out.yaml": "../outside/b.yaml", "wf/abs.yaml": "/etc/passwd",
                   "wf/gone.yaml": "nowhere", "wf/gone": "nowhere", "wf/self.yaml": "self.yaml", "wf/.real/up": "..",
                   "wf/out": "../outside"})
        report = self.plan("--path", "wf", code=65)
        self.assertEqual([(e["file"], e["message"]) for e in report["errors"]], [
            ("wf/abs.yaml", "a symbolic link that leads out of the source"),
            ("wf/gone.yaml", "cannot be read: No such file or directory"),
            ("wf/one/up", "a link to a folder that contains it"),
            ("wf/out", "a symbolic link that leads out of the source"),
            ("wf/out.yaml", "a symbolic link that leads out of the source"),
            ("wf/self.yaml", "cannot be read: Too many levels of symbolic links"),
        ])

    def test_a_path_that_is_a_link_is_that_folder(self):
        self.commit({"real/a.yaml": spec("a")})
        (self.repo / "link").symlink_to("real")
        self.commit()
        report = self.plan("--path", "./link/")
        self.assertEqual(self.names(report), ["a"])
        self.assertEqual(report["source"]["tree"], self.tree("HEAD:real"))
        self.assertEqual(report["source"]["path"], "link")

    def test_a_submodule_is_warned_of_and_not_read(self):
        commit = self.commit({"a.yaml": spec("a")})
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
        self.git("commit", "-q", "-m", "x")
        report = self.plan()
        self.assertEqual(self.names(report), ["a"])
        self.assertEqual([(w["file"], w["message"]) for w in report["warnings"]],
                         [("sub", "a submodule: its files are not read, so nothing is pruned; if it declares no "
                           "workflow, name it in .flowsyncignore")])

    def test_a_folder_that_becomes_a_submodule_does_not_delete_what_it_declared(self):
        self.commit({"a.yaml": spec("a"), "sub/b.yaml": spec("b")})
        prune = ("--owner", "o", "--prune", "--max-delete-percent", "100")
        self.sync(*prune)
        (self.repo / "sub/b.yaml").unlink()
        commit = self.commit()
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
        self.git("commit", "-q", "-m", "x")
        self.assertEqual(self.sync(*prune)["summary"]["delete"], 0)
        self.commit({".flowsyncignore": "sub\n"})
        self.assertEqual(self.sync(*prune)["summary"]["delete"], 1)

    def test_a_fault_has_its_place_in_the_repository(self):
        self.commit({"wf/a.yaml": "name: a\nsetps: {}\n", "wf/big.yaml": "#" * ((1 << 20) + 1)})
        report = self.plan("--path", "wf", code=65)
        first, second = report["errors"][0], report["errors"][-1]
        self.assertEqual((first["file"], first["line"]), ("wf/a.yaml", 1))
        self.assertEqual((second["file"], second["message"]), ("wf/big.yaml", "larger than 1 MiB"))

    def test_nothing_is_checked_out_and_no_hook_or_setting_is_obeyed(self):
        self.commit({"a.yaml": spec("a"), ".gitattributes": "* filter=evil\n"})
        trap = self.tmp / "trapped"
        (self.home / ".gitconfig").write_text(
            f'[core]\n\thooksPath = {self.tmp}\n[filter "evil"]\n\tsmudge = touch {trap}\n'
            '[url "file:///nowhere/"]\n\tinsteadOf = file:///\n')
        for name in ("post-checkout", "pre-auto-gc", "reference-transaction"):
            hook = self.repo / ".git/hooks" / name
            hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
            hook.chmod(0o755)
        report = self.expect(0, "sync", "--git", f"file://{self.repo}", "-o", "json").json()
        self.assertEqual(self.names(report), ["a"])
        self.assertFalse(trap.exists())
        self.assertFalse(list(self.state.rglob("a.yaml")))


class CycleTest(GitCase):
    def test_a_sync_applies_and_the_next_commit_is_seen(self):
        one = self.commit({"a.yaml": spec("a"), "b.yaml": spec("b")})
        report = self.sync()
        self.assertEqual((report["outcome"], report["source"]["revision"]), ("applied", one))
        self.assertEqual(self.sync()["outcome"], "converged")
        two = self.commit({"a.yaml": spec("a", 8)})
        report = self.sync()
        self.assertEqual(report["source"]["revision"], two)
        self.assertEqual([(w["name"], w["action"]) for w in report["workflows"]], [("a", "patch")])
        self.assertEqual(self.service.describe("a")["steps"]["one"]["imageId"], 8)
        shown = self.expect(0, "report", "latest", "-o", "json").json()
        self.assertEqual(shown["source"], report["source"])

    def test_a_key_that_went_is_seen_without_any_state(self):
        text = spec("a")
        self.commit({"wf/a.yaml": text + "    parameters: {env: {A: '1'}}\n"})
        self.sync("--path", "wf")
        self.commit({"wf/a.yaml": text})
        report = self.sync("--path", "wf", env={"FLOWSYNC_STATE_DIR": self.tmp / "other"})
        self.assertEqual([(c["op"], c["reason"]) for w in report["workflows"] for c in w["changes"]],
                         [("remove", "undeclared")])
        self.assertEqual(report["warnings"], [])

    def test_without_a_state_directory_nothing_stays_behind(self):
        self.commit({"a.yaml": spec("a")})
        self.service
        before = sorted(p.name for p in self.tmp.iterdir())
        report = self.plan(env={"FLOWSYNC_STATE_DIR": None, "HOME": None})
        self.assertEqual(self.names(report), ["a"])
        self.assertEqual(sorted(p.name for p in self.tmp.iterdir()), before)

    def test_a_plan_needs_no_place_to_write(self):
        self.commit({"a.yaml": spec("a")})
        report = self.plan(env={"FLOWSYNC_STATE_DIR": "/proc/none"})
        self.assertEqual(self.names(report), ["a"])

    def test_an_empty_source_is_refused(self):
        commit = self.commit({"note.txt": "x"})
        report = self.plan(code=65)
        self.assertEqual(self.messages(report), ["has no *.yaml or *.yml file: no workflow is declared"])
        self.assertEqual(report["source"]["revision"], commit)


class HistoryTest(GitCase):
    def test_a_force_push_is_blocked_until_it_is_allowed(self):
        base = self.commit({"a.yaml": spec("a")})
        self.commit({"a.yaml": spec("a", 8)})
        old = self.commit({"a.yaml": spec("a", 9)})
        self.sync()
        self.git("reset", "-q", "--hard", base)
        new = self.commit({"a.yaml": spec("a", 10)})
        report = self.sync(code=3)
        self.assertEqual(report["outcome"], "blocked")
        self.assertEqual(self.messages(report), [
            f"guard rollback: revision {new} does not come after {old}, which was applied last under owner \"default\" "
            "(TMP/repo), and would undo 2 commits; if that is meant, give --allow-rollback; another source needs its own "
            "--owner"])
        self.assertEqual(self.service.describe("a")["steps"]["one"]["imageId"], 9)
        self.assertEqual(self.sync("--allow-rollback")["outcome"], "applied")
        self.assertEqual(self.sync()["outcome"], "converged")

    def test_a_force_push_over_what_was_applied_in_part_is_blocked(self):
        base = self.commit({"a.yaml": spec("a"), "c.yaml": spec("c")})
        self.sync("--only", "c", "--owner", "other")
        self.commit({"a.yaml": spec("a", 9)})
        self.assertEqual(self.sync(code=5)["summary"]["create"], 1)
        self.git("reset", "-q", "--hard", base)
        self.commit({"a.yaml": spec("a", 10)})
        self.assertEqual(self.sync(code=3)["guards"][-1]["name"], "rollback")
        self.assertEqual(self.service.describe("a")["steps"]["one"]["imageId"], 9)

    def test_a_force_push_is_blocked_also_if_the_mirror_is_new(self):
        base = self.commit({"a.yaml": spec("a")})
        old = self.commit({"a.yaml": spec("a", 9)})
        self.sync()
        self.git("reset", "-q", "--hard", base)
        self.git("reflog", "expire", "--expire=now", "--all")
        self.git("gc", "-q", "--prune=now")
        subprocess.run(["rm", "-rf", self.mirror()], check=True)
        report = self.sync(code=3)
        self.assertEqual(self.messages(report), [
            f"guard rollback: revision {base} does not come after {old}, which was applied last under owner \"default\" "
            "(TMP/repo) and is no longer in this repository: its history was rewritten; if that is meant, give "
            "--allow-rollback; another source needs its own --owner"])

    def test_another_repository_is_named_as_such_and_not_a_rewritten_one(self):
        self.commit()
        self.commit({"team/a.yaml": spec("a")})
        clone, tree = self.tmp / "clone", self.tmp / "tree"
        self.git("clone", "-q", self.repo, clone, cwd=self.tmp)
        old = self.commit({"team/a.yaml": spec("a", 9)})
        self.sync("--path", "team")
        report = self.sync("--git", clone, "--path", "team", code=3)
        self.assertEqual(self.messages(report), [
            f"guard rollback: this is another repository: it does not have revision {old}, which was applied last under "
            'owner "default" (TMP/repo, path team); give this repository its own --owner; if it replaces the other one, '
            "give --allow-rollback"])
        self.git("clone", "-q", "--depth", "1", f"file://{clone}", tree, cwd=self.tmp)
        report = self.expect(0, "sync", tree / "team", "-o", "json").json()
        self.assertEqual(self.messages(report, "warnings"), [
            f"flowsync cannot check that revision {self.head('HEAD~1')} comes after {old}, which was applied last from "
            "TMP/repo, path team; this clone is shallow: fetch the whole history (git fetch --unshallow, or fetch-depth: 0)"])

    def test_a_branch_that_is_gone_plans_nothing(self):
        self.commit({"a.yaml": spec("a")})
        self.git("branch", "release-1")
        self.sync("--branch", "release-1", "--owner", "o", "--prune")
        self.git("branch", "-m", "release-1", "release-2")
        report = self.sync("--branch", "release-1", "--owner", "o", "--prune", code=1)
        self.assertEqual(self.messages(report), [
            'git repository TMP/repo: it has no branch "release-1"; did you mean "release-2"?'])
        self.assertEqual(report["workflows"], [])
        self.service.id_of("a")

    def test_a_tag_that_moved_is_warned_of_and_the_guard_decides(self):
        old = self.commit({"a.yaml": spec("a")})
        self.git("tag", "live")
        self.sync("--tag", "live")
        new = self.commit({"a.yaml": spec("a", 8)})
        self.git("tag", "-f", "live")
        report = self.sync("--tag", "live")
        moved = "git repository TMP/repo: the tag live was moved from {} to {}"
        self.assertEqual(self.messages(report, "warnings"), [moved.format(old, new)])
        self.assertEqual(report["outcome"], "applied")
        self.git("tag", "-f", "live", old)
        report = self.sync("--tag", "live", code=3)
        self.assertEqual(self.messages(report, "warnings"), [moved.format(new, old)])
        self.assertEqual(report["guards"][-1]["name"], "rollback")

    def test_a_commit_that_is_here_needs_no_server(self):
        commit = self.commit({"a.yaml": spec("a")})
        self.sync("--commit", commit)
        self.repo.rename(self.tmp / "away")
        report = self.expect(0, "sync", "--git", self.repo, "--commit", commit, "-o", "json").json()
        self.assertEqual(report["source"]["revision"], commit)


class MirrorTest(GitCase):
    damage_said = "the mirror of TMP/repo was corrupt; it is cloned again: "

    def heals(self, damage):
        commit = self.commit({"wf/a.yaml": spec("a"), "wf/deep/b.yaml": spec("b")})
        self.sync("--path", "wf")
        damage(self.mirror())
        report = self.sync("--path", "wf")
        said = self.messages(report, "warnings")
        self.assertEqual(len(said), 1, said)
        self.assertTrue(said[0].startswith(self.damage_said), said)
        self.assertEqual(report["source"]["revision"], commit)
        self.assertEqual((report["outcome"], report["summary"]["declared"]), ("converged", 2))
        self.assertEqual(self.messages(self.sync("--path", "wf"), "warnings"), [])

    def test_a_mirror_without_its_packs_is_fetched_anew(self):
        def damage(mirror):
            for pack in mirror.glob("objects/pack/*"):
                pack.unlink()
        self.heals(damage)

    def test_a_mirror_with_a_garbled_pack_is_fetched_anew(self):
        def damage(mirror):
            for pack in mirror.glob("objects/pack/*.pack"):
                pack.chmod(0o600)
                content = bytearray(pack.read_bytes())
                content[12:-20] = bytes(len(content) - 32)
                pack.write_bytes(content)
        self.heals(damage)

    def test_a_mirror_with_one_garbled_file_is_fetched_anew(self):
        def damage(mirror):
            blob = self.git("rev-parse", "HEAD:wf/deep/b.yaml")
            index = next(mirror.glob("objects/pack/*.idx"))
            listed = self.git("verify-pack", "-v", index).splitlines()
            offset = next(int(line.split()[4]) for line in listed if line.startswith(blob))
            pack = index.with_suffix(".pack")
            pack.chmod(0o600)
            content = bytearray(pack.read_bytes())
            content[offset + 12] ^= 0xff
            pack.write_bytes(content)
        self.heals(damage)

    def test_a_mirror_with_a_garbled_reference_is_fetched_anew(self):
        def damage(mirror):
            for ref in mirror.glob("refs/flowsync/*/*"):
                ref.write_text("garbled\n")
        self.heals(damage)

    def test_a_mirror_that_is_no_repository_is_fetched_anew(self):
        def damage(mirror):
            (mirror / "HEAD").unlink()
        self.heals(damage)

    def lose_object(self, what):
        """Takes one object out of the mirror, which it unpacks for that."""
        mirror, name = self.mirror(), self.git("rev-parse", what)
        packs = [p.rename(self.tmp / p.name) for p in mirror.glob("objects/pack/*.pack")]
        for index in mirror.glob("objects/pack/*"):
            index.unlink()
        for pack in packs:
            with open(pack, "rb") as content:
                subprocess.run(["git", "-C", mirror, "unpack-objects", "-q"], stdin=content, check=True)
        (mirror / "objects" / name[:2] / name[2:]).unlink()

    def test_a_history_with_a_hole_is_never_taken_for_a_good_one(self):
        self.overlook_leaks()
        first = self.commit({"a.yaml": spec("a")})
        self.sync()
        self.commit({"a.yaml": spec("a", 8)})
        self.commit({"a.yaml": spec("a", 9)})
        self.plan()
        self.lose_object("HEAD~1")
        report = self.sync(code=1)
        lost = "object not found - no match for id"
        self.assertEqual(len(report["errors"]), 1)
        self.assertTrue(self.messages(report)[0].startswith(
            "the mirror of TMP/repo is corrupt; it will be cloned again: "), report["errors"])
        self.assertIn(lost, report["errors"][0]["message"])
        report = self.sync()
        self.assertEqual(report["outcome"], "applied")
        self.assertEqual(len(report["warnings"]), 1)
        self.assertTrue(self.messages(report, "warnings")[0].startswith(self.damage_said), report["warnings"])
        self.assertEqual(self.messages(self.sync(), "warnings"), [])
        self.assertEqual(self.git("rev-parse", "HEAD~2"), first)

    def test_a_record_that_is_lost_with_a_damaged_mirror_is_found_the_next_time(self):
        self.commit({"a.yaml": spec("a") + "    parameters: {env: {A: '1'}}\n"})
        self.sync()
        self.commit({"a.yaml": spec("a", 8)})
        self.plan()
        (self.state / "state.db").rename(self.tmp / "away")
        self.lose_object("HEAD~1:a.yaml")
        report = self.plan()
        self.assertTrue(any(w.startswith("the mirror of TMP/repo is corrupt; it will be cloned again: ")
                            for w in self.messages(report, "warnings")), report["warnings"])
        report = self.plan()
        self.assertEqual(len(report["warnings"]), 1, report["warnings"])
        self.assertEqual(sorted((c["op"], c["reason"]) for w in report["workflows"] for c in w["changes"]),
                         [("remove", "undeclared"), ("replace", "declared")])

    def test_what_a_killed_fetch_leaves_is_no_hindrance(self):
        self.commit({"a.yaml": spec("a")})
        self.sync()
        mirror = self.mirror()
        ref = next(mirror.glob("refs/flowsync/*/*"))
        for leftover in (ref.with_name(ref.name + ".lock"), mirror / "HEAD.lock", mirror / "config.lock",
                         mirror / "objects/pack/pack_git2_a1b2c3"):
            leftover.write_text("")
        (self.state / "git" / (mirror.name + ".new")).mkdir()
        commit = self.commit({"a.yaml": spec("a", 8)})
        report = self.sync()
        self.assertEqual((report["source"]["revision"], report["warnings"]), (commit, []))
        self.assertEqual(list(mirror.rglob("*.lock")) + list(mirror.rglob("*_git2_*")), [])

    def test_many_at_a_time_share_one_mirror(self):
        self.commit({"a.yaml": spec("a")})
        self.service
        runs = [self.start("plan", "--git", f"file://{self.repo}", "-o", "json") for _ in range(6)]
        for run in runs:
            result = self.finish(run)
            self.assertEqual((result.code, result.err), (0, ""))
            self.assertEqual(self.names(result.json()), ["a"])
        self.mirror()

    def test_a_mirror_that_somebody_works_in_is_waited_for_up_to_the_deadline(self):
        self.commit({"a.yaml": spec("a")})
        self.sync()
        holder = subprocess.Popen(["flock", f"{self.mirror()}.lock", "sleep", "1000"], start_new_session=True)
        self.addCleanup(holder.wait)
        self.addCleanup(os.killpg, holder.pid, signal.SIGKILL)
        probe = f"{self.mirror()}.lock"
        while subprocess.run(["flock", "-n", probe, "true"], check=False).returncode == 0:
            time.sleep(0.01)
        report = self.sync("--timeout", "500ms", code=1)
        self.assertEqual(self.messages(report), ["git repository TMP/repo: the fetch: it did not end in time"])


class FullDiskTest(GitCase):
    """The state directory is on a small file system of its own that is full."""

    def setUp(self):
        super().setUp()
        self.state.mkdir(mode=0o700)
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", self.state], stderr=subprocess.DEVNULL)
        if not mounted or mounted.returncode != 0:
            self.skipTest("only root can mount a file system")
        self.addCleanup(subprocess.run, ["umount", self.state], check=True)
        self.commit({"a.yaml": spec("a")})

    def fill(self):
        with open(self.state / "fill", "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))

    def plan_in_spite(self, messages):
        report = self.plan()
        self.assertEqual((report["summary"]["declared"], report["errors"]), (1, []))
        warnings = self.messages(report, "warnings")
        self.assertEqual(len(warnings), messages, warnings)
        for text in warnings:
            self.assertIn("No space left on device", text)
        return report

    def test_a_plan_works_before_the_first_sync(self):
        self.fill()
        self.assertEqual(self.plan_in_spite(1)["outcome"], "changes-pending")
        (self.state / "fill").unlink()
        self.plan_in_spite(0)

    def test_a_plan_works_after_a_sync_and_the_mirror_stays(self):
        self.sync()
        known = self.mirror().stat().st_ino
        self.fill()
        self.assertEqual(self.plan_in_spite(0)["outcome"], "converged")
        self.commit({"a.yaml": spec("a", 8), "more.txt": "x" * 10000})
        self.assertEqual(self.plan_in_spite(1)["outcome"], "changes-pending")
        (self.state / "fill").unlink()
        self.assertEqual(self.plan_in_spite(0)["outcome"], "changes-pending")
        self.assertEqual(self.mirror().stat().st_ino, known)


class Silent:
    """A server that accepts, and never says a word."""

    def __init__(self, case):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.met = threading.Event()
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()
        case.addCleanup(self.close)

    def close(self):
        for connection in [self.socket, *self.kept]:
            connection.close()

    def accept(self):
        try:
            while True:
                self.kept.append(self.socket.accept()[0])
                self.met.set()
        except OSError:
            pass


class ServerTest(GitCase):
    def test_a_server_that_hangs_is_named_when_the_time_is_over(self):
        for scheme in ("git", "http", "https", "ssh"):
            with self.subTest(scheme=scheme):
                url = f"{scheme}://127.0.0.1:{Silent(self).port}/repo"
                report = self.expect(1, "plan", "--git", url, "--timeout", "1s", "-o", "json").json()
                self.assertEqual(self.messages(report), [f"git repository {url}: the fetch: it did not end in time"])

    def test_a_signal_ends_the_wait(self):
        server = Silent(self)
        run = self.start("sync", "--git", f"git://127.0.0.1:{server.port}/repo", "-o", "json")
        self.assertTrue(server.met.wait(TIMEOUT))
        self.interrupt(run, signal.SIGTERM)
        result = self.finish(run)
        self.assertEqual(result.code, 143, result)
        self.assertEqual(result.json()["outcome"], "interrupted")

    def test_a_server_that_is_not_there(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            url = f"git://127.0.0.1:{s.getsockname()[1]}/repo"
            report = self.expect(1, "plan", "--git", url, "-o", "json").json()
        self.assertEqual(len(report["errors"]), 1)
        self.assertIn(f"git repository {url}: ", report["errors"][0]["message"])
        self.assertIn("refused", report["errors"][0]["message"].lower())

    def test_a_repository_that_a_daemon_does_not_have(self):
        url = f"{self.daemon()}/none"
        report = self.expect(1, "plan", "--git", url, "-o", "json").json()
        self.assertEqual(len(report["errors"]), 1)
        self.assertIn("access denied or repository not exported", report["errors"][0]["message"])

    def test_pushes_are_seen_through_a_daemon(self):
        url = f"{self.daemon()}/repo"
        for image in (7, 8, 9):
            commit = self.commit({"a.yaml": spec("a", image)})
            report = self.expect(0, "sync", "--git", url, "-o", "json").json()
            self.assertEqual((report["source"]["revision"], report["outcome"]), (commit, "applied"))
