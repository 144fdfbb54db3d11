"""`flowsync deliver`, the hidden command that tells a watcher, run as the service runs it: with a
document on its stdin; and a mail server that is none of ours."""
import json
import unittest

import mail_server
from flowsync import ServiceCase
from git_servers import Authority
from mail_server import MailServer

DONE, FINAL, AGAIN = 0, 64, 75


class DeliverCase(ServiceCase):
    def deliver(self, code, **document):
        return self.expect(code, "deliver", stdin=json.dumps(document), endpoint=None).out


@unittest.skipIf(mail_server.available(), mail_server.available())
class MailTest(DeliverCase):
    def run_server(self, **options):
        server = MailServer(self.tmp, **options)
        self.addCleanup(server.stop)
        return server

    def mail(self, code, server, **more):
        document = {"url": server.url, "from": "flowsync@example.org", "to": ["a@example.org"],
                    "subject": "flowsync: nightly failed", "text": "Something happened.\n", "id": "1.fail", **more}
        return self.deliver(code, mail=document)

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
        self.assertRegex(self.mail(FINAL, server, text="too large\n" * 6000), r" does not take the mail: 552 .*size")
        self.assertEqual(len(server.mails(1)), 1)

    def test_a_password_and_a_mail_go_over_tls_where_it_is_offered(self):
        authority, word = Authority(self.tmp), self.secret("password")
        server = self.run_server(authority=authority, users={"robot": word})
        known = {"username": "robot", "password": word}
        self.mail(DONE, server, **known, ca_file=str(authority.file))
        self.mail(DONE, server, **known)        # on this machine itself nobody stands between
        for mail in server.mails(2):
            self.assertIn(" with esmtpsa ", mail["Received"])
        self.assertRegex(self.mail(FINAL, server), "^the mail server .* does not take the mail: 550 log in first\n$")
        wrong = self.mail(FINAL, server, username="robot", password=self.secret("other"))
        self.assertRegex(wrong, "^the mail server .* does not take the user and the password\n$")
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


class WebhookTest(DeliverCase):
    def test_a_webhook_is_told_and_its_url_never_shown(self):
        fake = self.fake(lambda request: (204 if request.path.startswith("/good") else 404, ""))
        key = self.secret("key")
        payload = '{"run": "{{daily}}"}'
        out = self.deliver(DONE, webhook={"url": f"{fake.endpoint}/good/{key}?{key}", "payload": payload})
        self.assertEqual(out, f"told {fake.endpoint}: answered 204\n")
        self.assertEqual((fake.requests[0].method, fake.requests[0].body), ("POST", payload))
        self.assertEqual(fake.requests[0].headers["Content-Type"], "application/json")
        out = self.deliver(FINAL, webhook={"url": f"{fake.endpoint}/{key}", "payload": payload})
        self.assertEqual(out, f"{fake.endpoint} answered 404\n")
        fake.close()
        out = self.deliver(AGAIN, webhook={"url": f"{fake.endpoint}/{key}", "payload": payload})
        self.assertEqual(out, f"connection refused by {fake.endpoint[7:]}\n")

    def test_a_document_that_is_none_is_final(self):
        self.assertEqual(self.expect(FINAL, "deliver", stdin="hello", endpoint=None).out, "")


class StepHttpTest(ServiceCase):
    def step(self, code, **document):
        work = self.tmp / "attempt/work"
        work.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"method": "POST", "headers": {}, "masks": self.secrets, **document})
        result = self.expect(code, "step-http", stdin=text, endpoint=None, cwd=work)
        return result.out, json.loads((work.parent / "answer").read_text())

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
