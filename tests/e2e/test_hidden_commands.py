"""The hidden commands send-notification and step-http, run as the service runs them: with a document on stdin, in the
folder `work` of an attempt; and a mail server that is not ours."""
import json
import os
import unittest

import mail_server
from flowsync import ServiceCase
from git_servers import Authority
from mail_server import MailServer

DONE, USAGE, FINAL, AGAIN = os.EX_OK, os.EX_USAGE, os.EX_UNAVAILABLE, os.EX_TEMPFAIL


class HiddenCommandCase(ServiceCase):
    def attempt(self, code, command, stdin):
        """What it printed, and its reply; None: it left none."""
        work = self.tmp / "attempt/work"
        work.mkdir(parents=True, exist_ok=True)
        reply = work.parent / "answer"
        reply.unlink(missing_ok=True)
        out = self.expect(code, command, stdin=stdin, endpoint=None, cwd=work).out
        return out, json.loads(reply.read_text()) if reply.exists() else None

    def notify(self, code, **document):
        out, reply = self.attempt(code, "send-notification", json.dumps(document))
        if code == DONE:
            self.assertNotIn("message", reply or {})
        else:
            self.assertEqual(reply, {"message": out.rstrip("\n"), "final": code == FINAL})
        return out


@unittest.skipIf(mail_server.available(), mail_server.available())
class MailTest(HiddenCommandCase):
    def run_server(self, **options):
        server = MailServer(self.tmp, **options)
        self.addCleanup(server.stop)
        return server

    def mail(self, code, server, **more):
        document = {"url": server.url, "from": "flowsync@example.org", "to": ["a@example.org"],
                    "subject": "flowsync: nightly failed", "text": "Something happened.\n", "id": "1.fail", **more}
        return self.notify(code, mail=document)

    def test_a_mail_arrives_as_it_was_sent(self):
        server = self.run_server()
        text = "The workflow Grüße failed.\n\n.\n.hidden\n\tFrom here on\n" + "x" * 2000 + "\n€\n"
        out = self.mail(DONE, server, to=["a@example.org", "b@example.org"], text=text,
                        subject="flowsync: Grüße " + "aus dem Norden " * 10 + "failed")
        self.assertEqual(out, "mailed a@example.org\nmailed b@example.org\n")
        mails = server.mails(2)
        self.assertEqual({m["Envelope-to"] for m in mails}, {"a@example.org", "b@example.org"})
        for mail in mails:
            self.assertEqual(mail.get_content().replace("\r\n", "\n"), text)
            self.assertEqual(mail["Subject"], "flowsync: Grüße " + "aus dem Norden " * 10 + "failed")
            self.assertEqual([mail["From"], mail["To"]], ["flowsync@example.org", "a@example.org, b@example.org"])
            self.assertEqual(mail["Return-path"], "<flowsync@example.org>")
            self.assertEqual(mail["Message-ID"], "<1.fail@example.org>")
            self.assertEqual(mail.defects, [])
            self.assertIsNotNone(mail["Date"].datetime)

    def test_a_plain_mail_with_dots_arrives_as_it_was_sent(self):
        server = self.run_server()
        text = "one\n.\n..\n.three\n\nend\n"
        self.mail(DONE, server, text=text)
        [mail] = server.mails(1)
        self.assertEqual((mail["Content-Transfer-Encoding"], mail.get_content()), ("7bit", text))

    def test_whom_the_server_refuses_is_told_and_the_others_have_it(self):
        server = self.run_server()
        out = self.mail(DONE, server, to=["unknown@example.org", "a@example.org", "later@example.org", "x@elsewhere.net"])
        self.assertEqual(out, "mailed a@example.org\n"
                              "unknown@example.org was refused by the mail server: 550 nobody of that name\n"
                              "later@example.org was refused by the mail server: 451 come back later\n"
                              "x@elsewhere.net was refused by the mail server: 550 not from here\n")
        self.assertEqual([m["Envelope-to"] for m in server.mails(1)], ["a@example.org"])
        self.assertIn("550 nobody", self.mail(FINAL, server, to=["unknown@example.org"]))
        self.assertIn("451 come back", self.mail(AGAIN, server, to=["later@example.org"]))
        self.assertRegex(self.mail(FINAL, server, text="too large\n" * 6000), r" refused the mail: 552 .*size")
        self.assertEqual(len(server.mails(1)), 1)

    def test_a_password_and_a_mail_go_over_tls_where_it_is_offered(self):
        authority, word = Authority(self.tmp), self.secret("password")
        server = self.run_server(authority=authority, users={"robot": word})
        known = {"username": "robot", "password": word}
        self.mail(DONE, server, **known, ca_file=str(authority.file))
        self.mail(DONE, server, **known)        # on this machine itself nobody stands between
        for mail in server.mails(2):
            self.assertIn(" with esmtpsa ", mail["Received"])
        self.assertRegex(self.mail(FINAL, server), "^the mail server .* refused the mail: 550 log in first\n$")
        wrong = self.mail(FINAL, server, username="robot", password=self.secret("other"))
        self.assertRegex(wrong, "^the mail server .* refused the user name and the password\n$")
        other = Authority(self.tmp, "other")
        refused = self.mail(FINAL, server, **known, ca_file=str(other.file))
        self.assertRegex(refused, "^the mail server: the certificate of .* is not trusted")
        self.assertEqual(len(server.mails(2)), 2)

    def test_no_password_goes_to_another_machine_without_tls(self):
        # libcurl knows that names below localhost are this machine; we do not.
        word = self.secret("password")
        known = {"username": "robot", "password": word}
        plain = self.run_server(users={"robot": word})
        out = self.mail(FINAL, plain, **known, url=f"smtp://mail.localhost:{plain.port}")
        self.assertEqual(out, f"the mail server mail.localhost:{plain.port} offers no encryption (STARTTLS), without "
                              "which no password is sent to it\n")
        self.mail(DONE, plain, **known)
        self.assertIn(" with esmtpa ", plain.mails(1)[0]["Received"])

    def test_a_certificate_of_another_machine_counts(self):
        authority = Authority(self.tmp)
        server = self.run_server(authority=authority)
        url = f"smtp://mail.localhost:{server.port}"
        self.assertIn("is not trusted", self.mail(FINAL, server, url=url))
        self.assertIn("is for another host name", self.mail(FINAL, server, url=url, ca_file=str(authority.file)))
        self.assertEqual(server._files(), [])


