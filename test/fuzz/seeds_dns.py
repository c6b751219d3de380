#!/usr/bin/env python3
"""Writes the seeds of the DNS fuzz targets into test/fuzz/corpus/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, NAPTR, DNAME, RRSIG, HTTPS = 1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 39, 46, 65
STRICT, ECH, NO_A, NO_AAAA, DENY, DO, EDNS = 1, 2, 4, 8, 16, 32, 64


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".") if x) + b"\0"


def question(text, kind):
    return name(text) + struct.pack(">HH", kind, 1)


def record(owner, kind, data, ttl=60, cls=1):
    owner = owner if isinstance(owner, bytes) else name(owner)
    return owner + struct.pack(">HHIH", kind, cls, ttl, len(data)) + data


def opt(size=1232, flags=0, options=b""):
    return b"\0" + struct.pack(">HHIH", 41, size, flags, len(options)) + options


def message(text, kind, answer=(), authority=(), additional=(), flags=0x8180, ident=7, count=1):
    head = struct.pack(">HHHHHH", ident, flags, count, len(answer), len(authority), len(additional))
    return head + question(text, kind) * count + b"".join([*answer, *authority, *additional])


def query(text, kind, *additional, flags=0x0100, **more):
    return message(text, kind, additional=additional, flags=flags, **more)


def param(key, value):
    return struct.pack(">HH", key, len(value)) + value


SOA_DATA = name("ns") + name("root") + struct.pack(">IIIII", 1, 2, 3, 4, 300)
HERE_V4, OUT_V4, HERE_V6, OUT_V6 = b"\x7f\0\0\1", b"\1\2\3\4", bytes(15) + b"\1", b"\x20\1\x48\x60" + bytes(11) + b"\1"
SERVICE = b"\0\1" + name("svc.example") + param(1, b"\2h2") + param(4, OUT_V4 + HERE_V4) + param(5, b"ECH") + param(
    6, OUT_V6 + HERE_V6)
MANDATORY = b"\0\1\0" + param(0, b"\0\4") + param(4, HERE_V4)
SIGNED = struct.pack(">HBBIIIH", A, 13, 2, 60, 2000000000, 1900000000, 1) + name("example") + b"Z" * 64

QUERIES = {
    "a": query("www.example.com", A),
    "edns": query("www.example.com", AAAA, opt()),
    "edns-options": query("example.com", HTTPS, opt(4096, 0x8000, param(10, b"cookie!!") + param(8, b"\0\1\x18\0\1\2\3"))),
    "edns-version": query("example.com", A, opt(flags=0x00FF0000)),
    "opt-twice": query("example.com", A, opt(), opt()),
    "opt-not-root": query("example.com", A, record("x", 41, b"")),
    "tsig": query("example.com", A, record("key", 250, name("hmac") + bytes(16))),
    "two-questions": query("example.com", A, count=2),
    "any": query("example.com", 255),
    "axfr": query("example.com", 252),
    "ixfr": message("example.com", 251, authority=[record("example.com", SOA, SOA_DATA)], flags=0),
    "notify": query("example.com", SOA, flags=0x2000),
    "response": query("example.com", A, flags=0x8180),
    "reverse": query("3.2.0.10.in-addr.arpa", PTR),
    "reverse6": query("1." + "0." * 31 + "ip6.arpa", PTR),
    "case": query("wWw.LocalHost", A),
    "special": query("_dns.resolver.arpa", 64),
    "pointer": query("x", A)[:12] + b"\xc0\x0c\0\1\0\1",
    "cut": query("www.example.com", A)[:20],
}

W, P = "www.example.com", b"\xc0\x0c"
ANSWERS = {
    "a": (EDNS, message(W, A, [record(P, A, OUT_V4)])),
    "rebind": (STRICT, message(W, A, [record(P, A, HERE_V4), record(P, A, OUT_V4)], (), [record("ns", AAAA, HERE_V6)])),
    "mapped": (STRICT, message(W, AAAA, [record(P, AAAA, bytes(10) + b"\xff\xff" + HERE_V4)])),
    "nat64": (STRICT, message(W, AAAA, [record(P, AAAA, b"\0\x64\xff\x9b" + bytes(8) + HERE_V4)])),
    "chain": (STRICT | DENY, message(W, A, [record(P, CNAME, name("a.example")), record("a.example", CNAME, name("bb.c")),
                                            record("bb.c", A, OUT_V4)])),
    "loop": (STRICT, message(W, A, [record(P, CNAME, P)])),
    "dname": (STRICT, message(W, A, [record("example.com", DNAME, name("x")), record(P, CNAME, name("www.x")),
                                     record("www.x", A, OUT_V4)])),
    "https": (STRICT | ECH, message(W, HTTPS, [record(P, HTTPS, SERVICE)], (), [record("svc.example", A, HERE_V4)])),
    "https-mandatory": (STRICT, message(W, HTTPS, [record(P, HTTPS, MANDATORY)])),
    "https-family": (NO_A | NO_AAAA, message(W, HTTPS, [record(P, HTTPS, SERVICE)])),
    "negative": (STRICT, message(W, A, (), [record("example.com", SOA, SOA_DATA)], [opt()], flags=0x8183)),
    "signed": (STRICT | DO | EDNS, message(W, A, [record(P, A, OUT_V4), record(P, A, HERE_V4), record(P, RRSIG, SIGNED)],
                                           flags=0x81A0)),
    "types": (EDNS, message(W, MX, [record(P, MX, b"\0\1" + name("mail.example.com"))], [record("example.com", NS, P)],
                            [record("x", SRV, bytes(6) + name("t")), record("x", NAPTR, bytes(4) + b"\1u\1s\0" + name("t")),
                             record("x", TXT, b"\3abc\0"), record("x", 47, name("y") + b"\0\1\x40"), opt()])),
    "servfail": (EDNS, message(W, A, [record(P, A, OUT_V4)], flags=0x8182)),
    "truncated": (EDNS, message(W, A, [record(P, A, OUT_V4)], flags=0x8380)),
    "txt-bomb": (0, message(W, TXT, [record(P, TXT, bytes(600))])),
    "many": (EDNS, message(W, A, [record(P, A, OUT_V4)] * 60, [record("com", NS, name("ns.com"))] * 4)),
}


def write(target, seeds):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for key, data in seeds.items():
        with open(os.path.join(folder, key), "wb") as f:
            f.write(data)


write("dns_query", QUERIES)
write("dns_answer", {key: bytes([mode, 0, 200]) + data for key, (mode, data) in ANSWERS.items()})
