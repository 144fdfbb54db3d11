"""Real git servers on loopback, and the repositories, keys and certificates that they need.

    authority = Authority(folder)
    repository = Repository(folder / "site/repo.git")
    repository.commit({"workflows/a.yaml": "name: a\n..."})
    web = WebServer(folder, authority, {"somebody": "their token"})
    web.url("repo.git")         # https://127.0.0.1:PORT/repo.git
    web.stop()

`git daemon`, `git http-backend` behind Apache, and sshd run as ordinary processes of whoever runs
the tests.  Each takes a free port, is up when its constructor returns, and ends with this process.
"""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from flowsync import TIMEOUT
HOST = "127.0.0.1"
NOBODY = 65534
MODULES = "/usr/lib/apache2/modules"
USER = pwd.getpwuid(os.geteuid()).pw_name


def run(*command, **options):
    """Runs a command that has to succeed, and gives its stdout."""
    done = subprocess.run([str(c) for c in command], stdin=options.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, text=True, timeout=TIMEOUT, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


# A commit would start another process, to see whether the repository needs maintenance.
NO_MAINTENANCE = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "maintenance.auto", "GIT_CONFIG_VALUE_0": "false"}


def git_environment(**more):
    """An environment in which nobody's settings of git count."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", **more}


def git_program(name):
    """The program behind `git NAME`: what git starts for itself would not end with git."""
    return pathlib.Path(run("git", "--exec-path").strip()) / f"git-{name}"


class Repository:
    """A bare repository, with a work tree beside it by which commits come into it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.work = self.path.with_suffix(".work")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "--bare", "-b", "main", self.path)
        self.git("init", "-q", "-b", "main", self.work)

    def git(self, *args):
        return run("git", *args, env=git_environment(**NO_MAINTENANCE)).strip()

    def commit(self, files, branch="main", tag=None):
        """Commits {name: text} on the branch, with what was there before; gives the commit."""
        for name, text in files.items():
            file = self.work / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        work = ("-C", self.work)
        self.git(*work, "add", "--all")
        self.git(*work, "commit", "-q", "--allow-empty", "-m", "a change")
        self.git(*work, "push", "-q", "--force", self.path, f"HEAD:refs/heads/{branch}")
        if tag:
            self.git(*work, "push", "-q", self.path, f"HEAD:refs/tags/{tag}")
        return self.git(*work, "rev-parse", "HEAD")

    def many_refs(self, count):
        """Gives it so many refs, as a packed-refs file, which is quick."""
        commit = self.git("-C", self.path, "rev-parse", "refs/heads/main")
        with open(self.path / "packed-refs", "w") as f:
            f.write("# pack-refs with: peeled fully-peeled sorted \n")
            f.writelines(f"{commit} refs/tags/{'x' * 200}-{i:08}\n" for i in range(count))


