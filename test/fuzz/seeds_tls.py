#!/usr/bin/env python3
"""Writes the seeds of fuzz_tls_end into test/fuzz/corpus/tls_end/; run it after changing it."""
import os
import struct

DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "tls_end")
CLIENT, SERVER = 0, 1
STEP, MEDDLE, SAY, HEAR, CUT, CLOSE, ODD = 0, 2, 3, 4, 5, 6, 7


def order(what, side, how, where=0):
    return bytes([what << 1 | side, how, where])


SHAKE = b"".join(order(STEP, side, 15) for _ in range(6) for side in (CLIENT, SERVER))
TALK = b"".join(order(SAY, s, 40) + order(HEAR, 1 - s, 64) + order(HEAR, 1 - s, 64) for s in (CLIENT, SERVER))
BYE = b"".join(order(CLOSE, s, 1) + order(HEAR, 1 - s, 9) for s in (CLIENT, SERVER))


def u16(n):
    return struct.pack(">H", n)


def ext(kind, body):
    return u16(kind) + u16(len(body)) + body


def record(kind, body):
    return bytes([kind, 3, 3]) + u16(len(body)) + body


def message(kind, body):
    return bytes([kind]) + struct.pack(">I", len(body))[1:] + body


SUITES = u16(6) + b"\x13\x03\xcc\xa9\xc0\x2b"
GROUPS = ext(10, u16(4) + u16(23) + u16(29))
SIGNATURES = ext(13, u16(4) + b"\x04\x03\x08\x04")
POINTS = ext(11, b"\x01\x00")
VERSIONS = ext(43, b"\x04\x03\x04\x03\x03")
SHARE = ext(51, u16(69) + u16(23) + u16(65) + b"\x04" + bytes.fromhex(
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"))


def hello(extensions):
    return record(22, message(1, b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + SUITES + b"\x01\x00"
                              + u16(len(extensions)) + extensions))


def server_hello(suite, extensions):
    return record(22, message(2, b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + suite + b"\x00"
                              + u16(len(extensions)) + extensions))


SEEDS = {
    "quiet": b"\x00",
    "whole": b"\x00" + SHAKE + TALK + BYE,
    "again": b"\x00" + SHAKE + order(ODD, CLIENT, 1) + TALK + BYE,
    "changed_hello": b"\x00" + order(STEP, CLIENT, 9) + order(MEDDLE, CLIENT, 4, 80) + SHAKE,
    "changed_flight": b"\x00" + order(STEP, CLIENT, 9) + order(STEP, SERVER, 15) + order(MEDDLE, SERVER, 0, 200) + SHAKE,
    "changed_data": b"\x00" + SHAKE + order(SAY, CLIENT, 99) + order(MEDDLE, CLIENT, 8, 40) + order(HEAR, SERVER, 99),
    "left_out": b"\x00" + SHAKE + order(SAY, CLIENT, 99) + order(MEDDLE, CLIENT, 1, 3) + order(HEAR, SERVER, 99),
    "cut_off": b"\x00" + SHAKE + order(SAY, SERVER, 99) + order(MEDDLE, SERVER, 0xf3) + order(HEAR, CLIENT, 200) * 2,
    "small_pieces": b"\x00" + order(CUT, CLIENT, 9, 7) + order(CUT, SERVER, 11, 30) + SHAKE * 6 + TALK + BYE,
    "alert": b"\x00" + SHAKE + order(ODD, SERVER, 0, 48) + order(HEAR, CLIENT, 9),
    "server_12": b"\x02\x00" + hello(GROUPS + SIGNATURES + POINTS) + record(22, message(16, b"\x41\x04" + bytes(64))),
    "server_13": b"\x02\x07" + hello(GROUPS + SIGNATURES + VERSIONS + SHARE) + record(20, b"\x01") + record(23, bytes(53)),
    "server_retry": b"\x02\x00" + hello(GROUPS + SIGNATURES + VERSIONS + ext(51, u16(0))) * 2,
    "client_12": b"\x03\x00" + server_hello(b"\xcc\xa9", ext(0xff01, b"\x00") + POINTS) + record(22, message(11, bytes(3))),
    "client_13": b"\x03\x01" + server_hello(b"\x13\x03", ext(43, u16(0x304)) + ext(51, SHARE[6:])) + record(23, bytes(60)),
    "client_alert": b"\x03\x00" + record(21, b"\x02\x28"),
    "warnings": b"\x02\x00" + record(21, b"\x01\x5a") * 30,
    "empty": b"\x02\x00" + record(22, b"") * 20,
}

os.makedirs(DIR, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(DIR, name), "wb") as f:
        f.write(data)
