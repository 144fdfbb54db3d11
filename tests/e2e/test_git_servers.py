"""Git sources on real servers: who is let in, who is believed, and what no server can do to us.

Every refusal is one sentence with exit 1; no secret stands in what is printed, in a report, on a
command line, or in any file of the state.
"""
import base64
import os
import pathlib
import resource
import signal
import socket
import threading
import time
import unittest

import flowsync
import git_servers
from git_servers import (Agent, Authority, Daemon, Gate, Odd, Repository, Silent, Ssh, WebServer,
                         http_answer, new_ssh_key)
from test_sync import SyncCase, spec

SOON = 30       # an end by a deadline of seconds, on a machine that is very slow
ADVERTISEMENT = {"Content_Type": "application/x-git-upload-pack-advertisement"}


class RemoteCase(SyncCase):
    def setUp(self):
        super().setUp()
        self.site = self.tmp / "site"
        self.repository = Repository(self.site / "repo.git")
        self.repository.commit({"workflows/a.yaml": spec("a")})

    def run_server(self, server):
        self.addCleanup(server.stop)
        return server

    def of(self, url, *args):
        """The options that name the source."""
        return ["--git", url, "--branch", "main", "--path", "workflows", *args]

    def assertPlans(self, url, *args, names=("a",), **options):
        report = self.plan(*self.of(url, *args), code=2, **options)
        self.assertEqual({w["name"] for w in report["workflows"]}, set(names))
        self.assertEqual(report["source"]["revision"],
                         self.repository.git("-C", self.repository.path, "rev-parse", "refs/heads/main"))
        self.assertNoSecretIn(self.state)
        return report

    def assertRefused(self, pattern, url, *args, **options):
        """Exit 1, nothing is planned, and one sentence that fits the pattern says why."""
        result = self.expect(1, "plan", *self.of(url, *args), **options)
        self.assertEqual(len(result.err.splitlines()), 1, result)
        self.assertRegex(result.err, pattern)
        self.assertNotRegex(result.err, "libgit2|libssh2|mbed")
        report = self.tmp / "report.json"
        again = self.expect(1, "plan", *self.of(url, *args), "-o", "json", "--report", report,
                            "--log-level", "debug", **options).json()
        self.assertEqual((again["outcome"], len(again["errors"])), ("failed", 1))
        self.assertRegex(again["errors"][0]["message"], pattern)
        self.assertNoSecretIn(report, *([self.state] if self.state.exists() else []))
        return result

    def descendants(self, pid):
        """pid, its children, and theirs."""
        found = [pid]
        for parent in found:
            for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
                try:
                    found += map(int, task.read_text().split())
                except OSError:
                    pass
        return found


class HttpsCase(RemoteCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.tmp / "authority")
        self.token_path = self.tmp / "git-token"
        self.right = self.new_token()

    def new_token(self, user="git"):
        """A token that is in the file from now on; nobody may see it, nor the header that holds it."""
        token = self.secret("git-token")
        self.secrets.append(base64.b64encode(f"{user}:{token}".encode()).decode())
        self.token_path.touch(mode=0o600)
        self.token_path.write_text(token + "\n")
        return token

    def web(self, users=True, **options):
        users = {"git": self.right} if users is True else users
        return self.run_server(WebServer(self.tmp, self.site, self.authority, users, **options))

    def odd(self, answer, hang=False, **options):
        options.setdefault("certificate", self.authority.certificate("odd"))
        return self.run_server(Odd(answer, hang, **options))

    def of(self, url, *args):
        given = [] if "--git-ca-file" in args else ["--git-ca-file", self.authority.file]
        return super().of(url, *given, *args)

    @property
    def token(self):
        return ["--git-token-file", self.token_path]


