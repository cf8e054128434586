#!/usr/bin/env python3
"""Saved corpora (see corpus.h) and where they first came from.

corpus.py expand FILE FOLDER    one file for each line
corpus.py pack FOLDER FILE MAX  the smallest inputs of the folder first, up to MAX bytes of lines
corpus.py seeds NAME FOLDER     first inputs of a target, out of the cases of the unit tests
corpus.py add NAME FILE WORDS   puts a finding into the saved corpus, with what it did
"""
import hashlib
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NAMED = {"n": 10, "r": 13, "t": 9, "\\": 92}
NAMES = {value: "\\" + name for name, value in NAMED.items()}

# target: files of tests/unit, and what stands before each case (flags, how it is cut, ...).
SEEDS = {
    "url": (["test_url", "test_proxy"], [b""]),
    "handshake_client": (["test_handshake"], [b"\x00\x00", b"\x03\x03", b"\x07\x01", b"\x0b\x05"]),
    "handshake_server": (["test_handshake", "test_http_reader"], [b"\x00\x00", b"\x03\x03", b"\x07\x01", b"\x08\x02"]),
    "decoder": (["test_decoder", "test_decoder_limits", "test_deflate", "test_frame"],
                [b"\xf8\x00", b"\xf9\x02", b"\xfa\x03", b"\xfe\x01", b"\x38\x05"]),
    "bytes": (["test_utf8", "test_mask", "test_frame", "test_close"], [b"\x00", b"\x03", b"\x0d"]),
    "deflate": (["test_deflate", "test_decoder"], [b"\x38\x03", b"\x7c\x01", b"\xb8\x02", b"\xc7\x05"]),
    "json": (["test_json_peek", "test_heartbeat", "test_ack", "test_relay_protocol"], [b""]),
    "tunnel": (["test_tunnel"], [b"\x00\x00", b"\x01\x01", b"\x02\x02", b"\x04\x00", b"\x0b\x03"]),
    "session": (["test_world_script"], [b"#"]),
    "outbox": ([], []),
    "protocol": (["test_http_reader", "test_http_query", "test_relay_protocol"],
                 [b"\x00", b"\x01", b"\x02", b"\x02/ws\n", b"\x03\x02"]),
    "relay": (["test_http_reader", "test_relay_protocol"],
              [b"\x00\x00", b"\x01\x02/ws?conversation_id=c&user_id=u&after=0\n\x01", b"\x01\x00/ws\n\x01",
               b"\x01\x05/echo\n\x02", b"\x02\x03/conversations/c/messages\n", b"\x03\x00",
               b"\x03\x00/conversations/c/messages?after=0&limit=2\n"]),
    "hold": (["test_hold_resume", "test_hold_target", "test_http_reader"],
             [b"\x00", b"\x01\x01", b"\x01\x00a\n", b"\x01\x04a\nb=c\n", b"\x02\x00", b"\x02\x03"]),
    "control": (["test_http_reader", "test_chaos_fault"],
                [b"\x00\x00", b'\x02\x00/faults\n{"fault":"', b'\x03\x02/faults\n{"faults":["', b"\x01\x00/connections?limit="]),
    "chaos": (["test_chaos_fault", "test_chaos_script", "test_chaos_frames"],
              [b"\x00", b"\x01", b"\x01+1s ", b"\x02\x11\x01", b"\x02\x39\x02"]),
}
LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'')


def encode(data):
    text = "".join(NAMES.get(b) or (chr(b) if 32 <= b < 127 else "\\x%02x" % b) for b in data)
    return "\\x23" + text[1:] if text.startswith("#") else text


def decode(line):
    return re.sub(
        rb"\\(?:x([0-9a-f]{2})|([nrt\\]))",
        lambda m: bytes([int(m[1], 16) if m[1] else NAMED[m[2].decode()]]),
        line)


def write(folder, data):
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
        file.write(data)


