#!/usr/bin/env python3
"""world.py ADDR... - servers a guest may or may not reach, and what reached them

On each address: HTTP on 80 and 8080, HTTPS on 443, a protocol whose server speaks first on 2222, listeners on 25, 81 and
853 that say nothing; datagrams on 7, 9, 443, 853, 5353 and 5355 come back as they are.  HTTP says which address was
asked, and under which name: "11.0.0.10 host=a.example sni=a.example".

Each connection and each run of bytes is a line on standard output: "tcp 11.0.0.10:443 open", "... bytes", "... request".
"""
import os, selectors, socket, ssl, subprocess, sys, threading

def say(*words):
    sys.stdout.write(" ".join(str(w) for w in words) + "\n")
    sys.stdout.flush()

def certificate():
    if not os.path.exists("world.pem"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", "world.key", "-out", "world.pem", "-days", "30", "-subj", "/CN=world"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def listen(kind, addr, port):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    if kind == socket.SOCK_STREAM:
        s.listen(64)
    return s

def shown(addr, port):
    return f"[{addr}]:{port}" if ":" in addr else f"{addr}:{port}"

def requests(conn, at, addr, sni):
    """HTTP/1.1 of the simplest kind, for as long as the client goes on."""
    rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            got = conn.recv(65536)
            if not got:
                return
            rest += got
        head, rest = rest.split(b"\r\n\r\n", 1)
        host = next((l.split(b":", 1)[1].strip().decode() for l in head.split(b"\r\n") if l.lower().startswith(b"host:")), None)
        say("tcp", at, "request", host)
        body = f"{addr} host={host} sni={sni}\n".encode()
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

def serve_tcp(conn, addr, port, context):
    at = shown(addr, port)
    say("tcp", at, "open")
    try:
        conn.settimeout(30)
        if port == 2222:
            conn.sendall(b"220 the server speaks first\r\n")
        first = conn.recv(1, socket.MSG_PEEK)
        say("tcp", at, "bytes" if first else "end")
        if port in (80, 8080):
            requests(conn, at, addr, None)
        elif port == 443:
            conn = context.wrap_socket(conn, server_side=True)
            requests(conn, at, addr, getattr(conn, "told", None))
        elif port == 2222:
            conn.sendall(b"echo " + conn.recv(1024))
        else:
            conn.recv(65536)
    except OSError as e:
        say("tcp", at, "error", type(e).__name__)
    finally:
        conn.close()

def accept(s, addr, port, context):
    while True:
        conn, _ = s.accept()
        threading.Thread(target=serve_tcp, args=(conn, addr, port, context), daemon=True).start()

def main():
    certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("world.pem", "world.key")
    context.sni_callback = lambda sock, name, ctx: setattr(sock, "told", name)
    sel = selectors.DefaultSelector()
    for addr in sys.argv[1:]:
        for port in (25, 80, 81, 443, 853, 2222, 8080):
            s = listen(socket.SOCK_STREAM, addr, port)
            threading.Thread(target=accept, args=(s, addr, port, context), daemon=True).start()
        for port in (7, 9, 137, 443, 853, 5353, 5355):
            sel.register(listen(socket.SOCK_DGRAM, addr, port), selectors.EVENT_READ, shown(addr, port))
    say("ready")
    while True:
        for key, _ in sel.select():
            data, peer = key.fileobj.recvfrom(65536)
            say("udp", key.data, "bytes")
            key.fileobj.sendto(data, peer)

main()
