#!/usr/bin/env python3
"""evade.py HOW ... - what a guest tries that does not want to be judged, one line about what came of it

    tcp ADDR PORT                   open, or the errno's name, or "silent"
    udp ADDR PORT                   the same, "answer" for open
    banner ADDR PORT                what the server says first, before we say a thing; then what we said echoed
    tls ADDR PORT SNI [WORD...]     a handshake and a request; SNI - is none.  Words: segments=N and records=N cut what is
                                    said first into pieces of N bytes, of TCP segments and of TLS records; ech adds the
                                    extension; host=NAME is asked for instead of SNI
    http ADDR PORT HOST...          requests for these, one after the other on one connection; segments=N as above;
                                    HOST - leaves it out, two with a comma are two Host lines
    raw ADDR PORT HEX               these bytes; the answer's
    dns ADDR NAME [fragments]       the answer's rcode and addresses; with a query of 3,000 bytes that IP has to cut
"""
import errno, os, socket, ssl, struct, sys

WAIT = float(os.environ.get("WAIT", "8"))

def name_of(e):
    if isinstance(e, (TimeoutError, socket.timeout)):
        return "silent"
    if isinstance(e, ssl.SSLError):
        return f"TLS {e.reason}"
    if e.errno == errno.EPIPE:  # a reset that was met while writing
        return "ECONNRESET"
    return errno.errorcode.get(e.errno, type(e).__name__) if e.errno else type(e).__name__

def dial(addr, port, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, kind)
    s.settimeout(WAIT)
    s.connect((addr, int(port)))
    return s

def tcp(addr, port):
    dial(addr, port)
    return "open"

def udp(addr, port):
    s = dial(addr, port, socket.SOCK_DGRAM)
    s.send(b"ask")
    return "answer" if s.recv(100) == b"ask" else "other"

def banner(addr, port):
    s = dial(addr, port)
    first = s.recv(100).decode().strip()
    s.sendall(b"HELLO there\r\n")
    return f"{first}; {s.recv(100).decode().strip()}"

def words(args):
    return dict(a.split("=", 1) if "=" in a else (a, "1") for a in args)

def send_in(s, data, n):
    """Pieces of n bytes, each a segment of its own: the next leaves when the last is acknowledged."""
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(0, len(data), n or len(data)):
        s.sendall(data[i:i + n] if n else data)

def records_of(data, n):
    """The same handshake bytes in records of n bytes."""
    body, out = b"", b""
    while data:
        size = struct.unpack(">H", data[3:5])[0]
        body, data = body + data[5:5 + size], data[5 + size:]
    for i in range(0, len(body), n):
        piece = body[i:i + n]
        out += b"\x16\x03\x01" + struct.pack(">H", len(piece)) + piece
    return out

def with_ech(data):
    """An encrypted_client_hello extension (0xfe0d) at the end of the ClientHello's."""
    ext = struct.pack(">HH", 0xfe0d, 8) + b"\0\0\1\0\1\0\0\0"
    hello = bytearray(data[5:])
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack(">H", hello[at:at + 2])[0]
    at += 1 + hello[at]
    hello[at:at + 2] = struct.pack(">H", struct.unpack(">H", hello[at:at + 2])[0] + len(ext))
    hello += ext
    hello[1:4] = struct.pack(">I", len(hello) - 4)[1:]
    return data[:3] + struct.pack(">H", len(hello)) + bytes(hello)

def tls(addr, port, sni, *how):
    how = words(how)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    given, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    t = context.wrap_bio(given, said, server_hostname=None if sni == "-" else sni)
    s = dial(addr, port)

    def step(act):
        while True:
            try:
                done = act()
                s.sendall(said.read())
                return done
            except ssl.SSLWantReadError:
                if said.pending:
                    s.sendall(said.read())
                got = s.recv(65536)
                if not got:
                    raise ConnectionAbortedError(errno.ECONNABORTED, "end of file")
                given.write(got)

    try:
        t.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = said.read()
    if "ech" in how:
        hello = with_ech(hello)
    if "records" in how:
        hello = records_of(hello, int(how["records"]))
    send_in(s, hello, int(how.get("segments", 0)))
    step(t.do_handshake)
    step(lambda: t.write(f"GET / HTTP/1.1\r\nHost: {how.get('host', sni)}\r\n\r\n".encode()))
    return step(lambda: t.read(65536)).decode().split("\r\n\r\n")[1].strip()

def answer_of(s):
    got = b""
    while b"\r\n\r\n" not in got:
        more = s.recv(65536)
        if not more:
            return "end"
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += s.recv(65536)
    return f"{head.split()[1].decode()} {body.decode().strip()}"

def http(addr, port, *hosts):
    how = words([h for h in hosts if "=" in h])
    s, out = dial(addr, port), []
    for host in (h for h in hosts if "=" not in h):
        lines = "" if host == "-" else "".join(f"Host: {h}\r\n" for h in host.split(","))
        try:
            send_in(s, f"GET / HTTP/1.1\r\n{lines}\r\n".encode(), int(how.get("segments", 0)))
            out.append(answer_of(s))
        except OSError as e:
            out.append(name_of(e))
    return " | ".join(out)

def raw(addr, port, data):
    s = dial(addr, port)
    s.sendall(bytes.fromhex(data))
    return s.recv(1000).hex() or "end"

def dns(addr, name, *how):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
    options = struct.pack(">HH", 12, 3000) + bytes(3000) if "fragments" in how else b""  # padding, RFC 7830
    query = (struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 1) + labels + struct.pack(">HH", 1, 1) +
             b"\0" + struct.pack(">HHIH", 41, 1232, 0, len(options)) + options)
    s = dial(addr, 53, socket.SOCK_DGRAM)
    s.send(query)
    got = s.recv(65536)
    n, at, found = struct.unpack(">H", got[6:8])[0], 12 + len(labels) + 4, []
    for _ in range(n):
        while got[at] and got[at] < 0xc0:
            at += 1 + got[at]
        at += 2 if got[at] else 1
        kind, _, _, size = struct.unpack(">HHIH", got[at:at + 10])
        at += 10
        if kind == 1:
            found.append(socket.inet_ntoa(got[at:at + 4]))
        at += size
    return " ".join([{0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}.get(got[3] & 15, "other")] + found)

try:
    print({f.__name__: f for f in (tcp, udp, banner, tls, http, raw, dns)}[sys.argv[1]](*sys.argv[2:]))
except OSError as e:
    print(name_of(e))
