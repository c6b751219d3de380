#!/usr/bin/env python3
# seeds_secret.py DIR - seeds of fuzz_secret_scan: one byte chooses the patterns, one the cuts; from 0xE0 on a byte puts in a piece
import base64
import os
import sys

PLAIN, PART, BASE64, MIXED = 0, 1, 2, 4


def piece(which, how, start=0, length=0, seed=0, shift=0):
    return bytes([0xe0 | which, start, length, how | shift << 6, seed])


def escaped(how):
    return 8 | how << 4


seeds = {
    "raw": b"before " + piece(0, PLAIN) + b" after",
    "two": piece(0, PLAIN) + piece(3, PLAIN),
    "cut_short": piece(0, PART, 0, 9) + b"x" + piece(0, PLAIN),
    "percent": b"q=" + piece(0, escaped(1)) + b"&r=" + piece(1, MIXED, seed=3),
    "percent_noise": b"100% %2 %%41 %zz " + piece(0, PLAIN),
    "json": b'{"k":"' + piece(0, escaped(2)) + b'\\n' + piece(1, MIXED, seed=9) + b'"}',
    "json_noise": b"\\u00 \\x \\\\ \\u00zz\\" + piece(0, PLAIN),
    "base64": b"Basic " + piece(0, BASE64) + b" " + piece(0, BASE64, shift=1) + b" " + piece(0, BASE64, shift=2),
    "base64_lines": piece(1, BASE64 | MIXED, seed=4) + b"\r\n" + piece(0, BASE64 | MIXED, seed=5),
    "base64_percent": piece(0, BASE64 | escaped(1)),
    "base64_json": piece(0, BASE64 | escaped(2), shift=1),
    "escapes": b"\\n\\t\\\"%20%0A\\u00e9" * 4 + piece(0, PLAIN),
    "text": b"It is a text like others, with capitals: SLUICE, and base64: " + base64.b64encode(b"SLUICE_A_K3V and more"),
}

os.makedirs(sys.argv[1], exist_ok=True)
for name, seed in seeds.items():
    for choice in range(4):
        with open(os.path.join(sys.argv[1], f"{name}_{choice}"), "wb") as f:
            f.write(bytes([choice, len(name) * 16 & 255]) + seed)
