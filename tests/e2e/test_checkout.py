"""The checkout of a step from real git servers, by the hidden command that the runner starts: what it
writes, how it ends, and that no server, tree or signal gets more of it than that."""
import json
import os
import resource
import signal
import subprocess
import time
import unittest

import flowsync
import git_servers
import test_git_servers
from git_servers import Authority, Daemon, Gate, Repository, Silent, Ssh, http_answer, new_ssh_key

BRANCH = 1      # enum git_ref_kind
AGAIN, REFUSED = 75, 69
SOON = test_git_servers.SOON
SANITIZED = flowsync.SANITIZED
packet = test_git_servers.packet


class CheckoutCase(test_git_servers.HttpsCase):
    """A repository whose branch main has a file, a folder and a script."""

    def setUp(self):
        super().setUp()
        self.overlook_leaks()       # of the known hosts, and of libgit2's
        self.mirrors = self.tmp / "mirrors"
        self.count = 0
        self.commit = self.repository.commit({"run.sh": "echo 1\n", "a/b/c.txt": "deep\n"})

    def document(self, url, **more):
        """What checkout_command() would write."""
        given = {"url": url, "mirror": self.mirrors / "repo-1a2b3c4d", "ref": "main", "kind": BRANCH,
                 "ca_file": self.authority.file, "advice": "name a stored one as the repository's token", **more}
        return json.dumps({key: value if isinstance(value, int) else str(value)
                           for key, value in given.items() if value is not None})

    def folder(self):
        self.count += 1
        folder = self.tmp / f"work-{self.count}"
        folder.mkdir()
        return folder

    def start_checkout(self, url, **more):
        """One left running, in .folder, in a process group of its own as the runner has it."""
        folder = self.folder()
        process = subprocess.Popen([flowsync.PROGRAM, "step-checkout"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, cwd=folder, start_new_session=True,
                                   env=self.environment())
        self.addCleanup(self._reap, process)
        process.folder = folder
        process.stdin.write(self.document(url, **more))
        process.stdin.close()
        process.stdin = None
        return process

    def checkout(self, code, url, **more):
        """(Result, folder) of one that has to end with code."""
        process = self.start_checkout(url, **more)
        result = self.finish(process)
        self.assertEqual((result.code, result.err), (code, ""), result)
        if self.mirrors.exists():
            self.assertNoSecretIn(self.mirrors)
        return result, process.folder

    def assertChecksOut(self, url, shown=None, **more):
        result, folder = self.checkout(0, url, **more)
        self.assertIsWhole(result, folder, shown or url)

    def assertIsWhole(self, result, folder, shown):
        self.assertEqual(result.out, f"checked out main of {shown} at {self.commit[:10]}\n")
        expected = self.tmp / "expected"
        if not expected.exists():
            self.repository.git("clone", "-q", "--branch", "main", self.repository.path, expected)
        git_servers.run("diff", "-r", "--no-dereference", "--exclude=.git", expected, folder)
        self.assertFalse((folder / ".git").exists())

    def assertRefused(self, pattern, url, code=REFUSED, **more):
        """One sentence, and nothing else is there."""
        result, folder = self.checkout(code, url, **more)
        self.assertRegex(result.out, rf"\A[^\n]*({pattern})[^\n]*\n\Z")
        self.assertEqual(list(folder.iterdir()), [])
        return result


class HttpsCheckoutTest(CheckoutCase):
    def test_the_branch_is_checked_out_with_the_token(self):
        web = self.web()
        self.assertChecksOut(web.url("repo.git"), token=self.right)
        self.assertTrue(any(" git " in line for line in web.requests()))

    def test_a_user_goes_with_the_password(self):
        self.right = self.new_token("deploy")
        web = self.web({"deploy": self.right})
        self.assertChecksOut(web.url("repo.git"), token=self.right, username="deploy")
        self.assertRefused("refuses the token", web.url("repo.git"), token=self.right)

    def test_a_new_commit_comes_into_the_same_mirror(self):
        url = self.web().url("repo.git")
        self.assertChecksOut(url, token=self.right)
        self.commit = self.repository.commit({"new": "2\n", "run.sh": "echo 2\n"})
        git_servers.run("rm", "-rf", self.tmp / "expected")
        self.assertChecksOut(url, token=self.right)

    def test_a_wrong_token_is_refused(self):
        web = self.web()
        self.assertRefused("refuses the token", web.url("repo.git"), token=self.new_token())

    def test_a_token_that_lost_its_right_gets_nothing_out_of_the_mirror(self):
        web = self.web()
        self.assertChecksOut(web.url("repo.git"), token=self.right)
        self.assertRefused("refuses the token", web.url("repo.git"), token=self.new_token())
        self.assertRefused("asks for a credential", web.url("repo.git"))

    def test_without_a_token_it_is_said_where_one_stands(self):
        self.assertRefused("asks for a credential: name a stored one as the repository's token", self.web().url("repo.git"))

    def test_what_is_not_there_is_refused(self):
        web = self.web()
        self.assertRefused("404", web.url("none.git"), token=self.right)
        self.assertRefused('no branch "mian"; did you mean "main"', web.url("repo.git"), token=self.right, ref="mian")

    def test_a_server_that_is_not_believed_gets_no_token(self):
        web = self.web()
        other = Authority(self.tmp / "other")
        self.assertRefused("certificate.*authority", web.url("repo.git"), token=self.right, ca_file=other.file)
        self.assertEqual(web.requests(), [])

    def test_a_server_that_is_down_or_busy_may_be_up_later(self):
        web = self.web()
        url = web.url("repo.git")
        web.stop()
        self.assertRefused("git repository", url, code=AGAIN, token=self.right)
        for status, code in (("503 Busy", AGAIN), ("500 Broken", AGAIN), ("429 Slower", AGAIN), ("403 No", REFUSED)):
            with self.subTest(status):
                odd = self.odd(lambda request: http_answer(status))
                self.assertRefused("HTTP|token", odd.url("repo.git"), code=code, token=self.right)

    def test_what_a_server_says_shows_no_token(self):
        def echo(request):
            said = [line for line in request.split("\r\n") if line.lower().startswith("authorization")]
            if not said:
                return http_answer("401 No", WWW_Authenticate='Basic realm="x"')
            return http_answer("200 OK", b"", Content_Type=f"text/{said[0].split()[-1]} {self.right}\x1b[31m")
        result = self.assertRefused("git repository", self.odd(echo).url("repo.git"), code=AGAIN, token=self.right)
        self.assertNotIn("\x1b", result.out)

    def test_no_command_line_and_no_environment_has_the_token(self):
        server = self.odd(lambda request: b"", hang=True)
        process = self.start_checkout(server.url("repo.git"), token=self.right)
        server.wait(server.answered)
        pids = self.descendants(process.pid)
        self.assertEqual(len(pids), 2)
        for pid in pids:
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    self.assertNotIn(self.right.encode(), f.read())
        self.assertNoSecretIn(self.mirrors, process.folder)


class DaemonCheckoutTest(CheckoutCase):
    takes_long = True

    def setUp(self):
        super().setUp()
        self.server = self.run_server(Daemon(self.tmp, self.site))
        self.url = self.server.url("repo.git")

    def test_the_branch_is_checked_out(self):
        self.assertChecksOut(self.url)

    def test_a_repository_that_does_not_exist_is_refused(self):
        self.assertRefused("not exported", self.server.url("none.git"))

    def test_many_files_are_those_of_a_clone(self):
        self.commit = self.repository.commit({f"d{i % 40}/e{i % 7}/f{i}": f"{i}\n" * (i % 90) for i in range(2000)})
        self.assertChecksOut(self.url)

    def test_several_at_once_share_a_mirror(self):
        self.commit = self.repository.commit({"large": os.urandom(500_000).hex()})
        gate = self.run_server(Gate(self.server))
        gate.shut(100_000)
        url = gate.url("repo.git")
        running = [self.start_checkout(url) for _ in range(4)]
        gate.wait(gate.reached)
        time.sleep(0.3)     # the others may come to the mirror meanwhile; whether they do, all have to be good
        gate.open()
        for process in running:
            self.assertIsWhole(self.finish(process), process.folder, url)
        self.assertEqual(len([f for f in self.mirrors.glob("*/objects/pack/*.pack")]), 1)

    def half_fetched(self):
        """(a checkout whose fetch has half of what it needs, its gate)"""
        self.commit = self.repository.commit({"large": os.urandom(500_000).hex()})
        gate = self.run_server(Gate(self.server))
        gate.shut(100_000)
        process = self.start_checkout(gate.url("repo.git"))
        gate.wait(gate.reached)
        return process, gate

    def assertGone(self, pids):
        test_git_servers.HangingTest.assertGone(self, pids)

    def assertGoesOn(self, gate):
        """The next checkout is as if nothing had been, and what was half there is gone."""
        gate.open()
        self.assertChecksOut(gate.url("repo.git"))
        left = [f for f in self.mirrors.rglob("*") if f.is_file() and "_git2_" in f.name]
        left += [f for f in self.mirrors.glob("*/**/*.lock")]
        self.assertEqual(left, [])

    def test_SIGTERM_ends_it_at_once_and_the_mirror_is_good(self):
        for first in (True, False):
            with self.subTest(first=first):
                process, gate = self.half_fetched()
                pids = self.descendants(process.pid)
                self.assertEqual(len(pids), 2)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=flowsync.TIMEOUT)
                self.assertEqual(process.returncode, -signal.SIGTERM)
                self.assertLess(time.monotonic() - began, SOON)
                self.assertGone(pids)
                git_servers.run("rm", "-rf", self.tmp / "expected")
                self.assertGoesOn(gate)

    def test_SIGKILL_leaves_nothing_running_and_the_mirror_is_good(self):
        process, gate = self.half_fetched()
        pids = self.descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=flowsync.TIMEOUT)
        self.assertGone(pids)
        self.assertGoesOn(gate)

    @unittest.skipIf(SANITIZED, "a sanitizer has memory of its own")
    def test_a_checkout_and_its_fetch_have_a_bound_of_memory(self):
        silent = self.run_server(Silent())
        process = self.start_checkout(f"git://{silent.host}:{silent.port}/repo.git")
        silent.wait(silent.came)
        whole, fetch = (resource.prlimit(pid, resource.RLIMIT_DATA)[0] for pid in self.descendants(process.pid))
        self.assertTrue(0 < fetch < 3 << 29, fetch)
        self.assertTrue(3 << 30 <= whole < 4 << 30, whole)

    def test_a_server_that_breaks_off_may_do_better_later(self):
        silent = self.run_server(Silent(packet(b"1" * 40 + b" HEAD\0 ofs-delta\n")))
        process = self.start_checkout(f"git://{silent.host}:{silent.port}/repo.git")
        silent.wait(silent.came)
        silent.stop()
        result = self.finish(process)
        self.assertEqual(result.code, AGAIN, result)