class Authority:
    """A certification authority of the test's own: .file is what its friends trust."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self.config = self.folder / f"{name}.cnf"
        self.config.write_text("[req]\ndistinguished_name = dn\n[dn]\n"
                               "[authority]\nbasicConstraints = critical, CA:TRUE\n"
                               "keyUsage = critical, keyCertSign, cRLSign\n"
                               "[ca]\ndefault_ca = issue\n"
                               f"[issue]\ndatabase = {self.folder}/{name}.issued\nnew_certs_dir = {self.folder}\n"
                               "rand_serial = yes\nunique_subject = no\ndefault_md = sha256\npolicy = names\n"
                               "[names]\ncommonName = supplied\n")
        (self.folder / f"{name}.issued").touch()
        self._new_key(self.key)
        run("openssl", "req", "-x509", "-new", "-key", self.key, "-days", "3", "-subj", f"/CN={name}",
            "-config", self.config, "-extensions", "authority", "-out", self.file)

    def _new_key(self, file):
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file)

    def certificate(self, name="server", host=HOST, days=2):
        """(certificate, key) of a server at an address; days below 0: expired that long ago.

        The address stands there as a DNS name too: mbedTLS 2.28 looks at no other."""
        cert, key, asked, names = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        self._new_key(key)
        names.write_text(f"subjectAltName = IP:{host}, DNS:{host}\n")
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={host}", "-config", self.config, "-out", asked)
        # x509 -days takes none below 0 in OpenSSL 3.5, and before 3.4 it has no dates.
        now = time.time()
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + 86400 * d)) for d in (min(days, 0) - 1, days))
        run("openssl", "ca", "-batch", "-notext", "-config", self.config, "-in", asked, "-cert", self.file,
            "-keyfile", self.key, "-startdate", begin, "-enddate", end, "-extfile", names, "-out", cert)
        return cert, key


class Process:
    """A server that is a program; the classes below say which."""

    host = HOST

    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder, prefix=f"{type(self).__name__}-"))
        self.log = self.folder / "log"
        self.process, self.port = None, None
        self.start()

    def start(self):
        """Starts it; on the port that it had, if it ran before."""
        end = time.monotonic() + TIMEOUT
        while True:
            port = self.port or free_port(self.host)
            with open(self.log, "ab") as log:
                # With the thread that started it ends the server, however that comes.
                self.process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *map(str, self.command(port))],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                    env=self.environment(), cwd=self.folder)
            if self._listens(port, end):
                self.port = port
                return
            self.stop()
            # Between our look and its own the port may have gone to somebody else.
            if time.monotonic() > end or "ddress already in use" not in self.said():
                raise AssertionError(f"{type(self).__name__} did not start:\n{self.said()}")

    def _listens(self, port, end):
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection((self.host, port), 1):
                return self.process.poll() is None
            time.sleep(0.02)
        return False

    def environment(self):
        return git_environment()

    def said(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        """Ends it and all that it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 15)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        self.process = None


def free_port(host):
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


class Daemon(Process):
    """`git daemon` over all repositories below a folder."""

    def __init__(self, folder, repositories, *options):
        self.repositories, self.options = repositories, options
        super().__init__(folder)

    def command(self, port):
        return [git_program("daemon"), "--export-all", "--reuseaddr", f"--listen={self.host}", f"--port={port}",
                f"--base-path={self.repositories}", *self.options, self.repositories]

    def url(self, name=""):
        return f"git://{self.host}:{self.port}/{name}"


