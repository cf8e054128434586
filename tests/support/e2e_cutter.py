"""A TCP proxy that cuts: each connection is reset after a random number of bytes, so many times."""

import random
import socket
import struct
import threading


class Cutter:
    """Forwards to 127.0.0.1:port. The first `cuts` connections die after up to `most` bytes from the
    client; later ones live until cut() is called."""

    def __init__(self, port, cuts, seed, most=2000):
        self.target, self.cuts, self.most = port, cuts, most
        self.random = random.Random(seed)
        self.count = 0
        self.living = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            left = self.random.randrange(200, self.most) if self.count < self.cuts else None
            self.count += 1
            far = socket.create_connection(("127.0.0.1", self.target))
            self.living.append((near, far))
            threading.Thread(target=self._pump, args=(near, far, left), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, None), daemon=True).start()

    @staticmethod
    def _reset(*sockets):
        for s in sockets:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.shutdown(socket.SHUT_RD)
            s.close()

    def _pump(self, source, sink, left):
        try:
            while piece := source.recv(65536):
                if left is not None:
                    piece, left = piece[:left], left - len(piece)
                sink.sendall(piece)
                if left is not None and left <= 0:
                    self._reset(source, sink)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """Resets every connection there is."""
        living, self.living = self.living, []
        for pair in living:
            for end in pair:
                try:
                    self._reset(end)
                except OSError:  # it had ended by itself
                    end.close()

    def close(self):
        self.listener.close()
