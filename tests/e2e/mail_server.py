"""A real mail server on loopback: exim, with a configuration of its own.

    server = MailServer(folder, authority=Authority(folder), users={"robot": "its password"})
    server.url                  # smtp://127.0.0.1:PORT
    server.mails(2)             # waits for two mails and gives them
    server.stop()

It takes mail for anybody at example.org, but for unknown@example.org and later@example.org, and puts
it into files.  With an authority it offers STARTTLS, with users it takes mail of these only.  Nothing
of the system's configuration is read or changed.  Only root may start exim so: see available().
"""
import email
import email.policy
import os
import pwd
import shutil
import textwrap
import time

from git_servers import HOST, TIMEOUT, Process

EXIM = shutil.which("exim4", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
USER = "Debian-exim"


def available():
    """Why not, or None."""
    if EXIM is None:
        return "exim is not installed"
    return None if os.geteuid() == 0 else "only root may start exim with a configuration of his own"


class MailServer(Process):
    CONFIG = """\
        primary_hostname = mail.example.org
        spool_directory = {folder}/spool
        log_file_path = {folder}/spool/%slog
        pid_file_path = {folder}/spool/pid
        deliver_drop_privilege = true
        keep_environment =
        host_lookup =
        rfc1413_query_timeout = 0s
        message_size_limit = 48K
        domainlist ours = example.org
        acl_smtp_rcpt = check
        {tls}
        begin acl
        check:
          {users}
          deny local_parts = unknown
               message = nobody of that name
          defer local_parts = later
                message = come back later
          accept domains = +ours
          deny message = not from here
        begin routers
        all:
          driver = accept
          transport = files
        begin transports
        files:
          driver = appendfile
          directory = {folder}/spool/mails
          maildir_format
          envelope_to_add
          return_path_add
        begin authenticators
        plain:
          driver = plaintext
          public_name = PLAIN
          server_prompts = :
          server_condition = ${{if inlisti{{$auth2=$auth3}}{{{pairs}}}}}
          server_set_id = $auth2
          server_advertise_condition = {advertise}
        """
    # Who changes his user is not told any more when his parent dies.
    WITH_US = '(while kill -0 "$0"; do sleep 1; done; kill -9 $$) 2>/dev/null & exec "$@"'
    TLS = """\
        tls_advertise_hosts = *
        tls_certificate = {folder}/spool/cert
        tls_privatekey = {folder}/spool/key
        """

    def __init__(self, folder, authority=None, users=None, host=HOST):
        self.users = users or {}
        self.certificate = authority.certificate("mail", host) if authority else None
        super().__init__(folder)

    def command(self, port):
        spool = self.folder / "spool"
        spool.mkdir(exist_ok=True)
        for file, name in zip(self.certificate or (), ("cert", "key")):
            shutil.copy(file, spool / name)
        for path in [spool, *spool.iterdir()]:
            shutil.chown(path, USER)
        for folder in self.folder, *self.folder.parents:
            if not os.stat(folder).st_mode & 0o001:
                os.chmod(folder, os.stat(folder).st_mode | 0o011)
        text = textwrap.dedent(self.CONFIG).format(
            folder=self.folder, pairs=":".join(f"{name}={word}" for name, word in self.users.items()),
            tls=textwrap.dedent(self.TLS).format(folder=self.folder) if self.certificate else "tls_advertise_hosts =",
            users="deny !authenticated = *\n       message = log in first" if self.users else "",
            advertise="yes" if self.users else "no")
        config = self.folder / "config"
        config.write_text(text)
        config.chmod(0o644)
        return ["sh", "-c", self.WITH_US, os.getpid(), EXIM, "-C", config, "-bdf", "-oX", f"{self.host}:{port}"]

    @property
    def url(self):
        return f"smtp://{self.host}:{self.port}"

    def said(self):
        logs = [self.log, *(self.folder / "spool").glob("*log")]
        return "".join(log.read_text(errors="replace") for log in logs if log.is_file())

    def mails(self, count):
        """Waits until so many have come in all, and gives them, the oldest first."""
        end = time.monotonic() + TIMEOUT
        while len(files := self._files()) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{len(files)} mails came instead of {count}:\n{self.said()}")
            time.sleep(0.02)
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def _files(self):
        return sorted((self.folder / "spool/mails/new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