class SshCheckoutTest(CheckoutCase):
    def setUp(self):
        super().setUp()
        self.server = self.run_server(Ssh(self.tmp))
        self.key = new_ssh_key(self.tmp / "key")
        self.secrets.append(self.key.read_text().splitlines()[3])
        self.server.allow(self.key)
        self.hosts = self.tmp / "hosts"
        self.hosts.write_text(self.server.known_line())
        self.url = self.server.url(self.repository.path)
        self.given = {"ssh_key_file": self.key, "known_hosts_file": self.hosts}

    def test_the_right_key_is_let_in(self):
        shown = self.url.replace(f"{git_servers.USER}@", "")
        self.assertChecksOut(self.url, shown, **self.given)

    def test_a_wrong_key_and_an_unknown_host_are_refused(self):
        wrong = new_ssh_key(self.tmp / "wrong")
        self.assertRefused("refuses the key", self.url, **{**self.given, "ssh_key_file": wrong})
        self.assertRefused("cannot be read", self.url, **{**self.given, "ssh_key_file": self.tmp / "none"})
        self.hosts.write_text("")
        self.assertRefused("is not known", self.url, **self.given)

    def test_a_repository_that_does_not_exist_is_refused(self):
        self.assertRefused("does not appear to be a git repository", self.server.url(self.site / "none.git"),
                           **self.given)


