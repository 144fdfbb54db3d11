"""A deployment in Python, as with the service's own SDK: each file is loaded and sent by create_or_update, which lists
by name and then creates or updates, one after the other.

    python3 python_peer.py pure|C DIR URL

pure and C are the loaders of PyYAML.
"""
import os
import pathlib
import sys

import requests
import yaml

BASE = "/workflows/api/v1/workflows/"


def main():
    loader = {"pure": yaml.SafeLoader, "C": yaml.CSafeLoader}[sys.argv[1]]
    url = sys.argv[3] + BASE
    session = requests.Session()
    session.headers.update({"Authorization": os.environ["BENCH_TOKEN"], "Content-Type": "application/json"})
    for path in sorted(pathlib.Path(sys.argv[2]).iterdir()):
        body = yaml.load(path.read_text(), loader)
        answer = session.get(url, params={"searchTerm": body["name"], "pageSize": 100, "pageNumber": 1}, json={})
        answer.raise_for_status()
        found = [w["id"] for w in answer.json()["workflows"] if w["name"] == body["name"]]
        answer = session.put(f"{url}{found[0]}", json=body) if found else session.post(url, json=body)
        answer.raise_for_status()


main()
