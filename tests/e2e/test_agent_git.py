"""The agent on a git repository: what brings a commit to the service, what does not, and what a person has to approve."""
import hashlib
import hmac
import json
import signal
import unittest

from agent import AgentCase, spec
from git_servers import Daemon, Repository

FAR = "1h"      # a poll that no test waits for


class GitCase(AgentCase):
    def setUp(self):
        super().setUp()
        self.site = self.tmp / "site"
        self.repository = Repository(self.site / "repo.git")
        self.first = self.commit({"workflows/a.yaml": spec("a"), "README": "about\n"})

    def commit(self, files, **options):
        return self.repository.commit(files, **options)

    def remove(self, *names):
        for name in names:
            (self.repository.work / name).unlink()
        return self.commit({})

    def git_sync(self, name="one", url=None, poll="500ms", **more):
        return self.sync(name, git=url or self.repository.path, path=more.pop("path", "workflows"), poll=poll, **more)

    def revision(self, agent, revision, **wanted):
        """Until the last report is of that revision; gives it."""
        def last():
            report = agent.report("one")
            return report and report["source"]["revision"] == revision and \
                all(report[k] == v for k, v in wanted.items()) and report
        return agent.wait_for(last, f"a cycle of {revision} ended with {wanted}")


class CommitTest(GitCase):
    """Commits come by polling and by hooks."""

    def test_a_pushed_commit_is_found_by_asking(self):
        daemon = Daemon(self.tmp, self.site)
        self.addCleanup(daemon.stop)
        agent = self.agent(self.config(self.git_sync(url=daemon.url("repo.git"), prune=True)))
        first = self.revision(agent, self.first, outcome="applied")
        self.assertEqual((first["trigger"], first["source"]["kind"], first["source"]["path"]),
                         ("start", "git", "workflows"))
        second = self.commit({"workflows/a.yaml": spec("a", "date"), "workflows/b.yaml": spec("b")})
        report = self.revision(agent, second, outcome="applied")
        self.assertEqual((report["trigger"], report["summary"]["create"], report["summary"]["patch"]), ("source", 1, 1))
        self.assertEqual((self.names(), self.command_of("a")), (["a", "b"], "date"))
        third = self.remove("workflows/b.yaml")
        self.assertEqual(self.revision(agent, third, outcome="applied")["summary"]["delete"], 1)
        self.assertEqual(self.names(), ["a"])
        metrics = agent.metrics()
        self.assertGreaterEqual(metrics["flowsync_git_requests_total", {"sync": "one", "result": "success"}], 3)
        self.assertEqual(metrics["flowsync_git_fetch_fail_total", {"sync": "one"}], 0)
        agent.stop()

    def test_a_commit_beside_the_path_begins_no_cycle(self):
        agent = self.agent(self.config(self.git_sync(url=f"file://{self.repository.path}")))
        agent.wait_ready()
        key = "flowsync_git_requests_total", {"sync": "one", "result": "success"}
        self.commit({"README": "about something else\n"})
        asked = agent.metrics()[key]
        agent.wait_for(lambda: agent.metrics()[key] >= asked + 3, "it asked three times")
        self.assertEqual(len(self.reports()), 1)
        last = self.commit({"workflows/b.yaml": spec("b")})
        self.revision(agent, last, outcome="applied")
        self.assertEqual([r["trigger"] for r in self.reports()], ["start", "source"])

    def test_drift_is_healed_at_the_interval(self):
        agent = self.agent(self.config(self.git_sync(poll=FAR, interval="1s")))
        agent.wait_ready()
        self.drift("a", "false")
        healed = agent.wait_for(lambda: next((r for r in self.reports() if r["summary"]["patch"]), None), "it is healed")
        self.assertEqual(self.command_of("a"), "true")
        self.assertEqual((healed["trigger"], healed["workflows"][0]["reason"]), ("interval", "drift"))

    def test_a_folder_that_is_gone_is_logged_once(self):
        agent = self.agent(self.config(self.git_sync(interval="1s")))
        agent.wait_ready()
        self.repository.git("-C", self.repository.work, "rm", "-q", "-r", "workflows")
        self.commit({"README": "nothing more\n"})
        gone = 'has no folder "workflows"'
        for _ in range(2):
            report = agent.wait_next("one", lambda: None, trigger="interval", outcome="partial")
            self.assertIn(gone, str(report["errors"]))
        self.assertEqual(agent.output().count(gone), 1, agent.output())
        self.assertEqual(self.names(), ["a"])
        agent.stop()

    def test_a_hook_fetches_at_once(self):
        secret = self.secret("hook")
        (self.tmp / "hook").write_text(secret + "\n")
        agent = self.agent(self.config(self.git_sync(poll=FAR, hook={"secret_file": str(self.tmp / "hook")})))
        agent.wait_ready()
        second = self.commit({"workflows/a.yaml": spec("a", "date")})
        body = json.dumps({"ref": "refs/heads/main", "after": second}).encode()
        sign = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        wrong = "sha256=" + hmac.new(b"guessed", body, hashlib.sha256).hexdigest()
        self.assertEqual(agent.get("/hook/one", body, {"X-Hub-Signature-256": wrong})[0], 401)
        self.assertEqual(agent.get("/hook/one", body, {"X-Hub-Signature-256": sign})[0], 202)
        self.assertEqual(self.revision(agent, second, outcome="applied")["trigger"], "webhook")
        # One that brings nothing new looks for drift.
        self.drift("a", "false")
        agent.wait_next("one", lambda: agent.get("/hook/one", body, {"X-Hub-Signature-256": sign}),
                        trigger="webhook", outcome="applied")
        agent.wait_for(lambda: agent.metrics()["flowsync_webhook_events_total", {"sync": "one", "result": "accepted"}] == 2
                       and agent.metrics()["flowsync_webhook_events_total", {"sync": "one", "result": "refused"}] == 1,
                       "all three are counted")
        agent.stop()

    def test_a_signal_fetches_and_begins_a_cycle(self):
        agent = self.agent(self.config(self.git_sync(poll=FAR)))
        agent.wait_ready()
        second = self.commit({"workflows/b.yaml": spec("b")})
        agent.signal(signal.SIGUSR1)
        self.revision(agent, second, outcome="applied")