class CraftedTreeTest(CheckoutCase):
    """Trees that no git would make, sent by a real server."""

    def setUp(self):
        super().setUp()
        self.server = self.run_server(Daemon(self.tmp, self.site))
        self.evil = Repository(self.site / "evil.git")
        self.blob = self.object("blob", b"bad\n")

    def object(self, kind, content):
        file = self.tmp / "object"
        file.write_bytes(content)
        return self.evil.git("-C", self.evil.path, "hash-object", "-t", kind, "-w", "--literally", file)

    def tree(self, *entries):
        return self.object("tree", b"".join(b"%s %s\0" % (mode.encode(), name.encode()) + bytes.fromhex(object)
                                            for mode, name, object in entries))

    def assertRefusesTree(self, pattern, *entries):
        git = ("-C", self.evil.path)
        commit = self.evil.git(*git, "commit-tree", "-m", "x", self.tree(*entries))
        self.evil.git(*git, "update-ref", "refs/heads/main", commit)
        before = self.snapshot()
        result, folder = self.checkout(REFUSED, self.server.url("evil.git"), mirror=self.mirrors / "evil")
        self.assertRegex(result.out, rf"\A[^\n]*commit {commit}: {pattern}\n\Z")
        self.assertEqual(self.snapshot() - before - {folder, folder.parent / "answer"}, set())
        self.assertEqual([f for f in folder.rglob("*") if f.name in (".git", "x", "hooks")], [])

    def snapshot(self):
        """All that is outside of the folders of steps and the mirrors."""
        return {f for f in self.tmp.rglob("*") if not f.is_relative_to(self.mirrors)
                and not any(part.startswith("work-") for part in f.relative_to(self.tmp).parts)} \
            | set(self.tmp.glob("work-*"))

    def test_a_git_folder_is_refused(self):
        hooks = self.tree(("40000", "hooks", self.tree(("100755", "x", self.blob))))
        for name in (".git", ".GIT"):
            self.assertRefusesTree(f'"{name}" in it has a name that is refused', ("40000", name, hooks))

    def test_a_name_that_leads_out_is_refused(self):
        for name in ("../x", "a/../../x", f"{self.tmp}/x"):
            self.assertRefusesTree(".* has a name that is refused", ("100644", name, self.blob))
        folder = self.tree(("100644", "x", self.blob))
        self.assertRefusesTree('"..".* has a name that is refused', ("40000", "..", folder))

    def test_nothing_is_written_through_a_link_of_the_tree(self):
        outside = self.tmp / "outside"
        outside.mkdir()
        link = self.object("blob", str(outside).encode())
        folder = self.tree(("100644", "x", self.blob))
        self.assertRefusesTree('"a" in it is there already, or twice', ("120000", "a", link), ("40000", "a", folder))
        self.assertEqual(list(outside.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
