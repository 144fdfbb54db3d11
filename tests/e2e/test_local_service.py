"""The service that flowsync brings along, as plan and sync meet it: --endpoint local, and a unix socket."""
import signal
import stat
import unittest

import flowsync
from test_sync import SyncCase, spec


class EmbeddedTest(SyncCase):
    def test_what_one_sync_leaves_the_next_command_finds(self):
        specs = self.write({"a.yaml": spec("a", more="triggers: [{webhook: true}]\n")})
        report = self.sync(specs, endpoint="local", env={"FLOWSYNC_TOKEN_FILE": None})
        self.assertEqual((report["service"], report["outcome"]), ({"endpoint": "local"}, "applied"))
        self.assertEqual(self.plan(specs, endpoint="local")["outcome"], "converged")
        listed = self.expect(0, "workflow", "list", "-o", "json", endpoint="local").json()["workflows"]
        self.assertEqual([w["name"] for w in listed], ["a"])

    def test_its_files_are_for_nobody_else(self):
        self.sync(self.write({"a.yaml": spec("a")}), endpoint="local")
        self.assertEqual(stat.S_IMODE(self.state.stat().st_mode), 0o700)
        for file in self.state.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o700 if file.is_dir() else 0o600, file)

    def test_a_plan_writes_nothing_and_needs_no_room(self):
        specs = self.write({"a.yaml": spec("a")})
        self.plan(specs, endpoint="local", code=2)
        self.assertFalse(self.state.exists())
        self.sync(specs, endpoint="local")
        before = {file: file.stat().st_mtime_ns for file in self.state.rglob("*")}
        # No file can grow, as on a full disk.
        full = self.tmp / "full-disk"
        full.write_text(f'#!/bin/sh\nulimit -f 0\nexec "{self.program}" "$@"\n')
        full.chmod(0o700)
        self.program = full
        self.assertEqual(self.plan(specs, endpoint="local")["outcome"], "converged")
        self.assertEqual({file: file.stat().st_mtime_ns for file in self.state.rglob("*")}, before)

    def test_each_state_directory_has_a_service_of_its_own(self):
        specs = self.write({"a.yaml": spec("a")})
        self.sync(specs, endpoint="local")
        other = self.plan("--state-dir", self.tmp / "deep/other", specs, endpoint="local", code=2)
        self.assertEqual(other["summary"]["observed"], 0)

    def test_where_it_cannot_keep_anything(self):
        specs = self.write({"a.yaml": spec("a"), "file": ""})
        env = {"FLOWSYNC_STATE_DIR": None, "HOME": None}
        self.assertEqual(self.expect(64, "plan", specs, endpoint="local", env=env).err,
                         "flowsync: error: the local service keeps its workflows in the state directory: "
                         "give --state-dir, as HOME is not set\n")
        self.assertEqual(self.expect(1, "plan", "--state-dir", "specs/file", specs, endpoint="local").err,
                         'flowsync: error: the local service: open database "specs/file/local.db": Not a directory\n')
        self.assertIn('flowsync: error: the local service: make the folder "specs/file": File exists; --state-dir names '
                      'another state directory\n',
                      self.expect(1, "sync", "--state-dir", "specs/file", specs, endpoint="local").err)

    def test_of_two_syncs_at_once_one_is_told_of_the_other_and_nothing_is_lost(self):
        folders = [self.write({f"{i}.yaml": spec(f"{name}{i}") for i in range(15)}, name) for name in ("a", "b")]
        both = [self.start("sync", "-o", "json", folder, endpoint="local") for folder in folders]
        for folder, result in zip(folders, [self.finish(process) for process in both]):
            self.assertIn(result.code, (0, 5), result)
            if result.code == 5:
                self.assertRegex(result.err, 'the state directory ".*" is in use by another flowsync')
                result = self.expect(0, "sync", "-o", "json", folder, endpoint="local")
            self.assertEqual(result.json()["summary"]["create"], 15)
        for folder in folders:
            self.assertEqual(self.plan(folder, endpoint="local")["outcome"], "converged")
        listed = self.expect(0, "workflow", "list", "-o", "json", endpoint="local").json()["workflows"]
        self.assertEqual(len(listed), 30)


class UnixSocketTest(SyncCase):
    def test_a_service_on_a_socket(self):
        path = self.tmp / "socket"
        token = self.token_file()
        serve = self.start("serve", "--unix", path, "--db", self.tmp / "service.db", "--token-file", token,
                           endpoint=None)
        self.assertEqual(serve.stdout.readline(), f"listening on unix:{path}\n")
        specs = self.write({"a.yaml": spec("a")})
        report = self.sync(specs, endpoint=f"unix:{path}")
        self.assertEqual(report["outcome"], "applied")
        self.assertEqual(self.plan(specs, endpoint=f"unix:{path}")["outcome"], "converged")
        self.assertEqual(self.expect(1, "plan", specs, endpoint=f"unix:{path}",
                                     env={"FLOWSYNC_TOKEN_FILE": None, "FLOWSYNC_TOKEN": "another"}).err,
                         "flowsync: error: list workflows, page 1: the service answered 401 (the token is not "
                         "accepted): the token in Authorization is not the token of this service\n")
        self.interrupt(serve, signal.SIGTERM)
        self.assertEqual(self.finish(serve).code, 0)
        self.assertFalse(path.exists())

    def test_what_is_no_place_for_a_socket(self):
        specs = self.write({"a.yaml": spec("a")})
        for endpoint, sentence in (
                ("unix:", 'the endpoint "unix:" lacks the path of a socket'),
                ("unix:" + "x" * 200, "the endpoint's socket path has 200 bytes: at most 107 are possible")):
            self.assertEqual(self.expect(64, "plan", specs, endpoint=endpoint).err, f"flowsync: error: {sentence}\n")


if __name__ == "__main__":
    unittest.main()
