"""A plan in its forms: text on a terminal, Markdown for a pull request, JUnit for a CI system, in files and on stdout."""
import json
import re
import stat
import unittest
import xml.etree.ElementTree

import flowsync
from test_sync import SyncCase, body, spec

HOSTILE = [
    "<script>alert(1)</script>", "]]>", "<![CDATA[", "&amp; &#64;", "\"><x y='", "@mention", "#1", "[a](https://evil.example)",
    "`", "```", "````\n</details>\n````", "a|b", "a\\|b", "::error::x", "a\n::error::b", "##[error]x", "##vso[task.complete]",
    "\x1b[31mred", "\x07", "\u202ea", "\u200b", "\ufffe", "\U0001f600", "a\r\nb", "tab\tx ", "\u00a0",
]


def quoted(text):
    """text as YAML: each character that is no letter or digit as an escape."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in text) + '"'


def name_of(i):
    """A name has no control characters."""
    return re.sub(r"[^\x20-\x7e]", "?", HOSTILE[i]).strip() + f" {i}"


class RenderingTest(SyncCase):
    def hostile_specs(self):
        """Workflows whose names and values are hostile; some of them are on the service already, with other values."""
        files = {}
        for i, text in enumerate(HOSTILE):
            files[f"{i:02}.yaml"] = (f"name: {quoted(name_of(i))}\nsteps:\n  {quoted(name_of(i))}:\n    imageId: 7\n"
                                     f"    command: {quoted(HOSTILE[i - 1])}\n    parameters:\n"
                                     f"      env: {{A: {quoted(text)}}}\n")
            if i % 2:
                self.service.create({"name": name_of(i), "triggers": [], "watchers": [], "tags": [], "steps": {
                    name_of(i): {"imageId": 7, "command": text, "type": "standard"}}})
        return self.write(files)

    def test_hostile_values_are_only_values_in_every_form(self):
        specs = self.hostile_specs()
        text = self.expect(0, "plan", specs, "-o", f"markdown={self.tmp}/plan.md", "-o", f"junit={self.tmp}/plan.xml",
                           "-o", f"json={self.tmp}/plan.json", "-o", f"human={self.tmp}/plan.txt").out
        report = json.loads((self.tmp / "plan.json").read_text())
        self.assertEqual(len(report["workflows"]), len(HOSTILE))
        self.assertEqual((self.tmp / "plan.txt").read_text(), text)
        markdown = (self.tmp / "plan.md").read_text()
        junit = (self.tmp / "plan.xml").read_text()
        for form in (text, markdown, junit):
            self.assertIsNone(re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]", form), form)
            self.assertIsNone(re.search(r"(?m)^\s*::|##\[|##vso\[", form), form)
        suite = xml.etree.ElementTree.fromstring(junit).find("testsuite")
        self.assertEqual(int(suite.get("tests")), len(HOSTILE))
        self.assertEqual(len(suite.findall("testcase")), len(HOSTILE))
        self.assertEqual([case.get("name") for case in suite.findall("testcase")][:3], [name_of(i) for i in range(3)])
        # What is left of the table without code spans is none of a value.
        for line in markdown.splitlines():
            if line.startswith("| create"):
                self.assertRegex(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "C", line), r"^\| create \| C \| C \|$")

    def test_a_file_is_written_beside_stdout_and_only_for_its_owner(self):
        specs = self.write({"a.yaml": spec("a")})
        out = self.expect(0, "plan", specs, "-o", "json", "-o", f"markdown={self.tmp}/plan.md").json()
        self.assertEqual(out["summary"]["create"], 1)
        file = self.tmp / "plan.md"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertTrue(file.read_text().startswith("### flowsync plan `default`\n\n**Plan: 1 to create, "))
        self.assertEqual(self.expect(0, "plan", specs, "-o", "markdown").out.splitlines()[0], "### flowsync plan `default`")

    def test_nothing_is_applied_if_a_file_cannot_be_written(self):
        specs = self.write({"a.yaml": spec("a")})
        result = self.expect(1, "sync", specs, "-o", f"junit={self.tmp}/nowhere/plan.xml")
        self.assertIn("report ", result.err)
        self.assertEqual(self.service.workflows(), [])

    def test_a_changed_cron_shows_its_next_times_before_and_after(self):
        specs = self.write({"a.yaml": spec("a", more="triggers: [{cron: 0 6 1 1 *}]\n")})
        live = body("a")
        live["triggers"] = [{"cron": "0 5 1 1 *"}]
        self.service.create(live)
        for zone, hour in (None, 0), ("Asia/Kolkata", 5.5):
            out = self.expect(0, "plan", specs, *(["--timezone", zone] if zone else [])).out
            for sign, time in ("-", 5), ("+", 6):
                found = re.findall(rf"(?m)^    \{sign}     \w\w\w \d\d\d\d-\d\d-\d\d (\d\d:\d\d) UTC(.*)$", out)
                self.assertEqual(len(found), 5, out)
                utc = int((time - hour) * 60) % 1440
                self.assertEqual(found[0][0], f"{utc // 60:02}:{utc % 60:02}")
                self.assertRegex(found[0][1], rf"^, \w\w\w \d\d\d\d-01-01 {time:02}:00 {zone}$" if zone else "^$")
        self.assertIn("time zone \"No/Zone\" is not known", self.expect(64, "plan", specs, "--timezone", "No/Zone").err)

    def test_a_stored_report_has_every_form(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        self.service.create(body("b"))
        self.expect(0, "sync", specs, "-o", f"markdown={self.tmp}/sync.md", "-o", f"junit={self.tmp}/sync.xml")
        self.expect(0, "report", "latest", "-o", f"markdown={self.tmp}/again.md", endpoint=None)
        self.assertEqual((self.tmp / "again.md").read_text(), (self.tmp / "sync.md").read_text())
        # A new report has its unchanged workflows as tests too.
        self.assertIn('tests="2" failures="0"', (self.tmp / "sync.xml").read_text())
        junit = self.expect(0, "report", "latest", "-o", "junit", endpoint=None).out
        self.assertEqual(xml.etree.ElementTree.fromstring(junit).get("failures"), "0")
        self.assertIn("name a report, such as latest", self.expect(64, "report", "-o", "junit", endpoint=None).err)

    def test_junit_counts_what_failed(self):
        specs = self.write({"a.yaml": spec("a"), "twice.yaml": spec("twice")})
        self.service.create(body("twice"))
        self.service.create(body("twice"))
        junit = xml.etree.ElementTree.fromstring(self.expect(5, "plan", specs, "-o", "junit").out)
        self.assertEqual([junit.get(key) for key in ("tests", "failures", "errors", "skipped")], ["2", "1", "0", "0"])
        failure = junit.find("testsuite/testcase/failure")
        self.assertEqual(failure.get("type"), "conflict")
        broken = self.write({"a.yaml": "name: 7"}, "broken")
        junit = xml.etree.ElementTree.fromstring(self.expect(65, "plan", broken, "-o", "junit").out)
        self.assertEqual(junit.get("errors"), "1")


if __name__ == "__main__":
    unittest.main()
