"""SIGHUP: the configuration is read again, and the old one kept if the new is wrong."""
import json
import signal
import time
import unittest

from agent import AgentCase, alive, spec, wait_for
from git_servers import Repository, Silent


class ReloadTest(AgentCase):
    def setUp(self):
        super().setUp()
        self.one = self.write({"a.yaml": spec("a")}, "one")
        self.two = self.write({"b.yaml": spec("b")}, "two")

    def test_syncs_come_and_go_and_change(self):
        agent = self.agent(self.config(self.sync("one", dir=self.one), self.sync("old", dir=self.two)))
        agent.wait_ready()
        agent.configure(self.config(self.sync("one", dir=self.one, interval="300ms"),
                                    self.sync("new", dir=self.two, owner="old")))
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        said = agent.reload()
        self.assertGreaterEqual(int(said["MONOTONIC_USEC"]), int(before * 1e6))
        agent.wait_for(lambda: set(agent.status()) == {"one", "new"} and agent.ready(), "the new ones are there")
        self.assertEqual(agent.report("new")["trigger"], "start")
        # Its cycle runs at the same time as that of the other, and may end later.
        agent.wait_for(lambda: "reload" in {r["trigger"] for r in self.reports() if r["sync"] == "one"},
                       "the reload brought a cycle")
        count = sum(r["sync"] == "one" for r in self.reports())
        agent.wait_for(lambda: sum(r["sync"] == "one" for r in self.reports()) >= count + 3, "the new interval holds")
        metrics = agent.metrics()
        self.assertEqual({labels["sync"] for labels, _ in metrics.of("flowsync_suspended")}, {"one", "new"})
        agent.stop()

    def test_a_wrong_one_is_told_and_the_old_one_goes_on(self):
        agent = self.agent(self.config(self.sync("one", dir=self.one, interval="300ms")))
        agent.wait_ready()
        good = self.sync("one", dir=self.one)
        cases = [
            ("syncs: [", "agent.yaml:2:1: "),
            (self.config({**good, "interval": "soon"}), '"soon" is not a duration'),
            (self.config(good, self.sync("two", dir=self.two, owner="one")), "the same service and the same owner"),
        ]
        for config, text in cases:
            with self.subTest(text):
                begin = len(agent.output())
                agent.configure(config)
                agent.reload()
                self.assertIn(text, agent.output()[begin:])
                self.assertIn("configuration not reloaded; the previous configuration stays in effect", agent.output()[begin:])
                before = agent.report("one")["cycle_id"]
                agent.wait_for(lambda: agent.report("one")["cycle_id"] > before, "its cycles go on")
        agent.file.unlink()
        agent.reload()
        self.assertTrue(agent.ready())
        agent.stop()

    def test_what_holds_as_long_as_the_process_takes_a_restart(self):
        config = self.config(self.sync("one", dir=self.one), state_dir=str(self.state))
        agent = self.agent(config, env={"FLOWSYNC_STATE_DIR": None})
        agent.wait_ready()
        agent.configure({**config, "state_dir": str(self.tmp / "elsewhere")})
        agent.reload()
        agent.wait_logged("state_dir changed; restart the agent to apply it")
        agent.wait_logged("configuration not reloaded")
        agent.wait_next("one", lambda: agent.signal(signal.SIGUSR1), outcome="converged")
        self.assertFalse((self.tmp / "elsewhere").exists())
        agent.stop()

    def test_each_setting_that_needs_a_restart_is_named(self):
        images = {"12": "podman run a", "13": "podman run b"}
        config = self.config(self.sync("one", dir=self.one), images=images, http={"listen": "127.0.0.1:0"})
        agent = self.agent(config, env={"FLOWSYNC_CGROUP": None}, http=None)
        agent.wait_ready()
        changes = {
            "http.listen": {"http": {"listen": "127.0.0.1:1"}},
            "images": {"images": {**images, "13": "docker run b"}},
            "serve.jobs": {"serve": {"jobs": 3}},
            "serve.crons": {"serve": {"crons": False}},
            "serve.timezone": {"serve": {"timezone": "Europe/Berlin"}},
            "serve.secrets_dir": {"serve": {"secrets_dir": "secrets"}},
            "serve.cgroup": {"serve": {"cgroup": "none"}},
            "serve.sql": {"serve": {"sql": "psql"}},
            "serve.export": {"serve": {"export": "./export"}},
            **{f"serve.git.{key}": {"serve": {"git": {key: "file"}}} for key in ("ca_file", "ssh_key", "known_hosts")},
            **{f"serve.smtp.{key}": {"serve": {"smtp": {key: "a@b.example"}}}
               for key in ("from", "username", "password_file", "ca_file")},
            "serve.smtp.url": {"serve": {"smtp": {"url": "smtp://localhost:25"}}},
        }
        for key, change in changes.items():
            with self.subTest(key):
                begin = len(agent.output())
                agent.configure({**config, **change})
                agent.reload()
                said = agent.output()[begin:]
                named = [line for line in said.splitlines() if "restart the agent" in line]
                self.assertEqual(len(named), 1, said)
                self.assertIn(f"warning: {key} changed; restart the agent to apply it", named[0])
        begin = len(agent.output())
        agent.configure(config)
        agent.reload()
        self.assertNotIn("restart the agent", agent.output()[begin:])
        agent.stop()

    def test_the_log_changes_at_once(self):
        agent = self.agent(self.config(self.sync("one", dir=self.one)))
        agent.wait_ready()
        begin = len(agent.output())
        agent.configure(self.config(self.sync("one", dir=self.one), log={"format": "json", "level": "debug"}))
        agent.reload()
        agent.wait_logged("converged, trigger reload", begin)
        agent.stop()
        for line in agent.output()[begin:].splitlines():
            json.loads(line)

    def test_one_that_is_taken_out_ends_its_step_and_may_come_back(self):
        endpoint, gate, came = self.gate()
        both = self.config(self.sync("one", dir=self.one), self.sync("two", dir=self.two), endpoint=endpoint)
        alone = self.config(self.sync("one", dir=self.one), endpoint=endpoint)
        agent = self.agent(both)
        wait_for(lambda: len(came) == 2, "both write")
        agent.configure(alone)
        agent.signal(signal.SIGHUP)
        agent.wait_logged("configuration reloaded")
        agent.configure(both)
        begin = len(agent.output())
        agent.signal(signal.SIGHUP)
        agent.wait_logged("configuration reloaded", begin)
        gate.set()
        agent.wait_for(lambda: len(agent.status()) == 2 and agent.ready(), "both are there")
        self.assertEqual(self.names(), ["a", "b"])
        agent.configure(alone)
        agent.reload()
        agent.wait_for(lambda: set(agent.status()) == {"one"}, "it is gone")
        agent.stop()

    def test_another_source_is_not_taken_for_the_one_that_is_being_fetched(self):
        silent = Silent()
        self.addCleanup(silent.stop)
        repository = Repository(self.tmp / "site/repo.git")
        repository.commit({"c.yaml": spec("c")})
        agent = self.agent(self.config(self.sync("one", git=silent.url("repo.git"))))
        silent.wait(silent.came)
        fetch = agent.wait_child("git-fetch")
        agent.configure(self.config(self.sync("one", git=repository.path)))
        agent.signal(signal.SIGHUP)
        agent.wait_ready()
        self.assertFalse(alive(fetch))
        self.assertEqual(self.names(), ["c"])
        agent.configure(self.config(self.sync("one", dir=self.one)))
        agent.reload()
        agent.wait_report("one", "the directory is its source now", outcome="applied")
        (self.one / "d.yaml").write_text(spec("d"))
        wait_for(lambda: "d" in self.names(), "the directory is watched")
        agent.stop()

    def test_a_git_source_is_asked_anew(self):
        repository = Repository(self.tmp / "site/repo.git")
        repository.commit({"c.yaml": spec("c")})
        agent = self.agent(self.config(self.sync("one", git=repository.path, poll="1h")))
        agent.wait_ready()
        agent.reload()
        report = agent.wait_report("one", "the reload brought a cycle", trigger="reload")
        self.assertEqual((report["outcome"], report["errors"]), ("converged", []))
        repository.commit({"d.yaml": spec("d")})
        agent.reload()
        wait_for(lambda: self.names() == ["c", "d"], "the commit is applied")
        agent.stop()

    def test_a_sync_with_the_local_service_may_come_later(self):
        agent = self.agent(self.config(self.sync("one", dir=self.one)))
        agent.wait_ready()
        agent.configure(self.config(self.sync("one", dir=self.one),
                                    self.sync("two", dir=self.two, service={"endpoint": "local"})))
        agent.reload()
        agent.wait_for(lambda: set(agent.status()) == {"one", "two"} and agent.ready(), "both are good")
        self.assertIn("b", self.expect(0, "workflow", "list", endpoint="local").out)
        agent.stop()

    def test_a_hook_has_the_secret_of_the_new_configuration(self):
        first, second = self.secret("first"), self.secret("second")
        file = self.tmp / "secret"
        file.write_text(first)
        agent = self.agent(self.config(self.sync("one", dir=self.one, hook={"secret_file": str(file)})))
        agent.wait_ready()
        self.assertEqual(agent.get("/hook/one", b"", {"X-Flowsync-Token": first})[0], 202)
        file.write_text(second)
        agent.reload()
        self.assertEqual(agent.get("/hook/one", b"", {"X-Flowsync-Token": first})[0], 401)
        self.assertEqual(agent.get("/hook/one", b"", {"X-Flowsync-Token": second})[0], 202)
        agent.configure(self.config(self.sync("one", dir=self.one)))
        agent.reload()
        self.assertEqual(agent.get("/hook/one", b"", {"X-Flowsync-Token": second})[0], 404)
        agent.stop()


if __name__ == "__main__":
    unittest.main()
