#!/usr/bin/env python3
"""dns_hostile.py ADDR PORT - a nameserver that does to its clients what the first label of a name says

Each query is a line on standard output: "udp wrongid.example".  Answers that are as they should be lead to 11.0.0.1
(A) and 2001:4860::1 (AAAA).
"""
import socket, struct, sys, threading, time

GOOD, BAD = "11.0.0.1", "11.6.6.6"

def say(*words):
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()

def labels(msg):
    at, out = 12, []
    while msg[at]:
        out.append(msg[at + 1:at + 1 + msg[at]].decode("ascii", "replace").lower())
        at += 1 + msg[at]
    return out, at + 1

def header(query, flags, answers, id=None):
    return struct.pack(">HHHHHH", struct.unpack(">H", query[:2])[0] if id is None else id, flags, 1, answers, 0, 0)

def question(query):
    return query[12:labels(query)[1] + 4]

def record(rtype, data, name=b"\xc0\x0c", ttl=300):
    return name + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data

def address(query, addr):
    if query[labels(query)[1] + 1] == 28:
        return record(28, socket.inet_pton(socket.AF_INET6, "2001:4860::1"))
    return record(1, socket.inet_aton(addr))

def answer(query, addr=GOOD, id=None):
    return header(query, 0x8180, 1, id) + question(query) + address(query, addr)

def addresses(query, addrs):
    """Only IPv4 ones, whatever was asked for."""
    return header(query, 0x8180, len(addrs)) + question(query) + b"".join(record(1, socket.inet_aton(a)) for a in addrs)

def wrong_ids(query):
    right = struct.unpack(">H", query[:2])[0]
    return [answer(query, BAD, (right + i) & 0xffff) for i in range(1, 100)]

def wrong_names(query):
    lie = bytearray(answer(query, BAD))
    lie[13] ^= 1
    return [bytes(lie), answer(query)]

def chain(query):
    """A name of pointers, each to the one before."""
    names = b"".join(struct.pack(">H", 0xc000 | (12 + len(question(query)) + 12 + 2 * i)) for i in range(7000))
    return header(query, 0x8180, 1) + question(query) + b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 300, len(names)) + names

def aliases(query, n):
    """CNAMEs n deep, each to the next, and an address at the end."""
    out, name = b"", b"\xc0\x0c"
    for i in range(n):
        target = b"\x05a%04d\x00" % i
        out += record(5, target, name)
        name = target
    return header(query, 0x8180, n + 1) + question(query) + out + record(1, socket.inet_aton(GOOD), name)

CUT = lambda q: [header(q, 0x8380, 0) + question(q)]
by_udp = {
    "wrongid": wrong_ids,
    "wrongname": wrong_names,
    "silent": lambda q: [],
    "cut": CUT, "bomb": CUT, "chain": CUT, "many": CUT, "crowd": CUT, "close": CUT, "liar": CUT,
    "servfail": lambda q: [header(q, 0x8182, 0) + question(q)],
    "refused": lambda q: [header(q, 0x8185, 0) + question(q)],
    "nx": lambda q: [header(q, 0x8183, 0) + question(q)],
    "rebind": lambda q: [addresses(q, ["127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0"])],
    "half": lambda q: [addresses(q, ["192.168.1.1", GOOD])],
    "loop": lambda q: [header(q, 0x8180, 1) + question(q) + struct.pack(">H", 0xc000 | (12 + len(question(q)))) +
                       struct.pack(">HHIH", 1, 1, 300, 4) + b"\x0b\x06\x06\x06"],
    "garbage": lambda q: [header(q, 0x8180, 30) + question(q) + bytes(range(256)) * 4],
    "trailing": lambda q: [answer(q) + b"and more"],
    "self": lambda q: [header(q, 0x8180, 1) + question(q) + record(5, b"\xc0\x0c")],
    "deep": lambda q: [aliases(q, 30)],
    "alias": lambda q: [aliases(q, 3)],
    "poison": lambda q: [header(q, 0x8180, 2) + question(q) + address(q, GOOD) +
                         record(1, socket.inet_aton(BAD), b"\x04bank\x07example\x00")],
}
by_tcp = {
    # 64 kB that cost who parses them carelessly gigabytes.
    "bomb": lambda q: header(q, 0x8180, 1) + question(q) + record(16, b"\x00" * 65000),
    "chain": chain,
    "many": lambda q: addresses(q, ["11.0.%d.%d" % (i // 250, 1 + i % 250) for i in range(400)]),
    "crowd": lambda q: addresses(q, ["11.0.%d.%d" % (i // 250, 1 + i % 250) for i in range(3000)]),
    "liar": lambda q: answer(q, BAD, struct.unpack(">H", q[:2])[0] ^ 1),
}

def behave(query):
    names = labels(query)[0]
    if names[0] == "slow":
        time.sleep(1.5)
    return names[0], ".".join(names)

def serve_udp(s):
    def one(query, client):
        how, name = behave(query)
        say("udp", name)
        for m in by_udp.get(how, lambda q: [answer(q)])(query):
            s.sendto(m, client)
    while True:
        query, client = s.recvfrom(65536)
        threading.Thread(target=one, args=(query, client), daemon=True).start()

def serve_tcp(s):
    def one(conn):
        with conn:
            while True:
                length = conn.recv(2, socket.MSG_WAITALL)
                if len(length) < 2:
                    return
                query = conn.recv(struct.unpack(">H", length)[0], socket.MSG_WAITALL)
                how, name = behave(query)
                say("tcp", name)
                if how == "close":
                    conn.sendall(b"\x40\x00half")
                    return
                if how != "silent":
                    m = by_tcp.get(how, answer)(query)
                    conn.sendall(struct.pack(">H", len(m)) + m)
    while True:
        conn = s.accept()[0]
        threading.Thread(target=one, args=(conn,), daemon=True).start()

addr, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in addr else socket.AF_INET
udp = socket.socket(family, socket.SOCK_DGRAM)
udp.bind((addr, port))
tcp = socket.socket(family, socket.SOCK_STREAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind((addr, port))
tcp.listen(64)
threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
say("ready")
serve_tcp(tcp)
