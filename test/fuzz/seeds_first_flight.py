#!/usr/bin/env python3
"""Writes the seeds of fuzz_hello and fuzz_http_head into test/fuzz/corpus/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def u16(n):
    return struct.pack(">H", n)


def ext(kind, body=b""):
    return u16(kind) + u16(len(body)) + body


def sni(*names, kind=0):
    entries = b"".join(bytes([kind]) + u16(len(n)) + n for n in names)
    return ext(0, u16(len(entries)) + entries)


def hello(*extensions, bare=False):
    body = b"\x03\x03" + bytes(range(32)) + b"\x20" + bytes(32) + u16(4) + b"\x13\x01\xc0\x2f" + b"\x01\x00"
    if not bare:
        block = b"".join(extensions)
        body += u16(len(block)) + block
    return b"\x01" + struct.pack(">I", len(body))[1:] + body


def records(message, piece=16384):
    return b"".join(b"\x16\x03\x01" + u16(len(message[i:i + piece])) + message[i:i + piece]
                    for i in range(0, len(message), piece))


ALPN = ext(16, u16(12) + b"\x02h2\x08http/1.1")
VERSIONS = ext(43, b"\x04\x7a\x7a\x03\x04")
GREASE = ext(0x0A0A)
ORDINARY = hello(GREASE, sni(b"www.example.com"), ALPN, VERSIONS)

HELLOS = {
    "ordinary": records(ORDINARY),
    "fragments": records(ORDINARY, 20),
    "bytes": records(ORDINARY, 1),
    "upper_case_dot": records(hello(sni(b"WWW.Example.COM."))),
    "two_names": records(hello(sni(b"a.example", b"b.example"))),
    "other_type": records(hello(sni(b"a.example", kind=1))),
    "address": records(hello(sni(b"192.0.2.1"))),
    "nul": records(hello(sni(b"good.example\0.evil.example"))),
    "long_name": records(hello(sni(b"a" * 300))),
    "twice": records(hello(sni(b"a.example"), sni(b"a.example"))),
    "no_extensions": records(hello(bare=True)),
    "ech": records(hello(sni(b"outer.example"), ext(0xFE0D, b"\0\0\1\0\1\x2a\0\0\0\0"))),
    "overrun": records(hello(sni(b"a.example"), u16(21) + u16(400) + b"x")),
    "coalesced": records(ORDINARY + ORDINARY),
    "empty_record": b"\x16\x03\x01\0\0" + records(ORDINARY),
    "sslv2": b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
    "early_data": records(ORDINARY) + b"\x17\x03\x03\x00\x05hello",
}

GOOD = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a.example:8080\r\n"

HEADS = {
    "get": GOOD,
    "pipelined": GOOD + GOOD,
    "length": POST + b"Content-Length: 5\r\n\r\nhello" + GOOD,
    "chunked": POST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n" + GOOD,
    "chunks_only": b"A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n",
    "both": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two_hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "fold": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "bare_lf": b"GET / HTTP/1.1\nHost: a\n\n",
    "space_colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "absolute": b"GET http://a.example:80/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "connect": b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n\x16\x03\x01",
    "upgrade": b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\n\r\n",
    "oldest": b"GET /\r\n",
    "expect": POST + b"Expect: 100-continue\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "leading_crlf": b"\r\n" + GOOD,
    "options": b"OPTIONS * HTTP/1.1\r\nHost: 192.0.2.1\r\nConnection: x, close\r\n\r\n",
}

for target, seeds in (("hello", HELLOS), ("http_head", HEADS)):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for i, (name, data) in enumerate(sorted(seeds.items())):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(bytes([255 if i % 2 else i]) + data)
