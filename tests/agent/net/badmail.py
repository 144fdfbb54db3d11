"""A mail server for unit tests, whose recipients and mode say how it misbehaves.

usage: badmail.py FILE [MODE]

Writes each command and line that it is told to FILE.  Recipients whose name begins with "no" it
refuses, "later" it puts off.  MODE: auth (wants mail:s3same-word), repeat (the same, and refuses a mail with a text that
has the password in it), silent, http (says what is no SMTP), drop
(hangs up at DATA), refuse (a mail after it came), full (every sender).  Prints its port on one line and
ends when its standard input does.
"""

import base64
import os
import socket
import sys
import threading
import time

FILE, MODE = sys.argv[1], (sys.argv + [""])[2]


class HungUp(Exception):
    pass


class Session:
    def __init__(self, sock, log):
        self.sock, self.log, self.stream = sock, log, sock.makefile("rb")
        self.known = MODE not in ("auth", "repeat")

    def say(self, text):
        self.sock.sendall(text.replace("\n", "\r\n").encode() + b"\r\n")

    def line(self):
        line = self.stream.readline(65536)
        if not line:
            raise HungUp
        self.log.write(line.decode().replace("\r\n", "$\n"))
        self.log.flush()
        return line.decode().rstrip("\r\n")

    def data(self):
        if MODE == "drop":
            raise HungUp
        self.say("354 go on")
        while self.line() != ".":
            pass
        self.say({"refuse": "554 it looks bad", "repeat": "554 not with s3same-word"}.get(MODE, "250 taken"))

    def auth(self, words):
        good = base64.b64encode(b"\0mail\0s3same-word").decode()
        said = words[2] if len(words) > 2 else self.ask()
        self.known = said == good
        self.say("235 welcome" if self.known else "535 who are you")

    def ask(self):
        self.say("334 ")
        return self.line()

    def command(self, line):
        words = line.split()
        verb = words[0].upper()
        if verb == "EHLO":
            self.say("250-here" + ("\n250 AUTH PLAIN" if MODE in ("auth", "repeat") else "\n250 SIZE"))
        elif verb == "AUTH":
            self.auth(words)
        elif verb == "MAIL":
            self.say("530 log in" if not self.known else "452 disk full" if MODE == "full" else "250 fine")
        elif verb == "RCPT":
            name = line.partition("<")[2]
            self.say("550-sorry\n550 nobody of that name" if name.startswith("no") else
                     "451 come back" if name.startswith("later") else "250 fine")
        elif verb == "DATA":
            self.data()
        elif verb == "QUIT":
            self.say("221 bye")
            raise HungUp
        else:
            self.say("502 what?")

    def run(self):
        if MODE == "silent":
            time.sleep(5)
            return
        self.say("HTTP/1.1 200 OK\n\nhello" if MODE == "http" else "220 here")
        while True:
            self.command(self.line())


def serve(sock):
    with sock, open(FILE, "a") as log:
        try:
            Session(sock, log).run()
        except (HungUp, OSError):
            pass


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