class WebhookTest(HiddenCommandCase):
    def test_a_webhook_is_called_and_its_url_never_shown(self):
        fake = self.fake(lambda request: (204 if request.path.startswith("/good") else 404, ""))
        key = self.secret("key")
        payload = '{"run": "{{daily}}"}'
        out = self.notify(DONE, webhook={"url": f"{fake.endpoint}/good/{key}?{key}", "payload": payload})
        self.assertEqual(out, f"notified {fake.endpoint}: answered 204\n")
        self.assertEqual((fake.requests[0].method, fake.requests[0].body), ("POST", payload))
        self.assertEqual(fake.requests[0].headers["Content-Type"], "application/json")
        out = self.notify(FINAL, webhook={"url": f"{fake.endpoint}/{key}", "payload": payload})
        self.assertEqual(out, f"{fake.endpoint} answered 404\n")
        fake.close()
        out = self.notify(AGAIN, webhook={"url": f"{fake.endpoint}/{key}", "payload": payload})
        self.assertEqual(out, f"connection refused by {fake.endpoint[7:]}\n")


class DocumentTest(HiddenCommandCase):
    def test_a_document_that_cannot_be_read_is_an_error_of_usage(self):
        for command in "send-notification", "step-http", "step-checkout":
            for document in "hello", "{}":
                with self.subTest(command=command, document=document):
                    out, reply = self.attempt(USAGE, command, document)
                    self.assertTrue(out.endswith("the document on stdin cannot be read\n"), out)
                    self.assertIsNone(reply)

    def test_a_reply_that_cannot_be_written_is_an_error(self):
        fake = self.fake(lambda request: (204, ""))
        (self.tmp / "attempt/work").mkdir(parents=True)
        (self.tmp / "attempt/answer").mkdir()
        document = json.dumps({"webhook": {"url": fake.endpoint, "payload": ""}})
        out = self.expect(os.EX_CANTCREAT, "send-notification", stdin=document, endpoint=None,
                          cwd=self.tmp / "attempt/work").out
        self.assertTrue(out.endswith("\nthe reply of the command: cannot be written: Is a directory\n"), out)

    def test_a_repository_that_is_not_there_is_final(self):
        document = {"url": f"{self.tmp}/nothing", "mirror": f"{self.tmp}/mirror", "kind": 1, "ref": "main"}
        out, reply = self.attempt(FINAL, "step-checkout", json.dumps(document))
        self.assertEqual(reply, {"message": out.rstrip("\n"), "final": True})


class StepHttpTest(HiddenCommandCase):
    def step(self, code, **document):
        return self.attempt(code, "step-http", json.dumps({"method": "POST", "headers": {}, "masks": self.secrets, **document}))

    def test_a_request_leaves_its_answer_in_files(self):
        key = self.secret("key")
        fake = self.fake(lambda request: (418, f"no tea for {request.headers['X-Key']}"))
        out, answer = self.step(DONE, url=fake.endpoint + "/pot", payload="{}", headers={"X-Key": key})
        self.assertEqual(answer, {"status": 418})
        self.assertRegex(out, rf"^POST {fake.endpoint}/pot\nanswered 418 in .*s, \d+ bytes\nno tea for \(masked #1\)\n$")
        self.assertEqual((self.tmp / "attempt/work/response.txt").read_text(), f"no tea for {key}")
        fake.close()
        out, answer = self.step(AGAIN, url=fake.endpoint + "/pot")
        self.assertEqual(answer, {"message": f"connection refused by {fake.endpoint[7:]}", "final": False})
        out, answer = self.step(FINAL, url=key)
        self.assertEqual(answer, {"message": "url does not begin with https:// or http://", "final": True})
