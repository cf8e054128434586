#!/usr/bin/python3
"""`limpet connect --metrics-listen ADDRESS`: Prometheus text, read by Prometheus' own parser, and
health."""

import paths  # noqa: F401

import os
import subprocess
import tempfile

from prometheus_client.parser import text_string_to_metric_families

from e2e_limpet import LimpetCase, main
from e2e_peers import closed_port
from e2e_serve import CURL, Answer
from hostile import HostileServer


class Metrics(LimpetCase):

    def start(self, *arguments, listen="127.0.0.1:0"):
        """A run that listens, and its address."""
        run = self.connect("--metrics-listen", listen, *arguments)
        return run, run.wait_event("listening")["address"]

    def get(self, address, path, *options):
        done = subprocess.run([*CURL, "--include", *options, f"http://{address}{path}"],
                              capture_output=True, check=True)
        return Answer(done.stdout)

    def samples(self, address, *options):
        """{name or (name, label value): value}"""
        answer = self.get(address, "/metrics", *options)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"))
        found = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            self.assertTrue(family.name.startswith("limpet_client_"), family)
            self.assertTrue(family.documentation)
            self.assertIn(family.type, ("counter", "gauge"))
            for sample in family.samples:
                label = next(iter(sample.labels.values()), None)
                found[(sample.name, label) if label else sample.name] = sample.value
        return found

    def test_what_was_counted(self):
        server = self.keep(HostileServer("reset_after?n=1", "echo"))
        run, address = self.start("--initial-delay", "5", server.url("/?token=s3cr3t"))
        run.wait_event("state", to="CONNECTED")
        run.feed(b"one\n")
        run.wait_event("state", to="CONNECTED", count=2)
        run.feed(b"three\n")
        run.wait_out(len(b"three\n"))
        found = self.samples(address)
        self.assertEqual(found["limpet_client_connected"], 1)
        self.assertEqual(found["limpet_client_reconnects_total"], 1)
        self.assertGreaterEqual(found["limpet_client_messages_sent_total"], 2)
        self.assertGreaterEqual(found["limpet_client_received_bytes_total"], 5)
        self.assertGreater(found["limpet_client_downtime_seconds_total"], 0)
        self.assertEqual(found["limpet_client_state", "CONNECTED"], 1)
        self.assertEqual(found["limpet_client_state", "FAILED"], 0)
        self.assertEqual(found["limpet_client_last_error_info", "connection_lost"], 1)
        self.assertNotIn(b"s3cr3t", self.get(address, "/metrics").body)
        run.end_input()
        self.assert_exit(run, 0)

    def test_health_follows_the_state(self):
        holder, port = closed_port()
        self.addCleanup(holder.close)
        run, address = self.start("--initial-delay", "60000", f"ws://127.0.0.1:{port}/")
        run.wait_event("state", to="RECONNECTING")
        answer = self.get(address, "/healthz")
        self.assertEqual((answer.status, answer.json["state"]), (503, "RECONNECTING"))
        found = self.samples(address)
        self.assertEqual(found["limpet_client_connected"], 0)
        self.assertGreater(found["limpet_client_next_retry_seconds"], 0)
        self.interrupt(run)
        server = self.keep(HostileServer("echo"))
        run, address = self.start(server.url())
        run.wait_event("state", to="CONNECTED")
        answer = self.get(address, "/healthz")
        self.assertEqual((answer.status, answer.json), (200, {"status": "ok",
                                                              "state": "CONNECTED"}))
        self.interrupt(run)

    def test_addresses(self):
        server = self.keep(HostileServer("echo"))
        with tempfile.TemporaryDirectory(prefix="limpet-metrics-") as folder:
            path = os.path.join(folder, "socket")
            for listen, start, options in (("[::1]:0", "[::1]:", ()),
                                           ("localhost:0", "127.0.0.1:", ()),
                                           ("unix:" + path, "unix:", ("--unix-socket", path))):
                with self.subTest(listen):
                    run, address = self.start(server.url(), listen=listen)
                    self.assertTrue(address.startswith(start))
                    host = "localhost" if options else address
                    self.assertIn("limpet_client_connected", self.samples(host, *options))
                    run.end_input()
                    self.assert_exit(run, 0)

    def test_the_address_is_said_to_people_too(self):
        server = self.keep(HostileServer("echo"))
        run = self.limpet("connect", "--metrics-listen", "127.0.0.1:0", server.url(), stdin=b"a\n")
        self.assert_exit(run, 0)
        self.assertRegex(run.text, r"(?m)^limpet: metrics at http://127\.0\.0\.1:\d+/metrics$")
        self.assertEqual(run.out, b"a\n")

    def test_other_requests(self):
        server = self.keep(HostileServer("echo"))
        run, address = self.start(server.url())
        self.assertEqual(self.get(address, "/").status, 404)
        self.assertEqual(self.get(address, "/metrics", "--request", "DELETE").status, 405)
        self.assertEqual(self.get(address, "/metrics", "--head").body, b"")
        self.assertEqual(self.get(address, "/metrics", "--data", "x" * 100).status, 413)
        self.interrupt(run)

    def test_unusable_addresses(self):
        server = self.keep(HostileServer("echo"))
        run, taken = self.start(server.url())
        for address, word in ((taken, "already in use"), ("nonsense", "PORT"), ("", "PORT"),
                              ("127.0.0.1:70000", "PORT"), ("192.0.2.1:0", "192.0.2.1")):
            with self.subTest(address):
                refused = self.limpet("connect", "--metrics-listen", address, server.url(),
                                      stdin=b"")
                self.assert_exit(refused, 1)
                self.assertIn("--metrics-listen", refused.text)
                self.assertIn(word, refused.text)
        run.end_input()
        self.assert_exit(run, 0)
        self.assertEqual(len(server.records), 1)


if __name__ == "__main__":
    main()
