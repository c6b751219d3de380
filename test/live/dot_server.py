#!/usr/bin/env python3
"""A nameserver that is asked over TLS: dot_server.py CERT KEY ADDR PORT

Lines on standard output: "open N" for each connection, "asked N NAME LENGTH" for each question (N: the connection's number), "closed N".  Any
name has the address 11.0.N.1, N being the connection it was asked on; slow.* waits for the next question, close.* ends the connection once,
silent.* is never answered.
"""
import socket
import ssl
import struct
import sys
import threading

opened = 0
closed_for = set()


def name_of(msg):
    labels, at = [], 12
    while msg[at]:
        labels.append(msg[at + 1:at + 1 + msg[at]].decode("latin-1"))
        at += 1 + msg[at]
    return ".".join(labels), at + 5


def answer(msg, end, n):
    kind = struct.unpack(">H", msg[end - 4:end - 2])[0]
    out = msg[:2] + struct.pack(">HHHHH", 0x8180, 1, kind == 1, 0, 0) + msg[12:end]
    if kind == 1:
        out += struct.pack(">HHHLH", 0xc00c, 1, 1, 60, 4) + bytes([11, 0, n % 256, 1])
    return struct.pack(">H", len(out)) + out


def exactly(conn, size):
    got = b""
    while len(got) < size:
        more = conn.recv(size - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def serve(conn, n, context):
    late = b""
    try:
        conn = context.wrap_socket(conn, server_side=True)
        print("open", n, conn.version(), conn.selected_alpn_protocol(), "resumed" if conn.session_reused else "new", flush=True)
        while True:
            msg = exactly(conn, struct.unpack(">H", exactly(conn, 2))[0])
            name, end = name_of(msg)
            print("asked", n, name, len(msg), flush=True)
            if name.startswith("silent."):
                continue
            if name.startswith("close.") and name not in closed_for:
                closed_for.add(name)
                return
            if name.startswith("slow.") and not late:
                late = answer(msg, end, n)
                continue
            conn.sendall(answer(msg, end, n) + late)
            late = b""
    except (OSError, EOFError) as e:
        print("failed" if isinstance(e, ssl.SSLError) else "closed", n, getattr(e, "reason", ""), flush=True)
    finally:
        conn.close()


def main():
    global opened
    cert, key, addr, port = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["dot"])
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, int(port)))
    s.listen(64)
    print("ready", flush=True)
    while True:
        conn, _ = s.accept()
        opened += 1
        threading.Thread(target=serve, args=(conn, opened, context), daemon=True).start()


main()
