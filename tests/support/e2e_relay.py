"""The real relay, `limpet serve`, for end-to-end tests."""

import json
import signal
import urllib.request

from e2e_limpet import Limpet

READY_S = 20


class Relay:
    """`limpet serve` on one port and one store, whatever happens to the process."""

    def __init__(self, store, *options):
        self.store, self.address, self.run = store, "127.0.0.1:0", None
        self.options = options
        self.start()

    def start(self):
        self.run = Limpet("serve", "--listen", self.address, "--store", self.store,
                          *self.options)
        self.run.wait_for("its address", lambda: b"\n" in self.run.out, READY_S)
        line = self.run.out.split(b"\n")[0].decode()
        self.address = line.split("//")[-1].strip("/")

    def kill(self):
        self.run.end()

    def close(self):
        self.run.end()

    def terminate(self):
        """Lets it close its connections first."""
        self.run.signal(signal.SIGTERM)
        self.run.wait()
        self.run.end()

    def url(self, conversation, user):
        return f"ws://{self.address}/ws?conversation_id={conversation}&user_id={user}"

    def post(self, conversation, sender, text):
        body = json.dumps({"sender_id": sender, "plaintext": text}).encode()
        url = f"http://{self.address}/conversations/{conversation}/messages"
        urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=READY_S)

    def stored(self, conversation):
        """All messages of the conversation, by REST."""
        messages, after = [], 0
        while True:
            url = (f"http://{self.address}/conversations/{conversation}/messages"
                   f"?after={after}&limit=1000")
            with urllib.request.urlopen(url, timeout=READY_S) as answer:
                page = json.load(answer)["messages"]
            if not page:
                return messages
            messages += page
            after = page[-1]["sequence_number"]