class ApproveTest(GitCase):
    """What a guard holds back is passed by whoever approves it: that guard, that revision, once."""

    def approve(self, code, *args):
        return self.expect(code, "approve", *args, endpoint=None)

    def test_a_force_push_waits_until_it_is_approved(self):
        agent = self.agent(self.config(self.git_sync()))
        agent.wait_ready()
        self.approve(64, "one", "rollback", "--revision", self.first)
        good = self.commit({"workflows/a.yaml": spec("a", "date")})
        self.revision(agent, good, outcome="applied")

        self.repository.git("-C", self.repository.work, "reset", "-q", "--hard", self.first)
        other = self.commit({"workflows/a.yaml": spec("a", "uptime")})
        report = self.revision(agent, other, outcome="blocked")
        self.assertEqual((report["exit_code"], [g["name"] for g in report["guards"] if g["result"] == "block"]),
                         (3, ["rollback"]))
        self.assertEqual(self.command_of("a"), "date")
        self.assertFalse(agent.ready())
        agent.wait_logged(f"to allow this once: flowsync approve one rollback --revision {other[:10]}")
        self.assertEqual(agent.metrics()["flowsync_guard_blocks_total", {"sync": "one", "guard": "rollback"}], 1)

        for words in (("one", "rollback", "--revision", good), ("one", "delete-share", "--revision", other),
                      ("two", "rollback", "--revision", other), ("one", "rollback", "--revision", other[:6]),
                      ("one", "rollback")):
            self.approve(64, *words)
        self.assertEqual(agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1))["outcome"], "blocked")

        said = self.approve(0, "one", "rollback", "--revision", other[:10]).out
        self.assertEqual(said, f"one may pass the guard rollback once, at {other}\n")
        report = self.revision(agent, other, outcome="applied")
        self.assertEqual(self.command_of("a"), "uptime")
        self.assertEqual([g for g in report["guards"] if g["name"] == "rollback"][0]["limit"], "a later revision, approved")
        agent.wait_ready()

        # Back to the one before: that was not approved.
        self.repository.git("-C", self.repository.work, "reset", "-q", "--hard", good)
        self.commit({})
        back = agent.wait_report("one", "the next force-push is blocked", outcome="blocked")
        self.assertNotEqual(back["source"]["revision"], other)
        agent.stop()

    def test_an_approval_is_used_up(self):
        agent = self.agent(self.config(self.git_sync()))
        agent.wait_ready()
        good = self.commit({"workflows/a.yaml": spec("a", "date")})
        self.revision(agent, good, outcome="applied")
        push = ("-C", self.repository.work, "push", "-q", "--force", self.repository.path)
        self.repository.git(*push, f"{self.first}:refs/heads/main")
        self.revision(agent, self.first, outcome="blocked")
        self.approve(0, "one", "rollback", "--revision", self.first)
        self.revision(agent, self.first, outcome="applied")
        self.repository.git(*push, f"{good}:refs/heads/main")
        self.revision(agent, good, outcome="applied")
        self.repository.git(*push, f"{self.first}:refs/heads/main")
        self.revision(agent, self.first, outcome="blocked")
        self.assertEqual(self.command_of("a"), "date")
        agent.stop()

    def test_an_approval_of_one_guard_passes_no_other(self):
        agent = self.agent(self.config(self.git_sync(prune=True)))
        agent.wait_ready()
        good = self.commit({f"workflows/{name}.yaml": spec(name) for name in "bcd"})
        self.revision(agent, good, outcome="applied")
        self.repository.git("-C", self.repository.work, "push", "-q", "--force", self.repository.path,
                            f"{self.first}:refs/heads/main")
        for guards in ["delete-share", "rollback"], ["delete-share"]:
            agent.wait_for(lambda: agent.report("one")["outcome"] == "blocked" and guards == sorted(
                g["name"] for g in agent.report("one")["guards"] if g["result"] == "block"), f"{guards} block")
            self.assertEqual(self.names(), ["a", "b", "c", "d"])
            self.approve(0, "one", guards[-1], "--revision", self.first)
        self.revision(agent, self.first, outcome="applied")
        self.assertEqual(self.names(), ["a"])
        agent.stop()

    def test_deletes_from_a_directory_wait_until_their_tree_is_approved(self):
        specs = self.write({f"{n}.yaml": spec(n) for n in "abcd"})
        agent = self.agent(self.config(self.sync(dir=specs, prune=True)))
        agent.wait_ready()
        for name in "bcd":
            (specs / f"{name}.yaml").unlink()
        blocked = agent.wait_report("one", "the deletes are blocked", outcome="blocked")
        tree = blocked["source"]["tree"]
        self.approve(64, "one", "delete-share", "--revision", "0" * 40)
        (specs / "a.yaml").write_text(spec("a", "date"))
        changed = agent.wait_for(lambda: agent.report("one")["source"]["tree"] != tree and agent.report("one"),
                                 "the changed source is looked at")
        self.assertEqual(changed["outcome"], "blocked")
        # What was seen before is not what would be done now.
        self.approve(64, "one", "delete-share", "--revision", tree)
        self.approve(0, "one", "delete-share", "--revision", changed["source"]["tree"])
        agent.wait_report("one", "they are deleted", outcome="applied")
        self.assertEqual((self.names(), self.command_of("a")), (["a"], "date"))
        agent.stop()


if __name__ == "__main__":
    unittest.main()