class HttpsTest(HttpsCase):
    def test_git_itself_clones_from_the_server_with_the_credential(self):
        url = self.web().url("repo.git")
        self.repository.git("-c", f"http.sslCAInfo={self.authority.file}", "clone", "-q",
                            url.replace("https://", f"https://git:{self.right}@"), self.tmp / "clone")
        self.assertTrue((self.tmp / "clone/workflows/a.yaml").exists())
        with self.assertRaisesRegex(AssertionError, "could not read Username"):
            self.repository.git("-c", f"http.sslCAInfo={self.authority.file}", "clone", "-q", url, self.tmp / "no")

    def test_the_right_token_is_let_in(self):
        report = self.assertPlans(self.web().url("repo.git"), *self.token)
        self.assertEqual(report["source"]["kind"], "git")

    def test_a_sync_leaves_no_secret_in_reports_and_state(self):
        url = self.web().url("repo.git")
        first = self.sync(*self.of(url, *self.token), "--log-level", "debug")
        self.assertEqual(self.results(first), {"a": ("create", "applied")})
        self.assertConverged(url)
        self.assertTrue(list(self.state.glob("git/*/config")))
        self.assertTrue(list(self.state.glob("reports/*.json")))
        self.assertNoSecretIn(self.state)

    def assertConverged(self, url):
        again = self.sync(*self.of(url, *self.token))
        self.assertEqual(again["outcome"], "converged", again)
        self.assertNoWrites(again)

    def test_the_token_may_come_by_its_variable(self):
        self.assertPlans(self.web().url("repo.git"), env={"FLOWSYNC_GIT_TOKEN": self.right})

    def test_a_user_name_goes_with_the_token_if_one_is_given(self):
        self.right = self.new_token("deploy")
        web = self.web({"deploy": self.right})
        self.assertPlans(web.url("repo.git"), *self.token, "--git-username", "deploy")
        self.assertRefused("refuses the token", web.url("repo.git"), *self.token)

    def test_a_repository_that_is_open_to_all_needs_no_token(self):
        self.assertPlans(self.web(users=None).url("repo.git"))

    def test_the_token_is_not_sent_unasked(self):
        web = self.web(users=None)
        self.assertPlans(web.url("repo.git"), *self.token)
        self.assertTrue(web.requests())
        self.assertTrue(all(line.endswith(" -") for line in web.requests()), web.requests())

    def test_a_wrong_token_is_refused_in_one_sentence_and_tried_once(self):
        web = self.web()
        self.new_token()
        self.assertRefused("refuses the token", web.url("repo.git"), *self.token)
        tries = [line for line in web.requests() if "Basic" in line]
        self.assertEqual(len(tries), 2, "once for each of the two runs")

    def test_without_a_token_it_is_said_how_one_is_given(self):
        self.assertRefused("--git-token-file", self.web().url("repo.git"))

    def test_a_token_that_was_changed_in_its_file_is_the_one_that_counts(self):
        web = self.web()
        self.assertPlans(web.url("repo.git"), *self.token)
        new = self.new_token()
        web.set_users({"git": new})
        self.repository.commit({"workflows/b.yaml": spec("b")})
        self.assertPlans(web.url("repo.git"), *self.token, names=("a", "b"))

    def test_a_server_of_an_unknown_authority_is_not_believed_and_gets_no_token(self):
        web = self.web()
        other = Authority(self.tmp / "other")
        self.assertRefused("certificate.*authority", web.url("repo.git"), *self.token, "--git-ca-file", other.file)
        result = self.expect(1, "plan", *RemoteCase.of(self, web.url("repo.git"), *self.token))
        self.assertRegex(result.err, "certificate.*authority")
        self.assertEqual(web.requests(), [])

    def test_a_certificate_for_another_host_is_not_believed(self):
        web = self.web(certificate=self.authority.certificate("elsewhere", host="127.0.0.9"))
        self.assertRefused("certificate.*is for another host", web.url("repo.git"), *self.token)
        self.assertEqual(web.requests(), [])

    def test_an_expired_certificate_is_not_believed(self):
        web = self.web(certificate=self.authority.certificate("old", days=-1))
        self.assertRefused("certificate.*has expired", web.url("repo.git"), *self.token)
        self.assertEqual(web.requests(), [])

    def test_a_file_of_authorities_that_is_missing_or_junk_is_named(self):
        junk = self.tmp / "junk.pem"
        url = self.web().url("repo.git")
        for content in (None, "junk"):
            if content:
                junk.write_text(content)
            result = self.flowsync("plan", *self.of(url, *self.token, "--git-ca-file", junk))
            self.assertIn(result.code, (1, 64))
            self.assertIn(str(junk), result.err)

    def test_a_repository_that_does_not_exist_is_said_not_to(self):
        self.assertRefused("404", self.web().url("none.git"), *self.token)

    def test_a_server_that_is_down_is_an_error_and_the_next_run_is_good(self):
        web = self.web()
        self.assertPlans(web.url("repo.git"), *self.token)
        web.stop()
        self.assertRefused("git repository", web.url("repo.git"), *self.token)
        web.start()
        self.assertPlans(web.url("repo.git"), *self.token)

    def test_no_command_line_shows_the_token_while_the_fetch_runs(self):
        has_it = threading.Event()

        def answer(request):
            if "authorization:" not in request.lower():
                return http_answer("401 No", WWW_Authenticate='Basic realm="x"')
            has_it.set()
            return b""
        server = self.odd(answer, hang=True)
        process = self.start("plan", *self.of(server.url("repo.git"), *self.token))
        self.assertTrue(has_it.wait(flowsync.TIMEOUT))
        pids = self.descendants(process.pid)
        self.assertGreater(len(pids), 1, "the fetch runs in a child")
        for pid in pids:
            for name in ("cmdline", "environ"):
                seen = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
                self.assertIn(b"flowsync", seen)
                for secret in self.secrets:
                    self.assertNotIn(secret.encode(), seen, name)
        self.assertNoSecretIn(self.state)
        process.terminate()
        self.assertEqual(self.finish(process).code, 143)


