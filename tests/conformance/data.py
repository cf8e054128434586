"""Payloads for the compression cases: made here, always the same, of five kinds that compress
differently (JSON, a bitmap, prose, HTML, a file that is half compressed already)."""

import json
import random
import struct
import zlib

WORDS = """wasser stein ebbe flut napfschnecke halten lösen welle ufer möwe sturm licht schatten
gezeiten grün weiß über unter zwischen strömung anker küste riff muschel sand salz wind segel""".split()


def fit(text, size):
    """Text of exactly `size` characters."""
    return (text * (size // len(text) + 1))[:size]


def prose(seed, words):
    rng = random.Random(seed)
    lines = []
    while len(lines) * 9 < words:
        line = [rng.choice(WORDS) for _ in range(rng.randint(5, 12))]
        lines.append(" ".join(line).capitalize() + rng.choice([".", ",", "!", " –"]))
    return "\n".join(lines)


def json_text(size):
    rng = random.Random(1)
    records = [{"id": rng.getrandbits(64), "active": rng.random() < 0.5, "name": prose(i, 9),
                "price": round(rng.random() * 1000, 2), "tags": rng.sample(WORDS, 4),
                "place": {"lat": rng.uniform(-90, 90), "lon": rng.uniform(-180, 180)}}
               for i in range(900)]
    return fit(json.dumps(records, indent=1, ensure_ascii=False), size)


def bitmap(size):
    rng = random.Random(2)
    pixels, level = bytearray(b"BM" + struct.pack("<III", size, 0, 54)), 128
    while len(pixels) < size:
        level = min(255, max(0, level + rng.randint(-6, 6)))
        pixels.append(level)
    return bytes(pixels)


def prose_bytes(size):
    return fit(prose(3, 40000), size).encode()[:size]


def html_text(size):
    rng = random.Random(4)
    rows = "".join(f'<tr class="r{i % 2}"><td>{i}</td><td><a href="/w/{rng.getrandbits(32):08x}">'
                   f"{rng.choice(WORDS)}</a></td><td>{prose(i, 9)}</td></tr>\n"
                   for i in range(2200))
    return fit("<!DOCTYPE html><html><body><table>\n" + rows + "</table></body></html>\n", size)


def mixed_bytes(size):
    rng = random.Random(5)
    parts, total = [], 0
    while total < size:
        text = prose(rng.random(), 200).encode()
        parts += [b"obj <</Length %d>>\n" % len(text), zlib.compress(text), text[:120]]
        total += sum(map(len, parts[-3:]))
    return b"".join(parts)[:size]


def load():
    """[(what, payload)]: str payloads are sent as text, bytes as binary, in slices."""
    return [("JSON", json_text(194056)), ("a bitmap", bitmap(263222)),
            ("prose", prose_bytes(222218)), ("HTML", html_text(263647)),
            ("a half-compressed file", mixed_bytes(1042328))]
