#!/usr/bin/env python3
"""A proxy that is asked with CONNECT: connect_proxy.py ADDR PORT [NAME=ADDR...]

It resolves names by the list it is given, as its own resolver would.  Lines on standard output: "connect HOST:PORT"; "get TARGET" for any
other request, which it answers with 200 and the target.  no.test is answered 403, auth.test 407 to who shows no credentials.
"""
import select
import socket
import sys
import threading

names = {}


def splice(a, b):
    open_ends = {a: b, b: a}
    while open_ends:
        ready, _, _ = select.select(list(open_ends), [], [], 60)
        if not ready:
            return
        for s in ready:
            data = s.recv(65536)
            if data:
                open_ends[s].sendall(data)
            else:
                try:
                    open_ends[s].shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                del open_ends[s]


def serve(conn):
    rest = b""
    try:
        while True:
            while b"\r\n\r\n" not in rest:
                got = conn.recv(65536)
                if not got:
                    return
                rest += got
            head, rest = rest.split(b"\r\n\r\n", 1)
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            print("connect" if method == "CONNECT" else "get", target, flush=True)
            if method != "CONNECT":
                body = target.encode() + b"\n"
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                continue
            host, port = target.rsplit(":", 1)
            host = host.strip("[]")
            if host == "no.test":
                conn.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
                continue
            if host == "auth.test" and b"proxy-authorization:" not in head.lower():
                conn.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
                continue
            far = socket.create_connection((names.get(host, host), int(port)), 10)
            conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if rest:
                far.sendall(rest)
            splice(conn, far)
            return
    except (OSError, ValueError) as e:
        print("failed", e, flush=True)
    finally:
        conn.close()


def main():
    addr, port, *pairs = sys.argv[1:]
    names.update(p.split("=") for p in pairs)
    s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, int(port)))
    s.listen(64)
    print("ready", flush=True)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


main()