class RedirectTest(HttpsCase):
    """"A redirect is never followed with the token"."""

    def redirect(self, target, first=lambda request: None, **options):
        def answer(request):
            path = request.split()[1]
            return first(request) or http_answer("302 Found", Location=target + path.removeprefix("/"))
        return self.odd(answer, **options)

    def assertKept(self, other, url, *args):
        result = self.assertRefused("redirect|leads|elsewhere", url, *self.token, *args)
        for line in other.requests() if callable(other.requests) else other.requests:
            self.assertNotIn("basic", line.lower(), "the token went astray")
        return result

    def other_host(self):
        return self.web(host="127.0.0.2", certificate=self.authority.certificate("two", host="127.0.0.2"))

    def wants_token(self, **options):
        return self.odd(lambda request: http_answer("401 No", WWW_Authenticate='Basic realm="x"'), **options)

    def asks_first(self, request):
        if "authorization:" not in request.lower():
            return http_answer("401 No", WWW_Authenticate='Basic realm="x"')

    def test_the_token_does_not_go_to_another_host(self):
        other = self.other_host()
        self.assertKept(other, self.redirect(other.url("")).url("repo.git"))
        self.assertKept(other, self.redirect(other.url(""), self.asks_first).url("repo.git"))

    def test_the_token_does_not_go_to_another_port(self):
        other = self.wants_token()
        self.assertKept(other, self.redirect(other.url("")).url("repo.git"))
        self.assertKept(other, self.redirect(other.url(""), self.asks_first).url("repo.git"))

    def test_the_token_does_not_go_to_plain_http(self):
        other = self.wants_token(certificate=None)
        self.assertKept(other, self.redirect(other.url("")).url("repo.git"))
        self.assertKept(other, self.redirect(other.url(""), self.asks_first).url("repo.git"))
        self.assertEqual(other.requests, [])

    def test_a_redirect_of_the_fetch_itself_is_not_followed(self):
        other = self.wants_token()
        commit = self.repository.git("-C", self.repository.path, "rev-parse", "main")

        def refs(request):
            if request.startswith("GET"):
                return self.asks_first(request) or http_answer("200 OK", advertisement(commit), **ADVERTISEMENT)
        self.assertKept(other, self.redirect(other.url(""), refs).url("repo.git"))
        # What libgit2 1.9 sees of this server is a connection that broke.
        self.assertKept(other, self.redirect(other.url(""), refs, hasty=True).url("repo.git"))
        self.assertEqual(other.requests, [])

    def test_a_redirect_in_a_circle_ends(self):
        url = None
        server = self.odd(lambda request: http_answer("302 Found", Location=url))
        url = server.url("repo.git/info/refs?service=git-upload-pack")
        self.assertRefused("redirect|leads|elsewhere", server.url("repo.git"), *self.token)
        self.assertRefused("redirect|leads|elsewhere", server.url("repo.git"))
        self.assertLess(len(server.requests), 100)


