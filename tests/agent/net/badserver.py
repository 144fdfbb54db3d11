"""An HTTP server that misbehaves on demand: the path says how.

usage: badserver.py [--tls CERT KEY | --unix PATH]

Prints its port (or the path) on one line and ends when its standard input does.
"""

import email.utils
import gzip
import os
import socket
import ssl
import sys
import threading
import time

lock = threading.Lock()
seen = {}                               # path -> requests so far
last_connect = ""                       # what a CONNECT brought along
last_token = ""
everyone = threading.Barrier(8)


class Request:
    def __init__(self, head, body, connection, number):
        lines = head.split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.headers = lines[1:]
        self.body = body
        self.connection = connection    # counts from 1
        self.number = number            # on its connection, from 1
        with lock:
            seen[self.path] = self.count = seen.get(self.path, 0) + 1


def answer(body=b"ok", status="200 OK", headers=()):
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def echo(sock, r):
    text = "\n".join([f"{r.method} {r.path}", *sorted(h for h in r.headers if h), "", r.body])
    sock.sendall(answer(text, headers=["Content-Type: text/plain"]))


def reflect(sock, r):
    text = "\n".join(["no:", *sorted(h for h in r.headers if h), "", r.body])
    sock.sendall(answer(text, "400 Bad Request"))


def token(sock, r):
    """What an authorization server does; /last-token gives what it was asked."""
    global last_token
    last_token = "\n".join([*sorted(h for h in r.headers if h), "", r.body])
    sock.sendall(answer('{"access_token": "s3same-token", "token_type": "Bearer", "expires_in": 60}',
                        headers=["Content-Type: application/json"]))


def chunked(sock, r):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n")


def short(sock, r):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"workflows\": [")
    return False


def short_chunked(sock, r):
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n")
    return False


def endless(sock, r):
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    while True:
        sock.sendall(chunk)


def bomb(sock, r):
    sock.sendall(answer(gzip.compress(b"x" * (4 << 20)), headers=["Content-Encoding: gzip"]))


def broken_gzip(sock, r):
    sock.sendall(answer(b"this is no gzip at all", headers=["Content-Encoding: gzip"]))


def silent(sock, r):
    time.sleep(5)
    return False


def second(sock, r):
    time.sleep(1)
    sock.sendall(answer())


def slow_body(sock, r):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    time.sleep(5)
    return False


def together(sock, r):
    everyone.wait(5)
    sock.sendall(answer())


def drop(sock, r):
    return False


def drop_second(sock, r):
    if r.number > 1:
        return False
    sock.sendall(answer())


def date(offset):
    return email.utils.formatdate(time.time() + offset, usegmt=True)


def retry(value, clock=None):
    """clock: gives the text of the header Date."""
    def act(sock, r):
        text = value() if callable(value) else value
        headers = [f"Retry-After: {text}"] + ([f"Date: {clock()}"] if clock else [])
        sock.sendall(answer("slow down", "503 Service Unavailable", headers))
    return act


def busy_once(sock, r):
    sock.sendall(answer("again", "429 Too Many Requests") if r.count == 1 else answer("done"))


def connect(sock, r):
    global last_connect
    last_connect = "\n".join(sorted(h for h in r.headers if h))
    sock.sendall(answer("no", "403 Forbidden"))


ACTS = {
    "/echo": echo,
    "/reflect": reflect,
    "/token": token,
    "/token/none": lambda s, r: s.sendall(answer('{"error": "s3same-none"}')),
    "/token/break": lambda s, r: s.sendall(answer('{"access_token": "s3same\\r\\nX-More: 1"}')),
    "/last-token": lambda s, r: s.sendall(answer(last_token)),
    "/server-error": lambda s, r: s.sendall(answer("oops", "500 Internal Server Error")),
    "/long": lambda s, r: s.sendall(answer("a\x00\x1b[1m\n" + "s3same-one" * 500, "404 Not Found")),
    "/chunked": chunked,
    "/html": lambda s, r: s.sendall(answer("<p>", headers=["Content-Type: Text/HTML ; charset=utf-8"])),
    "/gzip": lambda s, r: s.sendall(answer(gzip.compress(b"unpacked"), headers=["Content-Encoding: gzip"])),
    "/bomb": bomb,
    "/broken-gzip": broken_gzip,
    "/short": short,
    "/short-chunked": short_chunked,
    "/endless": endless,
    "/silent": silent,
    "/second": second,
    "/slow-body": slow_body,
    "/redirect": lambda s, r: s.sendall(answer("", "302 Found", ["Location: /echo"])),
    "/empty": lambda s, r: s.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "/drop": drop,
    "/drop-second": drop_second,
    "/no-http": lambda s, r: s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 10) or False,
    "/continue": lambda s, r: s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + answer("after")),
    "/connection": lambda s, r: s.sendall(answer(str(r.connection))),
    "/together": together,
    "/retry/seconds": retry("7"),
    "/retry/zero": retry("0"),
    "/retry/date": retry(lambda: date(100)),
    "/retry/slow-clock": retry(lambda: date(-3600 + 9), lambda: date(-3600)),
    "/retry/fast-clock": retry(lambda: date(3600 + 9), lambda: date(3600)),
    "/retry/odd-clock": retry(lambda: date(100), lambda: "noon"),
    "/retry/past": retry(lambda: date(-100)),
    "/retry/forever": retry("99999999999999999999"),
    "/retry/words": retry("soon"),
    "/retry/mixed": retry("7 minutes"),
    "/busy-once": busy_once,
    "/busy": retry("60"),
    "/unauthorised": lambda s, r: s.sendall(answer('{"detail": "no"}', "401 Unauthorized")),
    "/last-connect": lambda s, r: s.sendall(answer(last_connect)),
}


def read_request(stream, connection, number):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(65536)
        if not line:
            return None
        head += line
    text = head.decode("latin-1")
    length = next((int(line.split(":")[1]) for line in text.split("\r\n")
                   if line.lower().startswith("content-length:")), 0)
    return Request(text.rstrip("\r\n"), stream.read(length).decode("utf-8"), connection, number)


def act_for(r):
    if r.method == "CONNECT":
        return connect
    if r.path.startswith("/seen/"):
        return lambda s, _: s.sendall(answer(str(seen.get(r.path[6:], 0))))
    if r.path.startswith("/bytes/"):
        return lambda s, _: s.sendall(answer("x" * int(r.path[7:])))
    if r.path.startswith("http://"):    # asked as a proxy
        return echo
    return ACTS[r.path.split("?")[0]]


def serve(sock, connection, context):
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        with sock, sock.makefile("rb") as stream:
            number = 1
            if stream.peek(1)[:1] == b"\x16":   # a client that begins to speak TLS
                sock.sendall(answer("what?", "400 Bad Request"))
                return
            while (r := read_request(stream, connection, number)) and act_for(r)(sock, r) is not False:
                number += 1
    except (OSError, threading.BrokenBarrierError):
        pass                            # the client went away, as it should


def main():
    context = None
    if sys.argv[1:2] == ["--unix"]:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[2])
        name = sys.argv[2]
    else:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        name = listener.getsockname()[1]
    if sys.argv[1:2] == ["--tls"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    listener.listen(64)
    print(name, flush=True)

    def accept():
        connection = 0
        while True:
            sock, _ = listener.accept()
            connection += 1
            threading.Thread(target=serve, args=(sock, connection, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