class WebServer(Process):
    """`git http-backend` behind Apache with TLS; basic authentication if there are users {name: password}."""

    CONFIG = """\
        ServerRoot {folder}
        ServerName {host}
        Listen {host}:{port}
        PidFile {folder}/pid
        DefaultRuntimeDir {folder}
        {identity}
        {modules}
        StartServers 1
        MinSpareServers 1
        MaxSpareServers 4
        ErrorLog {folder}/log
        LogLevel warn cgi:info
        LogFormat "%a %u \\"%r\\" %>s %{{Authorization}}i" seen
        CustomLog {folder}/requests seen
        SSLEngine on
        SSLSessionCache none
        SSLCertificateFile {certificate}
        SSLCertificateKeyFile {key}
        SetEnv GIT_PROJECT_ROOT {repositories}
        SetEnv GIT_HTTP_EXPORT_ALL 1
        SetEnv GIT_CONFIG_NOSYSTEM 1
        # Apache's children are somebody else where root runs the tests.
        SetEnv GIT_CONFIG_COUNT 1
        SetEnv GIT_CONFIG_KEY_0 safe.directory
        SetEnv GIT_CONFIG_VALUE_0 *
        ScriptAlias / {backend}/
        <Location />
            {access}
        </Location>
        """
    ACCESS = """\
            AuthType Basic
            AuthName git
            AuthBasicProvider file
            AuthUserFile {folder}/users
            Require valid-user
        """

    def __init__(self, folder, repositories, authority, users=None, host=HOST, certificate=None):
        self.repositories, self.host, self.users = repositories, host, users
        self.certificate, self.key = certificate or authority.certificate()
        super().__init__(folder)

    def command(self, port):
        as_root = os.geteuid() == 0
        backend = git_program("http-backend")
        names = ["mpm_prefork", "authn_core", "authz_core", "authz_user", "auth_basic", "authn_file",
                 "alias", "env", "cgi", "socache_shmcb", "ssl"]
        modules = [f"LoadModule {n}_module {MODULES}/mod_{n}.so" for n in names]
        fields = dict(folder=self.folder, host=self.host, port=port, backend=backend,
                      repositories=self.repositories, certificate=self.certificate, key=self.key,
                      modules="\n".join(modules), identity=f"User #{NOBODY}\nGroup #{NOBODY}" if as_root else "",
                      access=self.ACCESS.format(folder=self.folder) if self.users else "Require all granted")
        (self.folder / "config").write_text(self.CONFIG.format(**fields))
        self.set_users(self.users)
        if as_root:
            self._open_to_nobody()
        apache = shutil.which("apache2", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        return [apache or "apache2", "-DFOREGROUND", "-f", self.folder / "config"]

    def set_users(self, users):
        """Who is let in from now on, {name: password}."""
        self.users = users
        lines = [f"{name}:{hashed(password)}\n" for name, password in (users or {}).items()]
        (self.folder / "users").write_text("".join(lines))

    def _open_to_nobody(self):
        self.folder.chmod(0o755)
        for folder in [self.folder, *self.folder.parents, self.repositories]:
            mode = os.stat(folder).st_mode
            if not mode & 0o001:
                os.chmod(folder, mode | 0o011)

    def url(self, name):
        return f"https://{self.host}:{self.port}/{name}"

    def requests(self):
        """'ADDRESS USER "REQUEST" STATUS AUTHORIZATION' of all that came."""
        file = self.folder / "requests"
        return file.read_text().splitlines() if file.exists() else []


def hashed(password):
    return run("openssl", "passwd", "-apr1", password).strip()


class Thread:
    """A listening socket of this process, and a thread for each connection; not a git server at all."""

    def __init__(self, host=HOST, certificate=None):
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.host, self.listening = host, socket.create_server((host, 0))
        self.port = self.listening.getsockname()[1]
        self.stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            connection.settimeout(TIMEOUT)
            with self.context.wrap_socket(connection, server_side=True) if self.context else connection as c:
                self.serve(c)

    def stop(self):
        self.stopped.set()
        # A thread that waits in accept() would keep the socket.
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def wait(self, event):
        if not event.wait(TIMEOUT):
            raise AssertionError("nobody came")

    def url(self, name):
        return f"http{'s' if self.context else ''}://{self.host}:{self.port}/{name}"


class Odd(Thread):
    """Answers each request as a test wants: answer(request) gives the bytes that are written.

    request is all text up to the empty line; all that came are in .requests.  hang: then nothing
    more comes, and the connection stays open until stop().  hasty: the answer does not wait for the
    body of the request, so that the connection is reset when it is closed."""

    def __init__(self, answer, hang=False, hasty=False, **options):
        self.answer, self.hang, self.hasty = answer, hang, hasty
        self.requests, self.answered = [], threading.Event()
        super().__init__(**options)

    def serve(self, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            part = connection.recv(65536)
            if not part:
                return
            request += part
        head, body = request.split(b"\r\n\r\n", 1)
        self.requests.append((head + b"\r\n\r\n").decode(errors="replace"))
        length = re.search(rb"(?mi)^content-length: *(\d+)", head)
        while length and not self.hasty and len(body) < int(length[1]) and (part := connection.recv(65536)):
            body += part
        connection.sendall(self.answer(self.requests[-1]))
        self.answered.set()
        if self.hang:
            self.stopped.wait(TIMEOUT)


class Silent(Thread):
    """Takes connections and says nothing, or these bytes again and again for ever; wait: from
    .begin.set() on."""

    def __init__(self, first=b"", again=b"", wait=False, **options):
        self.first, self.again, self.came, self.begin = first, again, threading.Event(), threading.Event()
        if not wait:
            self.begin.set()
        super().__init__(**options)

    def serve(self, connection):
        self.came.set()
        self.begin.wait(TIMEOUT)
        connection.sendall(self.first)
        while self.again and not self.stopped.is_set():
            connection.sendall(self.again)
        self.stopped.wait(TIMEOUT)


class Gate(Thread):
    """Stands in front of a server.  After shut(most) it lets only so many bytes of an answer through,
    and says with .reached that it holds one back, until open()."""

    def __init__(self, server):
        self.server, self.most = server, None
        self.reached, self.opened = threading.Event(), threading.Event()
        super().__init__()

    def shut(self, most):
        self.reached.clear()
        self.opened.clear()
        self.most = most

    def open(self):
        self.most = None
        self.opened.set()

    def serve(self, connection):
        with socket.create_connection((self.server.host, self.server.port), TIMEOUT) as server:
            threading.Thread(target=self._carry, args=(connection, server), daemon=True).start()
            passed = 0
            while part := server.recv(4096):
                passed += len(part)
                if self.most is not None and passed > self.most:
                    self.reached.set()
                    self.opened.wait(TIMEOUT)
                connection.sendall(part)
            connection.shutdown(socket.SHUT_RDWR)

    def _carry(self, source, target):
        with contextlib.suppress(OSError):
            while part := source.recv(4096):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)

    def stop(self):
        self.open()
        super().stop()

    def url(self, name):
        return self.server.url(name).replace(f":{self.server.port}/", f":{self.port}/")


def http_answer(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close",
             *(f"{key.replace('_', '-')}: {value}" for key, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Ssh(Process):
    """sshd, for the user who runs the tests; kinds: of its host keys, the first known_hosts() tells."""

    CONFIG = """\
        ListenAddress {host}:{port}
        {host_keys}
        AuthorizedKeysFile {folder}/authorized
        PidFile {folder}/pid
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
        LogLevel VERBOSE
        """

    def __init__(self, folder, kinds=("ed25519", "ecdsa")):
        self.kinds, self.friends = kinds, ()
        super().__init__(folder)

    def host_key(self, kind):
        return self.folder / f"host_{kind}"

    def command(self, port):
        for kind in self.kinds:
            if not self.host_key(kind).exists():
                new_ssh_key(self.host_key(kind), kind)
        self.allow(*self.friends)
        host_keys = "\n".join(f"HostKey {self.host_key(kind)}" for kind in self.kinds)
        (self.folder / "config").write_text(self.CONFIG.format(
            folder=self.folder, host=self.host, port=port, host_keys=host_keys))
        sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        return [sshd or "sshd", "-D", "-e", "-f", self.folder / "config"]

    def start(self):
        # Where no init system made it, root's sshd does not start without it.
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        super().start()

    def allow(self, *keys):
        """Whose public keys (KEY.pub) are let in from now on."""
        self.friends = keys
        (self.folder / "authorized").write_text("".join(pathlib.Path(f"{k}.pub").read_text() for k in keys))

    def new_host_keys(self):
        """Starts it with other host keys, as after a new installation."""
        self.stop()
        for kind in self.kinds:
            for file in (self.host_key(kind), pathlib.Path(f"{self.host_key(kind)}.pub")):
                file.unlink()
        self.start()

    def known_line(self, kind=None):
        """The line of a known_hosts file for one of its keys."""
        key = pathlib.Path(f"{self.host_key(kind or self.kinds[0])}.pub").read_text().split()[:2]
        return f"[{self.host}]:{self.port} {' '.join(key)}\n"

    def url(self, path):
        return f"ssh://{USER}@{self.host}:{self.port}{path}"


def new_ssh_key(file, kind="ed25519", passphrase=""):
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", file)
    return file


class Agent:
    """ssh-agent, with these keys; .socket is its SSH_AUTH_SOCK."""

    def __init__(self, folder, *keys):
        self.socket = pathlib.Path(folder) / "agent"
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "ssh-agent", "-D", "-a", self.socket],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + TIMEOUT
        while not self.socket.exists() and time.monotonic() < end:
            time.sleep(0.02)
        for key in keys:
            run("ssh-add", "-q", key, env={**os.environ, "SSH_AUTH_SOCK": str(self.socket)})

    def stop(self):
        self.process.kill()
        self.process.wait()