class OddAnswersTest(HttpsCase):
    def test_an_error_of_the_server_is_named_by_its_status(self):
        for status in ("500 Oops", "503 Not now", "403 No", "429 Slowly"):
            with self.subTest(status):
                server = self.odd(lambda request: http_answer(status, b"no"))
                self.assertRefused(status[:3], server.url("repo.git"), *self.token)

    def test_an_answer_that_is_not_git_is_an_error(self):
        for name, said in {
                "html": http_answer("200 OK", b"<html><p>Sign in</html>", Content_Type="text/html"),
                "html that says it is git": http_answer("200 OK", b"<html></html>", **ADVERTISEMENT),
                "nothing": b"", "no http": b"\0\1\2\3 SSH-2.0\r\n\r\n",
                "half of it": http_answer("200 OK", advertisement("1" * 40), **ADVERTISEMENT)[:-20],
                "no ref": http_answer("200 OK", b"001e# service=git-upload-pack\n00000000", **ADVERTISEMENT),
                "no such object": http_answer("200 OK", advertisement("1" * 40), **ADVERTISEMENT),
        }.items():
            with self.subTest(name):
                server = self.odd(lambda request: said)
                self.assertRefused("git repository", server.url("repo.git"), *self.token)

    def test_another_way_to_authenticate_is_said_to_be_wanted(self):
        for challenge in ({}, {"WWW_Authenticate": "Bearer realm=x"}):
            server = self.odd(lambda request: http_answer("401 No", **challenge))
            self.assertRefused("authenticat", server.url("repo.git"), *self.token)

    def test_what_the_server_says_shows_no_token_and_stays_in_its_line(self):
        def echo(request):
            said = [line for line in request.split("\r\n") if line.lower().startswith("authorization")]
            if not said:
                return http_answer("401 No", WWW_Authenticate='Basic realm="x"')
            return http_answer("200 OK", b"", Content_Type=f"text/{said[0].split()[-1]} {self.right}\x1b[31m")
        server = self.odd(echo)
        result = self.assertRefused("git repository", server.url("repo.git"), *self.token)
        self.assertNotIn("\x1b", result.err)


def packet(line):
    return b"%04x" % (len(line) + 4) + line


def advertisement(commit):
    return (packet(b"# service=git-upload-pack\n") + b"0000"
            + packet(f"{commit} HEAD\0 ofs-delta side-band-64k agent=x\n".encode())
            + packet(f"{commit} refs/heads/main\n".encode()) + b"0000")


