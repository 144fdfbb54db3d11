"""The program as systemd runs it by our units, without systemd: their command lines and environment, the journal, and
a socket where systemd's for notifications would be."""
import configparser
import os
import shlex
import signal
import socket
import subprocess
import unittest

from flowsync import PROGRAM, ROOT, TIMEOUT, ServiceCase

SPEC = """\
    name: a
    steps:
      s: {type: standard, imageId: 1, command: "true"}
    """


def unit(name):
    """The [Service] section: a key given several times is a list of lines."""
    class Lines(dict):
        def __setitem__(self, key, value):
            if isinstance(value, list) and key in self:
                value = self[key] + value
            super().__setitem__(key, value)

    parser = configparser.RawConfigParser(dict_type=Lines, strict=False)
    parser.optionxform = str
    parser.read(ROOT / "systemd" / name)
    return dict(parser["Service"])


class UnitTest(ServiceCase):
    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(str(self.tmp / "notify"))
        self.manager.settimeout(TIMEOUT)

    def run_unit(self, name, config=None, credentials=None, **more):
        """Starts what the unit starts, with /etc/flowsync and /var/lib in the test's own folder."""
        section = unit(name)
        etc, secrets, var = self.tmp / "etc", self.tmp / "credentials", self.tmp / "var"
        for folder in (etc, secrets, var):
            folder.mkdir(exist_ok=True)
        (etc / "flowsync.yaml").write_text(config or "")
        words = shlex.split(section["ExecStart"].replace("/etc/flowsync", str(etc)))
        self.assertEqual(words[0], "/usr/local/bin/flowsync")
        env = {"NOTIFY_SOCKET": self.tmp / "notify", "STATE_DIRECTORY": var, "HOME": None,
               "CREDENTIALS_DIRECTORY": secrets, "FLOWSYNC_STATE_DIR": None, **more}
        if "LoadCredential" in section:
            credential, _, default = section["SetCredential"].partition(":")
            text = credentials or default.replace("\\n", "\n")
            (secrets / credential).write_text(text)
            key, _, value = section["Environment"].partition("=")
            env[key] = value.replace("%d", str(secrets))
        return self.start(*words[1:], env=env, endpoint=None)

    def told(self):
        return self.manager.recv(4096).decode()

    def wait_for(self, begin):
        """Until systemd is told so; gives what it was told."""
        while not (said := self.told()).startswith(begin):
            pass
        return said

    def assertGoodEnd(self, name, process):
        self.interrupt(process, signal.SIGTERM)
        result = self.finish(process)
        self.assertIn(result.code, (0, int(unit(name)["SuccessExitStatus"])), f"\n{result}")
        return result

    def test_the_agent_tells_how_it_is(self):
        specs = self.write({"a.yaml": SPEC})
        process = self.run_unit("flowsync.service", f"""
service: {{endpoint: "{self.service.endpoint}"}}
syncs: [{{name: main, source: {{dir: "{specs}"}}}}]
""", credentials=self.service.token, FLOWSYNC_HTTP="127.0.0.1:0", WATCHDOG_USEC="2000000")
        self.wait_for("READY=1")
        self.assertEqual([w["name"] for w in self.service.workflows()], ["a"])
        self.wait_for("WATCHDOG=1")
        self.wait_for("WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        self.assertRegex(self.wait_for("RELOADING=1"), r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.wait_for("READY=1")
        process.send_signal(signal.SIGTERM)
        self.wait_for("STOPPING=1")
        self.assertGoodEnd("flowsync.service", process)
        self.assertTrue(list((self.tmp / "var").rglob("latest.json")))

    def test_a_wrong_configuration_is_not_tried_again(self):
        process = self.run_unit("flowsync.service", "nothing: 1\n")
        self.assertEqual(self.finish(process).code, int(unit("flowsync.service")["RestartPreventExitStatus"]))

    def test_a_sync_needs_no_token_for_the_local_service(self):
        specs = self.write({"a.yaml": SPEC})
        process = self.run_unit("flowsync-sync.service", f"""
service: {{endpoint: local}}
syncs: [{{name: main, source: {{dir: "{specs}"}}}}]
""")
        result = self.finish(process)
        self.assertEqual(result.code, 0, f"\n{result}")
        self.assertTrue((self.tmp / "var/local.db").exists())

    def test_the_local_service_is_ready_when_it_listens(self):
        process = self.run_unit("flowsync-serve.service", FLOWSYNC_LISTEN="127.0.0.1:0", FLOWSYNC_CGROUP="none")
        self.assertEqual(self.told(), "READY=1")
        self.assertTrue((self.tmp / "var/service-token").exists())
        address = process.stdout.readline().split("/")[2]
        host, port = address.split(":")
        socket.create_connection((host, int(port)), TIMEOUT).close()
        result = self.assertGoodEnd("flowsync-serve.service", process)
        self.assertEqual(self.told(), "STOPPING=1")
        self.assertEqual(result.err, "")

    def test_in_the_journal_a_line_begins_with_its_level(self):
        with open(self.tmp / "journal", "w+", encoding="utf-8") as log:
            status = os.fstat(log.fileno())
            own = f"{status.st_dev}:{status.st_ino}"
            for stream, line in ((own, "<3>error: "), ("1:1", "flowsync: error: "), (None, "flowsync: error: ")):
                log.truncate(0)
                subprocess.run([PROGRAM, "plan", "nowhere"], stderr=log, stdout=subprocess.DEVNULL, timeout=TIMEOUT,
                               check=False, env=self.environment(JOURNAL_STREAM=stream))
                log.seek(0)
                self.assertTrue(log.read().startswith(line))
                log.seek(0)


if __name__ == "__main__":
    unittest.main()