def expand(path, folder):
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        for line in file.read().split(b"\n"):
            if line and not line.startswith(b"#"):
                write(folder, decode(line))


def comments(path):
    """The lines with a '#', and the inputs right behind them: those were put there by hand."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    return [line for i, line in enumerate(lines) if line.startswith("#") or (i and lines[i - 1].startswith("#"))]


def pack(folder, path, limit):
    kept = comments(path)
    lines = set()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            lines.add(encode(file.read()))
    lines -= {""} | set(kept)
    for line in sorted(lines, key=lambda line: (len(line), line)):
        limit -= len(line) + 1
        if limit < 0:
            break
        kept.append(line)
    with open(path, "w", encoding="ascii") as file:
        file.write("".join(line + "\n" for line in kept))


def add(name, source, words):
    """At the beginning, where whoever opens the file sees it."""
    path = os.path.join(ROOT, "tests/fuzz/corpus", name + ".txt")
    with open(source, "rb") as file:
        line = encode(file.read())
    with open(path, encoding="ascii") as file:
        before = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write("# %s\n%s\n%s" % (words, line, before))


def unescape(body):
    """A C literal's inside as bytes."""
    simple = {"n": 10, "r": 13, "t": 9, "a": 7, "b": 8, "f": 12, "v": 11}
    out, at = bytearray(), 0
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode()
            at += 1
            continue
        number = re.match(r"x([0-9a-fA-F]{1,2})|([0-7]{1,3})", body[at + 1:])
        if number:
            out.append(int(number[1], 16) if number[1] else int(number[2], 8) & 255)
            at += 1 + number.end()
        else:
            out.append(simple.get(body[at + 1], ord(body[at + 1])))
            at += 2
    return bytes(out)


def preprocessed(name):
    folders = sorted(os.listdir(os.path.join(ROOT, "src")))
    command = ["clang", "-E", "-P", "-w", "-I", os.path.join(ROOT, "include"), "-iquote", os.path.join(ROOT, "tests/support")]
    for folder in folders:
        command += ["-iquote", os.path.join(ROOT, "src", folder)]
    command += ["-iquote", os.path.join(ROOT, "src/wire/zlib"), "-I", "/usr/share/nodejs/llhttp/build",
                os.path.join(ROOT, "tests/unit", name + ".c")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    start = done.stdout.find("static ")  # what headers declare has no cases
    return done.stdout[max(start, 0):]


def strings(text):
    """The strings, neighbours joined as the compiler does."""
    parts, end = [], 0
    for match in LITERAL.finditer(text):
        if match[0].startswith("'"):
            continue
        if parts and text[end:match.start()].strip():
            yield b"".join(parts)
            parts = []
        parts.append(unescape(match[0][1:-1]))
        end = match.end()
    yield b"".join(parts)


def arrays(text):
    """Arrays of bytes."""
    for braces in re.findall(r"\{([^{}\"]*)\}", text):
        values = [number_of(word.strip()) for word in braces.split(",") if word.strip()]
        if values and None not in values:
            yield bytes(values)


def number_of(word):
    if re.fullmatch(r"'.*'", word):
        return (unescape(word[1:-1]) or b"\0")[0]
    value = int(word, 0) if re.fullmatch(r"0[xX][0-9a-fA-F]+|[1-9]\d*|0", word) else -1
    return value if 0 <= value < 256 else None


def seeds(name, folder):
    os.makedirs(folder, exist_ok=True)
    sources, prefixes = SEEDS[name]
    for source in sources:
        text = preprocessed(source)
        for case in {*strings(text), *arrays(text)}:
            if len(case) <= 4096:
                for prefix in prefixes:
                    write(folder, prefix + case)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "expand":
        expand(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 5 and sys.argv[1] == "pack":
        pack(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif len(sys.argv) == 5 and sys.argv[1] == "add":
        add(*sys.argv[2:])
    elif len(sys.argv) == 4 and sys.argv[1] == "seeds" and sys.argv[2] in SEEDS:
        seeds(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