class HangingTest(HttpsCase):
    def hanging(self):
        """(name, url, an event: it has come so far) of servers that will never answer."""
        certificate = self.authority.certificate("hang")
        commit = self.repository.git("-C", self.repository.path, "rev-parse", "main")
        refs = http_answer("200 OK", advertisement(commit), **ADVERTISEMENT)
        mute = self.run_server(Silent())
        no_answer = self.odd(lambda request: b"", hang=True, certificate=certificate)
        half = self.odd(lambda request: refs[:-10], hang=True, certificate=certificate)
        headers = self.odd(lambda request: refs.partition(b"\r\n\r\n")[0], hang=True, certificate=certificate)
        yield "takes the connection only", mute.url("repo.git").replace("http:", "https:"), mute.came
        yield "answers nothing", no_answer.url("repo.git"), no_answer.answered
        yield "answers headers only", headers.url("repo.git"), headers.answered
        yield "answers half", half.url("repo.git"), half.answered
        ssh = self.run_server(Silent())
        yield "ssh without a word", f"ssh://{git_servers.USER}@{ssh.host}:{ssh.port}/repo.git", ssh.came
        git = self.run_server(Silent())
        yield "git without a word", f"git://{git.host}:{git.port}/repo.git", git.came

    def options(self, url):
        return super().of(url, *self.token) if url.startswith("https") else RemoteCase.of(self, url)

    def test_the_deadline_ends_a_server_that_hangs(self):
        for name, url, _ in self.hanging():
            with self.subTest(name):
                began = time.monotonic()
                result = self.expect(1, "plan", *self.options(url), "--timeout", "2s")
                self.assertLess(time.monotonic() - began, SOON)
                self.assertEqual(len(result.err.splitlines()), 1, result)
                self.assertRegex(result.err, "2s|time|deadline")

    def test_SIGTERM_ends_the_waiting_at_once(self):
        for name, url, came in self.hanging():
            with self.subTest(name):
                process = self.start("plan", *self.options(url))
                self.assertTrue(came.wait(flowsync.TIMEOUT))
                pids = self.descendants(process.pid)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(self.finish(process).code, 143)
                self.assertLess(time.monotonic() - began, SOON)
                self.assertGone(pids)

    def assertGone(self, pids):
        end = time.monotonic() + flowsync.TIMEOUT
        while left := [pid for pid in pids if running(pid)]:
            self.assertLess(time.monotonic(), end, f"left behind: {left}")
            time.sleep(0.02)

    def test_a_child_does_not_outlive_a_parent_that_is_killed(self):
        silent = self.run_server(Silent())
        process = self.start("plan", *RemoteCase.of(self, f"git://{silent.host}:{silent.port}/repo.git"))
        silent.wait(silent.came)
        pids = self.descendants(process.pid)
        self.assertGreater(len(pids), 1)
        process.kill()
        process.communicate()
        self.assertGone(pids)

    def child_of(self, server):
        """(a plan from a server that says nothing yet, the pid of the child that fetches)."""
        process = self.start("plan", *RemoteCase.of(self, f"git://{server.host}:{server.port}/repo.git"))
        server.wait(server.came)
        child = self.descendants(process.pid)[-1]
        self.assertNotEqual(child, process.pid)
        return process, child

    @unittest.skipIf(flowsync.SANITIZED, "a sanitizer has memory of its own")
    def test_a_fetch_has_a_bound_of_memory(self):
        process, child = self.child_of(self.run_server(Silent()))
        most, _ = resource.prlimit(child, resource.RLIMIT_DATA)
        self.assertLess(0, most)
        self.assertLess(most, 3 << 29)
        process.kill()

    @unittest.skipIf(flowsync.SANITIZED, "a sanitizer has memory of its own")
    def test_refs_without_end_are_an_error(self):
        ref = b"".join(packet(f"{'1' * 40} refs/heads/{i:08}-{'x' * 200}\n".encode()) for i in range(1000))
        flood = self.run_server(Silent(packet(f"{'1' * 40} HEAD\0 ofs-delta side-band-64k\n".encode()), ref, wait=True))
        process, child = self.child_of(flood)
        resource.prlimit(child, resource.RLIMIT_DATA, (100 << 20, 100 << 20))   # its own would take its time
        flood.begin.set()
        result = self.finish(process)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, r"\A.*more memory than a fetch may use\n\Z")


