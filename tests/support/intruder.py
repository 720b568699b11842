"""Attacks the port at which the nodes of a job meet; runs inside a Pod of a stranger.

Sent there by strangers.py. It needs nothing but Python and knows what everybody can read in the
launcher's source, except for the key. Each line that it prints is a JSON object.
"""

import contextlib
import http.client
import json
import os
import selectors
import socket
import struct
import sys
import time

MAGIC = b"batchai1"
PATIENCE = 8.0
"""Longer than the port bears silence."""


def tell(**found: object) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def connect(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=PATIENCE)


def rest(conn: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := conn.recv(65536):
            found += piece
    return found


def answer_to(address: str, port: int, words: bytes) -> tuple[bytes, float]:
    """Say something; return the answer, and after how many seconds the other side hung up."""
    began = time.monotonic()
    with connect(address, port) as conn:
        with contextlib.suppress(ConnectionError):
            conn.sendall(words)
        return rest(conn), time.monotonic() - began


def speak(address: str, port: int) -> None:
    """Say nothing, rubbish, too much; the port must answer nobody."""
    sentences = {
        "silence": b"",
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "tls": bytes.fromhex("16030100f0010000ec0303") + os.urandom(230),
        "zeros": bytes(1 << 20),
        "noise": os.urandom(1 << 20),
        "another version": b"batchai0" + os.urandom(1024),
    }
    for name, words in sentences.items():
        found, seconds = answer_to(address, port, words)
        tell(attack=name, answer=len(found), seconds=seconds)


def forge(address: str, port: int) -> None:
    """Greet as a node would, then go on without the key, with frames that end the job."""
    state = {"node": 1, "instance": "x", "address": "6.6.6.6", "tasks": [], "ended": True,
             "outcome": "launcherFailed", "message": "forged"}  # fmt: skip
    text = json.dumps(state).encode()
    frame = struct.pack(">I", len(text)) + text
    proofs = {"noise": lambda _: os.urandom(32), "reflection": lambda theirs: theirs[32:64],
              "nothing": lambda _: b""}  # fmt: skip
    for name, proof in proofs.items():
        with connect(address, port) as conn:
            conn.sendall(MAGIC + os.urandom(32))
            greeting = b""
            while len(greeting) < 64 and (piece := conn.recv(64)):
                greeting += piece
            with contextlib.suppress(ConnectionError):
                conn.sendall(proof(greeting) + (frame + os.urandom(32)) * 3)
            tell(attack=name, greeting=len(greeting), answer=len(rest(conn)))


def replay(address: str, port: int, recorded: str) -> None:
    """Say again, byte for byte, what a real node said."""
    found, seconds = answer_to(address, port, bytes.fromhex(recorded))
    tell(attack="replay", answer=len(found), seconds=seconds)


def hold(name: str, port: int, count: int) -> None:
    """Hold connections to a job that may not listen yet, and take each again when it is lost."""
    opened, until = 0, time.monotonic() + 600
    polled = selectors.DefaultSelector()
    reported = 0.0
    while time.monotonic() < until:
        missing = count - len(polled.get_map())
        try:
            for _ in range(missing):
                conn = connect(name, port)
                polled.register(conn, selectors.EVENT_READ)
                opened += 1
        except OSError:
            time.sleep(0.01)  # Not there yet, or gone.
        for key, _ in polled.select(0.05):
            polled.unregister(key.fileobj)
            key.fileobj.close()
        if time.monotonic() - reported > 0.5:
            tell(opened=opened, held=len(polled.get_map()))
            reported = time.monotonic()


def record(port: int) -> None:
    """Listen on the wires of a node, and tell what anybody sends to the port or from it."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
    tell(listening=True)
    while True:
        packet, (_, protocol, *_) = wire.recvfrom(65536)
        if protocol != 0x0800 or packet[9] != socket.IPPROTO_TCP:
            continue
        size = (packet[0] & 15) * 4
        total = int.from_bytes(packet[2:4], "big")
        source, target, sequence = struct.unpack(">HHI", packet[size : size + 8])
        payload = packet[size + (packet[size + 12] >> 4) * 4 : total]
        if payload and port in (source, target):
            tell(source=[socket.inet_ntoa(packet[12:16]), source], to=target, sequence=sequence,
                 payload=payload.hex())  # fmt: skip


def browse(address: str, port: int) -> None:
    """Ask a web server for all that it might have."""
    paths = ["/", "/healthz", "/readyz", "/metrics", "/config", "/env", "/debug/pprof/", "/api",
             "/../../etc/passwd", "/healthz/../../proc/1/environ"]  # fmt: skip
    for path in paths:
        asking = http.client.HTTPConnection(address, port, timeout=PATIENCE)
        asking.request("GET", path)
        answer = asking.getresponse()
        tell(path=path, code=answer.status, text=answer.read().decode(errors="replace"))
        asking.close()


if __name__ == "__main__":
    word, *rest_of = sys.argv[1:]
    numbers = [int(each) if each.isdigit() else each for each in rest_of]
    attacks = {each.__name__: each for each in (speak, forge, replay, hold, record, browse)}
    attacks[word](*numbers)
