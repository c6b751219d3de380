#!/usr/bin/env python3
"""Writes the seeds of fuzz_http_exchange into test/fuzz/corpus/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "http_exchange")
P = b"PLACEHOLDER-7f3a91"


def client(text, how=0):
    return bytes([how | 2]) + struct.pack(">H", len(text)) + text


def server(text, how=0):
    return bytes([how | 3]) + struct.pack(">H", len(text)) + text


def end(side, clean=True):
    return bytes([4 | (side == "server") | (64 if clean else 0)])


LATE = bytes([6 | 0xe0])
GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
OLD = b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a.example\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKS = b"5;a=b\r\nhello\r\n" + b"12\r\n" + P + b"\r\n0\r\nX: y\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
CHUNKED_OK = b"HTTP/1.1 200 OK\r\n" + CHUNKED

TALKS = {
    "get": client(GET) + server(OK) + client(GET) + server(OK) + end("client"),
    "pipelined": client(GET * 5 + b"GET /y HTTP/1.1\r\nHost: b\r\n\r\n") + server(OK) * 5,
    "length": client(POST + b"Content-Length: 5\r\n\r\nhello\r\n" + GET) + server(OK),
    "chunked": client(POST + CHUNKED) + server(CHUNKED_OK),
    "expect": client(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n") +
              server(b"HTTP/1.1 100 Continue\r\n\r\n") + client(b"hi") + server(OK),
    "expect_no": client(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n") +
                 server(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n") + client(GET),
    "early": client(POST + b"Content-Length: 5\r\n\r\nhe") + server(OK) + client(b"llo" + GET) + server(OK),
    "head": client(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n") + server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
    "close": client(GET) + server(b"HTTP/1.1 200 OK\r\n\r\nall of it") + end("server"),
    "cut": client(GET) + server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall") + end("server", False),
    "old": client(OLD) + server(CHUNKED_OK),
    "upgrade": client(b"GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\nx") +
               server(b"HTTP/1.1 101 Y\r\nUpgrade: websocket\r\n\r\nyz") + client(b"more " + P) + end("client"),
    "connect": client(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16") + server(b"HTTP/1.1 200 OK\r\n\r\nx"),
    "header": client(b"GET /x?k=" + P + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + P + b"\r\n\r\n") + server(OK),
    "leak": client(b"GET /" + P + b" HTTP/1.1\r\nHost: a\r\n\r\n" + GET) + server(OK),
    "body": client(POST + b"Content-Length: 18\r\n\r\n" + P) +
            server(b"HTTP/1.1 200 se\r\nX: see\r\nContent-Length: 10\r\n\r\nsesesesees"),
    "late": client(b"GET / HT") + LATE * 3,
    "unasked": server(OK),
    "broken": client(GET) + server(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "interim": client(GET) + server(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK),
}

os.makedirs(HERE, exist_ok=True)
for i, (name, talk) in enumerate(sorted(TALKS.items())):
    for cut in (0, 8, 16):
        turns = bytearray(talk)
        turns[0] |= cut
        options = bytes([1 + 2 * (i % 2) + (8 + 16 * (cut != 8) if cut else 0) + (4 if name == "late" else 0),
                         i, cut // 8, 0x3f if cut == 16 else 0x0b])
        with open(os.path.join(HERE, f"{name}_{cut}"), "wb") as f:
            f.write(options + turns)