def running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class DaemonTest(RemoteCase):
    def setUp(self):
        super().setUp()
        self.server = self.run_server(Daemon(self.tmp, self.site))

    def test_git_itself_clones_from_the_server(self):
        self.repository.git("clone", "-q", self.server.url("repo.git"), self.tmp / "clone")
        self.assertTrue((self.tmp / "clone/workflows/a.yaml").exists())

    def test_the_specs_are_those_of_the_branch(self):
        self.assertPlans(self.server.url("repo.git"))
        self.repository.commit({"workflows/b.yaml": spec("b")})
        self.assertPlans(self.server.url("repo.git"), names=("a", "b"))

    def test_a_repository_that_does_not_exist_is_said_not_to(self):
        self.assertRefused("not exported: /none.git|no such", self.server.url("none.git"))

    def test_many_refs_are_no_trouble(self):
        self.repository.many_refs(20_000)
        self.assertPlans(self.server.url("repo.git"))

    def gate(self):
        return self.run_server(Gate(self.server))

    def half_fetched(self, gate):
        """A plan whose fetch has half of what it needs."""
        self.repository.commit({"large": os.urandom(500_000).hex()})
        gate.shut(100_000)
        process = self.start("plan", *self.of(gate.url("repo.git")))
        gate.wait(gate.reached)
        return process

    def assertRepeated(self, gate, names):
        """The next fetch into the same mirror is as if nothing had been; what was half there is gone."""
        gate.open()
        report = self.assertPlans(gate.url("repo.git"), names=names)
        self.assertEqual(report["warnings"], [])
        left = [f for f in self.state.glob("git/*/**/*") if "_git2_" in f.name or f.suffix == ".lock"]
        self.assertEqual(left, [])

    def test_a_fetch_that_is_killed_in_the_middle_is_repeated(self):
        gate = self.gate()
        self.assertPlans(gate.url("repo.git"))
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            process = self.half_fetched(gate)
            os.killpg(process.pid, number)
            process.communicate()
        self.repository.commit({"workflows/b.yaml": spec("b")})
        self.assertRepeated(gate, ("a", "b"))

    def test_a_first_fetch_that_is_killed_in_the_middle_is_repeated(self):
        gate = self.gate()
        process = self.half_fetched(gate)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.assertRepeated(gate, ("a",))

    def test_a_fetch_past_the_deadline_is_repeated(self):
        gate = self.gate()
        self.assertPlans(gate.url("repo.git"))
        self.repository.commit({"large": os.urandom(500_000).hex(), "workflows/b.yaml": spec("b")})
        gate.shut(100_000)
        self.assertRefused("2s|time|deadline", gate.url("repo.git"), "--timeout", "2s")
        self.assertRepeated(gate, ("a", "b"))

    def test_two_at_once_share_a_mirror(self):
        gate = self.gate()
        first = self.half_fetched(gate)
        second = self.start("plan", *self.of(gate.url("repo.git")))
        time.sleep(0.3)     # it may come to the mirror meanwhile; whether it does, both have to be good
        gate.open()
        for process in (first, second):
            result = self.finish(process)
            self.assertEqual(result.code, 0, result)
            self.assertIn("1 to create", result.out)


