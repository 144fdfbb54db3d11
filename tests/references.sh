#!/bin/sh
# What the documents and comments refer to has to exist:
# - "(design, 6)" and "(contract, 3.7)" in any file: a section of that number in reconcile/docs or agent/docs;
# - in *.md: relative links, paths of the repository and names of sources in backticks;
# - options of flowsync in *.md; and each option and key of the table of options in the pages about commands.
# Prints what does not, a line each.  ROOT=DIR checks another checkout.
cd "${ROOT:-$(dirname "$0")/..}" && exec python3 -B - <<'EOF'
import fnmatch
import glob
import os
import re
import sys

TOP = ("agent", "reconcile", "tests", "examples", "systemd", ".ci", ".github")
bad = []


def wrong(path, text, at, what):
    bad.append(f"{path}:{text.count(chr(10), 0, at) + 1}: {what}")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def tree():
    for folder in TOP:
        for at, folders, names in os.walk(folder):
            folders[:] = [f for f in folders if f not in ("corpus", "__pycache__")]
            yield from (f"{at}/{name}" for name in names)
    yield from ("README.md", "Makefile", "LICENSE")


files = {path for path in tree() if os.path.exists(path)}
names = {os.path.basename(path) for path in files}
pages = sorted(path for path in files if path.endswith(".md"))

# ---- sections ----

design, contract, traps, letters = set(), set(), set(), set()
for page in glob.glob("reconcile/docs/*.md") + glob.glob("agent/docs/*.md"):
    text = read(page)
    if page.endswith("/contract.md"):
        section = ""
        for line in text.splitlines():
            heading = re.match(r"#+ (?:Appendix )?([0-9A-Z][0-9.]*)[. ]", line)
            item = re.match(r"(?:- )?\*\*([A-Z]\.\d+)\*\*", line)
            step = re.match(r"- \*\*([A-Z](?:, [A-Z])*)\.\*\*", line)
            trap = re.match(r"(\d+)\. ", line)
            if heading:
                section = heading.group(1).rstrip(".")
                contract.add(section)
            elif item:
                contract.add(item.group(1))
            elif step:
                letters.update(f"{section} {letter}" for letter in step.group(1).split(", "))
            elif trap and section == "8":
                traps.add(trap.group(1))
        continue
    number = re.match(r"# Design, (\d+): \S", text)
    if number:
        if os.path.basename(page).split("-")[0] != number.group(1):
            bad.append(f"{page}: the name does not begin with the number of its section")
        design.add(number.group(1))
        for below in re.findall(r"^## (\d+(?:\.\d+)*) \S", text, re.M):
            design.add(below)
            if below.split(".")[0] != number.group(1):
                bad.append(f"{page}: section {below} is not one of {number.group(1)}")
sections = {"design": design, "contract": contract}
for name, count in (("design", 10), ("contract", 30)):
    if len(sections[name]) < count:
        bad.append(f"only {len(sections[name])} sections of the {name} were found")

# ---- references to sections ----

NUMBER = r"(?:\d+(?:\.\d+)*(?: [A-Z]\b)?|[AB]\.\d+)"
# Line ends inside of comments count as spaces.
GAP = r"(?:\s|\n[ \t]*(?:\*|#|//)?[ \t]*)+"
REFERENCE = re.compile(rf"\b(design|contract)(?:'s)?,?{GAP}\(?(?:full{GAP}text,{GAP})?(sections?{GAP}|trap{GAP})?"
                       rf"({NUMBER}(?:(?:,|{GAP}and|{GAP}to){GAP}{NUMBER})*)(?![\w.]*\w)", re.I)
found = 0
for path in sorted(files):
    if path == "tests/references.sh" or not re.search(r"\.(c|h|py|sh|md|yaml|service|timer|conf)$|Makefile$", path):
        continue
    text = read(path)
    for ref in REFERENCE.finditer(text):
        name, kind, numbers = ref.group(1).lower(), ref.group(2) or "", ref.group(3)
        known = traps if kind.startswith("trap") else sections[name] | letters
        found += 1
        for number in re.findall(NUMBER, numbers):
            if number not in known:
                wrong(path, text, ref.start(), f"the {name} has no {'trap' if known is traps else 'section'} {number}")
    for ref in re.finditer(rf"contract(?:'s)?,?{GAP}full{GAP}text", text):
        wrong(path, text, ref.start(), "the contract has one text only: \"contract, N.M\"")
if found < 50:
    bad.append(f"only {found} references to sections were found")

# ---- documents ----

PATH = re.compile(r"(?:" + "|".join(re.escape(top) for top in TOP) + r")/[^\s]*$")
options = {}
table = next(iter(glob.glob("agent/**/options.c", recursive=True)), None)
rows = re.findall(r"^\t\{ (?:\"([a-z-]+)\", (?:0|'.'), OPTION|\.key)(.*?)\}[,;]$", read(table), re.M | re.S) if table else []
known_options = {name for name, _ in rows if name} | {"help", "version"}
for page in pages:
    text = read(page)
    for link in re.finditer(r"\]\(([^)\s]+)\)", text):
        target = link.group(1).split("#")[0]
        if target and not re.match(r"[a-z]+:", target) and not os.path.exists(os.path.join(os.path.dirname(page), target)):
            wrong(page, text, link.start(), f"the link leads to no file: {target}")
    for word in re.finditer(r"`([^`\n]+)`", text):
        token = word.group(1)
        if PATH.match(token) and not re.search(r"[{}<>$]|NAME|\.\.\.", token):
            if not glob.glob(token.rstrip("/")) and not glob.glob(os.path.join(os.path.dirname(page), token)):
                wrong(page, text, word.start(), f"there is no {token}")
        elif re.fullmatch(r"[\w*]+\.[ch]", token) and not fnmatch.filter(names, token):
            wrong(page, text, word.start(), f"there is no source called {token}")
    for block in re.finditer(r"^```.*?^```", text, re.M | re.S):
        for word in re.finditer(r"[\w./*-]+\.[ch]\b", block.group()):
            token, at = word.group(), block.start() + word.start()
            if not (glob.glob(token) if "/" in token else token in names) and \
                    not any(path.endswith("/" + token) for path in files):
                wrong(page, text, at, f"there is no {token}")
    for command in re.finditer(r"(?:^ {4}.*?|`)((?:build/)?flowsync [^`|\n]*)", text, re.M):
        for option in re.findall(r"(?<!\S)--([a-z-]+)", command.group(1)):
            if option not in known_options:
                wrong(page, text, command.start(), f"flowsync has no option --{option}")

# ---- every option and key is documented ----

about = "".join(read(page) for page in ("agent/docs/3-commands.md", "agent/docs/sdk-operations.md"))
if len(rows) < 80:
    bad.append(f"only {len(rows)} rows of the table of options were found")
for name, rest in rows:
    key = re.search(r"(?:key)? = \"([a-z_.]+)\"" if not name else r"\.key = \"([a-z_.]+)\"", rest)
    if name and not re.search(rf"--{name}(?![a-z-])", about):
        bad.append(f"agent/docs/3-commands.md: --{name} is not documented")
    if key and f"`{key.group(1)}`" not in about:
        bad.append(f"agent/docs/3-commands.md: the key {key.group(1)} is not documented")

print("\n".join(bad) or f"{found} references to sections, {len(pages)} documents, {len(rows)} options")
sys.exit(1 if bad else 0)
EOF
