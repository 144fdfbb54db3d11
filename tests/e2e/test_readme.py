"""README.md as a new user follows it: its files are written and its commands run, in its order."""
import re
import shlex
import textwrap
import unittest

import flowsync
from agent import AgentCase
from git_servers import git_environment, run

README = (flowsync.ROOT / "README.md").read_text()
# What needs a network, or an agent that a guard has blocked.
ELSEWHERE = ("flowsync plan --stage prod", "flowsync approve ")


def blocks(text):
    """(the line before it, text) of each indented block."""
    for match in re.finditer(r"([^\n]*)\n\n((?:    [^\n]*\n)(?:(?:    [^\n]*)?\n)*)", text):
        yield match.group(1), textwrap.dedent(match.group(2)).strip() + "\n"


class ReadmeTest(AgentCase):
    def setUp(self):
        super().setUp()
        self.write({"prod.yaml": "env: prod\n"}, ".")
        self.ran = []

    def run_line(self, line):
        """One line of a block of commands."""
        words = shlex.split(line, comments=True)
        if line.startswith(ELSEWHERE):
            return
        self.ran.append(words)
        if words[:2] == ["flowsync", "agent"]:
            self.follow_the_agent(words)
        elif words[0] == "flowsync":
            result = self.flowsync(*words[1:], endpoint=None)
            self.assertEqual(result.code, 0, f"\n{result}")
            if "--follow" in words:
                self.assertIn("hello, world", result.out)
        else:
            run(*words, cwd=self.tmp, env=git_environment())

    def follow_the_agent(self, words):
        self.assertEqual(words, ["flowsync", "agent", "--config", "flowsync.yaml"])
        agent = self.agent((self.tmp / "flowsync.yaml").read_text(), name="flowsync")
        agent.wait_ready()
        spec = self.tmp / "specs/workflows/hello.yaml"
        spec.write_text(spec.read_text().replace("hello, world", "hello again"))

        def commit():
            run("git", "-C", "specs", "commit", "-q", "-a", "-m", "Change hello", cwd=self.tmp, env=git_environment())
        self.assertEqual(agent.wait_next("team", commit, outcome="applied")["summary"]["patch"], 1)
        agent.stop()

    def test_its_files_and_commands_work_as_they_stand(self):
        begin, end = README.index("\n## First use"), README.index("\n## Glossary")
        for before, text in blocks(README[begin:end]):
            if re.match(r"(flowsync|git|mv) ", text):
                for line in text.splitlines():
                    with self.subTest(line):
                        self.run_line(line)
            else:
                self.write({re.search(r"`([\w./-]+\.yaml)`:$", before).group(1): text}, ".")
        for line in re.findall(r"`(flowsync (?:import|workflow) [^`]*)`", README):
            with self.subTest(line):
                self.run_line(line)
        commands = {words[1] for words in self.ran if words[0] == "flowsync"}
        self.assertLessEqual({"validate", "plan", "sync", "workflow", "agent", "import", "report"}, commands)
        self.assertTrue((self.tmp / "imported/hello.yaml").exists())
        self.assertTrue((self.tmp / "report.json").exists())

    def test_it_names_every_command(self):
        commands = re.findall(r"^  ([a-z]+) ", self.expect(0, "help", endpoint=None).out.split("commands:")[1]
                              .split("global options:")[0], re.M)
        self.assertGreater(len(commands), 10)
        pages = README + (flowsync.ROOT / "agent/docs/3-commands.md").read_text()
        for command in commands:
            self.assertRegex(pages, rf"`(?:flowsync )?{command}\b", command)

    def test_the_commands_that_it_begins_with_are_there(self):
        for script in re.findall(r"^    sh (\S+)", README, re.M):
            self.assertTrue((flowsync.ROOT / script).exists(), script)
        self.assertRegex(README, r"(?m)^    sh examples/demo.sh\b")
        self.assertRegex(README, r"(?m)^    sh tests/run.sh\b")


if __name__ == "__main__":
    unittest.main()