class SshTest(RemoteCase):
    def setUp(self):
        super().setUp()
        self.overlook_leaks()       # of the known hosts
        self.server = self.run_server(Ssh(self.tmp))
        self.key = new_ssh_key(self.tmp / "key")
        self.secrets.append(self.key.read_text().splitlines()[3])
        self.server.allow(self.key)
        self.hosts = self.tmp / "hosts"
        self.hosts.write_text(self.server.known_line())
        self.url = self.server.url(self.repository.path)

    def ssh(self, key=None, hosts=None):
        return ["--ssh-key", key or self.key, "--known-hosts", hosts or self.hosts]

    def test_git_itself_clones_from_the_server(self):
        command = (f"ssh -F none -i {self.key} -o IdentitiesOnly=yes -o UserKnownHostsFile={self.hosts} "
                   "-o StrictHostKeyChecking=yes")
        self.repository.git("-c", f"core.sshCommand={command}", "clone", "-q", self.url, self.tmp / "clone")
        self.assertTrue((self.tmp / "clone/workflows/a.yaml").exists())

    def test_the_right_key_is_let_in(self):
        self.assertPlans(self.url, *self.ssh())
        self.assertIn("Accepted publickey", self.server.said())

    def test_a_key_of_another_kind_is_let_in(self):
        key = new_ssh_key(self.tmp / "other", "ecdsa")
        self.server.allow(key)
        self.assertPlans(self.url, *self.ssh(key))

    def test_a_wrong_key_is_refused(self):
        self.assertRefused("refuses the key", self.url, *self.ssh(new_ssh_key(self.tmp / "wrong")))

    def test_a_key_of_RSA_is_let_in_or_it_is_said_that_its_kind_may_be_why_it_is_not(self):
        key = new_ssh_key(self.tmp / "rsa", "rsa")
        self.server.allow(key)
        result = self.flowsync("plan", *self.of(self.url, *self.ssh(key)))
        if result.code != 0:
            self.assertRefused("RSA", self.url, *self.ssh(key))

    def test_a_key_with_a_passphrase_is_refused_and_the_reason_told(self):
        key = new_ssh_key(self.tmp / "locked", passphrase=self.secret("passphrase"))
        self.server.allow(key)
        self.assertRefused("passphrase", self.url, *self.ssh(key))

    def test_a_key_file_that_is_missing_or_junk_is_named(self):
        file = self.tmp / "nokey"
        for content in (None, "junk"):
            if content:
                file.write_text(content)
            result = self.flowsync("plan", *self.of(self.url, *self.ssh(file)))
            self.assertIn(result.code, (1, 64), result)
            self.assertIn(str(file), result.err)

    def test_an_unknown_host_is_refused_with_its_fingerprint_and_gets_no_key(self):
        self.hosts.write_text("")
        result = self.assertRefused("not known", self.url, *self.ssh())
        shown = git_servers.run("ssh-keygen", "-l", "-f", f"{self.server.host_key('ecdsa')}.pub").split()[1]
        self.assertIn(shown, result.err)
        self.assertNotIn("Accepted", self.server.said())

    def test_a_host_key_that_changed_is_refused_as_such(self):
        self.assertPlans(self.url, *self.ssh())
        self.server.new_host_keys()
        seen = self.server.said().count("Accepted")
        self.assertRefused("host key.*(changed|another)", self.url, *self.ssh())
        self.assertEqual(self.server.said().count("Accepted"), seen)

    def test_each_kind_of_host_key_will_do_alone(self):
        for kind in self.server.kinds:
            with self.subTest(kind):
                self.hosts.write_text(self.server.known_line(kind))
                self.assertPlans(self.url, *self.ssh())

    def test_hashed_names_and_odd_lines_are_read(self):
        git_servers.run("ssh-keygen", "-q", "-H", "-f", self.hosts)
        self.assertTrue(self.hosts.read_text().startswith("|1|"))
        self.hosts.write_text("# a comment\n\nno line at all\n@cert-authority *.example.org ssh-rsa AAAA\n"
                              + self.hosts.read_text())
        self.assertPlans(self.url, *self.ssh())

    def test_a_revoked_host_key_is_refused(self):
        line = self.server.known_line()
        self.hosts.write_text(line + "@revoked " + line)
        self.assertRefused("revoked", self.url, *self.ssh())

    def test_the_known_hosts_of_the_user_count_if_none_are_given(self):
        (self.home / ".ssh").mkdir(mode=0o700)
        (self.home / ".ssh/known_hosts").write_text(self.server.known_line())
        self.assertPlans(self.url, "--ssh-key", self.key)

    def test_a_key_comes_from_the_agent(self):
        agent = Agent(self.tmp, new_ssh_key(self.tmp / "first"), self.key)
        self.addCleanup(agent.stop)
        self.assertPlans(self.url, "--known-hosts", self.hosts, env={"SSH_AUTH_SOCK": agent.socket})

    def test_an_agent_without_the_key_is_refused(self):
        agent = Agent(self.tmp)
        self.addCleanup(agent.stop)
        for count in range(2):
            self.assertRefused("agent", self.url, "--known-hosts", self.hosts, env={"SSH_AUTH_SOCK": agent.socket})
            git_servers.run("ssh-add", "-q", new_ssh_key(self.tmp / "wrong") if not count else self.tmp / "wrong",
                            env={**os.environ, "SSH_AUTH_SOCK": str(agent.socket)})

    def test_without_key_and_agent_it_is_said_how_one_is_given(self):
        self.assertRefused("--ssh-key", self.url, "--known-hosts", self.hosts)

    def test_an_agent_that_hangs_is_ended_by_the_deadline(self):
        path = self.tmp / "mute"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen()
            result = self.expect(1, "plan", *self.of(self.url, "--known-hosts", self.hosts, "--timeout", "2s"),
                                 env={"SSH_AUTH_SOCK": path})
            self.assertRegex(result.err, "2s|time|deadline")

    def test_a_repository_that_does_not_exist_is_said_not_to(self):
        self.assertRefused("none.git' does not appear to be a git repository",
                           self.server.url(self.site / "none.git"), *self.ssh())


if __name__ == "__main__":
    unittest.main()
