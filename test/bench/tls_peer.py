#!/usr/bin/python3
"""tls_peer.py - what stands at both ends of the benchmark's intercepted connections

    serve CERT KEY PORT SECONDS      GET /N is answered with N bytes, a body that comes is read and counted
    down|up HOST PORT CA SECONDS     one connection, bodies of 64 MiB until the time is up: {"value": MB/s, "amount": bytes}
    connect HOST PORT CA SECONDS     whole connections, never resumed, 8 at once: {"value": a second, "amount": how many}
    hold HOST PORT CA N              N connections, one request each, then idle until standard input ends
"""
import json
import socket
import ssl
import sys
import threading
import time

CHUNK = 1 << 18
BODY = 64 << 20


def read_head(s):
    head = b""
    while b"\r\n\r\n" not in head:
        more = s.recv(65536)
        if not more:
            return None, b""
        head += more
    head, rest = head.split(b"\r\n\r\n", 1)
    return head, rest


def length(head):
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            return int(value)
    return 0


def drain(s, n, buf):
    while n > 0:
        got = s.recv_into(buf, min(n, len(buf)))
        if got == 0:
            raise OSError("it broke off")
        n -= got


def answer(raw, context):
    buf = bytearray(CHUNK)
    zeros = bytes(CHUNK)
    try:
        s = context.wrap_socket(raw, server_side=True)
        while True:
            head, rest = read_head(s)
            if head is None:
                break
            drain(s, length(head) - len(rest), buf)
            n = int(head.split(b" ")[1][1:] or 0)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n)
            while n > 0:
                s.sendall(zeros[: min(n, CHUNK)])
                n -= min(n, CHUNK)
        s.close()
    except OSError:
        raw.close()


def serve(cert, key, port, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The client's order counts, as it does with most servers: what the library is fastest with, at both ends as in tls.c.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=512)
    threading.Timer(float(seconds), lambda: sys.exit(0)).start()
    while True:
        raw, _ = listener.accept()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(raw, context), daemon=True).start()


def client_context(ca):
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = True
    return context


def connect(host, port, context):
    raw = socket.create_connection((host, int(port)), timeout=30)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname="bench.test")


def request(s, body, want, buf):
    s.sendall(b"GET /%d HTTP/1.1\r\nHost: bench.test\r\nContent-Length: %d\r\n\r\n" % (want, body))
    zeros = bytes(CHUNK)
    while body > 0:
        s.sendall(zeros[: min(body, CHUNK)])
        body -= min(body, CHUNK)
    head, rest = read_head(s)
    if head is None or b" 200 " not in head:
        raise OSError("no answer: %r" % (head or b"")[:80])
    drain(s, length(head) - len(rest), buf)


def bulk(way, host, port, ca, seconds):
    s = connect(host, port, client_context(ca))
    buf = bytearray(CHUNK)
    moved, begin = 0, time.monotonic()
    while time.monotonic() - begin < float(seconds):
        request(s, BODY if way == "up" else 0, BODY if way == "down" else 0, buf)
        moved += BODY
    print(json.dumps({"value": moved / 1e6 / (time.monotonic() - begin), "amount": moved}))


def connections(host, port, ca, seconds):
    counts = [0] * 8
    begin = time.monotonic()

    def work(i):
        buf = bytearray(65536)
        while time.monotonic() - begin < float(seconds):
            s = connect(host, port, client_context(ca))
            request(s, 0, 1, buf)
            s.close()
            counts[i] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(counts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(json.dumps({"value": sum(counts) / (time.monotonic() - begin), "amount": sum(counts)}))


def hold(host, port, ca, n):
    context = client_context(ca)
    held = []
    for _ in range(int(n)):
        s = connect(host, port, context)
        request(s, 0, 1, bytearray(65536))
        held.append(s)
    print(json.dumps({"held": len(held)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    what, args = sys.argv[1], sys.argv[2:]
    {
        "serve": serve,
        "down": lambda *a: bulk("down", *a),
        "up": lambda *a: bulk("up", *a),
        "connect": connections,
        "hold": hold,
    }[what](*args)
