"""The specs that are measured with: files of 1.9 KB and 228 events of libyaml each, which differ in their names, images
and commands.

    write(folder, 1000)             # bench-00000.yaml ...
    write(folder, 1000, change=1)   # the same workflows, another image in each
    body("NAME")                    # the request body of one, for peers that read no YAML
"""
import json
import pathlib

TEXT = """\
# A night of work.
name: {name}
metadata:
  allowConcurrentExecution: false
triggers:
  - cron: "{minute} {hour} * * *"
tags:
  - name: bench
  - name: team-{team}
watchers:
  - user: oncall@example.com
    events: {{success: false, fail: true}}
steps:
  extract:
    type: standard
    imageId: {image}
    imageVersionId: 3
    command: |
      set -e
      python jobs/extract.py --source {team} --day "$DAY"
      wc -l < rows.csv > rows.txt
    repository:
      url: https://git.example.com/team-{team}/jobs.git
      branch: main
    resources:
      instanceTypeId: 21
      storage: 20GB
    parameters:
      env:
        DAY: "yesterday"
        REGION: "region-{team}"
      secrets: [warehouse-login]
    outputParameters:
      ROWS: rows.txt
    stepTimeout: 1800
  check:
    type: standard
    imageId: {image}
    imageVersionId: 3
    parents: [extract]
    command: python jobs/check.py --rows "$ROWS" --workflow {name}
    resources:
      instanceTypeId: 21
      storage: 10GB
    parameters:
      inherit:
        ROWS: ROWS
      env:
        LIMIT: "{minute}000"
    runConfiguration:
      retryOptions:
        duration: 10
        numberOfRetries: 2
  train:
    type: standard
    imageId: {image}
    imageVersionId: 3
    parents: [check]
    command: python jobs/train.py --workflow {name} --epochs 40
    resources:
      instanceTypeId: 23
      storage: 60GB
    parameters:
      env:
        MODEL: "model-{team}"
    executionParameters:
      conditional:
        - {{condition: not-equals, stepName: extract, paramName: ROWS, value: "0"}}
  publish:
    type: http
    parents: [train]
    method: post
    url: https://api.example.com/models/{name}/publish
    headers:
      absolute:
        content-type: application/json
    payload: '{{"workflow": "{name}", "ready": true}}'
    auth:
      type: bearer-token
      bearerToken: publish-token
  clean-up:
    type: standard
    imageId: {image}
    parents: [publish]
    command: rm -rf "/scratch/{name}"
"""


def text(number, change=0):
    """The file of one workflow; change: another image for each number."""
    return TEXT.format(name=f"bench-{number:05d}", minute=number % 60, hour=number // 60 % 24, team=number % 7,
                       image=40 + number % 5 + 100 * change)


def file(folder, number):
    return pathlib.Path(folder) / f"bench-{number:05d}.yaml"


def write(folder, count, change=0):
    """Makes the folder with so many files; gives their bytes."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for number in range(count):
        content = text(number, change)
        file(folder, number).write_text(content)
        total += len(content)
    return total


def body(change=0):
    """The request body of a workflow named @NAME@."""
    def env(**values):
        return {"env": values}
    image = 41 + 100 * change
    standard = {"type": "standard", "imageId": image, "imageVersionId": 3}
    return json.dumps({
        "name": "@NAME@", "metadata": {"allowConcurrentExecution": False}, "triggers": [{"cron": "1 0 * * *"}],
        "tags": [{"name": "bench"}, {"name": "team-1"}, {"name": "flowsync-default"}],
        "watchers": [{"user": "oncall@example.com", "events": {"success": False, "fail": True}}],
        "steps": {
            "extract": {**standard, "command": "set -e\npython jobs/extract.py --source 1 --day \"$DAY\"\n"
                        "wc -l < rows.csv > rows.txt\n", "stepTimeout": 1800,
                        "repository": {"url": "https://git.example.com/team-1/jobs.git", "branch": "main"},
                        "resources": {"instanceTypeId": 21, "storage": "20GB"},
                        "outputParameters": {"ROWS": "rows.txt"},
                        "parameters": {**env(DAY="yesterday", REGION="region-1"),
                                       "secrets": ["warehouse-login"]}},
            "check": {**standard, "parents": ["extract"], "command": "python jobs/check.py --rows \"$ROWS\" --workflow "
                      "@NAME@", "resources": {"instanceTypeId": 21, "storage": "10GB"},
                      "parameters": {"inherit": {"ROWS": "ROWS"}, **env(LIMIT="1000")},
                      "runConfiguration": {"retryOptions": {"duration": 10, "numberOfRetries": 2}}},
            "train": {**standard, "parents": ["check"], "command": "python jobs/train.py --workflow @NAME@ --epochs 40",
                      "resources": {"instanceTypeId": 23, "storage": "60GB"}, "parameters": env(MODEL="model-1"),
                      "executionParameters": {"conditional": [{"condition": "not-equals", "stepName": "extract",
                                                               "paramName": "ROWS", "value": "0"}]}},
            "publish": {"type": "http", "parents": ["train"], "method": "post",
                        "url": "https://api.example.com/models/@NAME@/publish",
                        "headers": {"absolute": {"content-type": "application/json"}},
                        "payload": "{\"workflow\": \"@NAME@\", \"ready\": true}",
                        "auth": {"type": "bearer-token", "bearerToken": "publish-token"}},
            "clean-up": {"type": "standard", "imageId": image, "parents": ["publish"],
                         "command": "rm -rf \"/scratch/@NAME@\""},
        }})
