#!/usr/bin/env python3
"""tls_world.py DIR - servers of TLS of many kinds, for tls_test.sh

DIR has certificates (certs.sh), and www/, which is served as files.

    443     HTTPS; shows the certificate that DIR/kind names at that moment
    444     the same, TLS 1.2 alone       445     TLS 1.3 alone
    446     wants a certificate of the client's that DIR/roots.pem knows
    447     ends every answer without close_notify and shorter than it said
    448     no HTTP: greets, then says every line back
    449     HTTPS with the session of the first connection taken up again, if asked to

GET /bytes/N: N bytes that follow from N; PUT, POST: their number and SHA-256; GET /echo with Upgrade: websocket: every text back.
"""
import base64, hashlib, http.server, os, socket, socketserver, ssl, struct, sys, threading

DIR = sys.argv[1]
BLOCK = hashlib.sha256(b"sluice").digest() * 2048  # 64 KiB


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *a):
        super().__init__(*a, directory=DIR + "/www")

    def log_message(self, *a):
        pass

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.websocket()
        if self.path == "/headers":
            said = str(self.headers).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            return
        if self.path == "/whoami":
            return self.say(str(self.connection.version()) + " " + str(self.connection.session_reused) + " "
                            + str(self.connection.getpeercert().get("subject", "") if self.server.wants else "") + "\n")
        if not self.path.startswith("/bytes/"):
            return super().do_GET()
        n = int(self.path[7:])
        self.send_response(200)
        self.send_header("Content-Length", str(n))
        self.end_headers()
        if self.server.cuts:
            self.wfile.write(BLOCK[: n // 2])
            self.wfile.flush()
            self.close_connection = True
            return None
        while n > 0:
            self.wfile.write(BLOCK[: min(n, len(BLOCK))])
            n -= len(BLOCK)
        return None

    def do_POST(self):
        h, n = hashlib.sha256(), 0
        if self.headers.get("Expect"):
            pass  # 100 was sent already
        for part in self.body():
            h.update(part)
            n += len(part)
        self.say("%d %s\n" % (n, h.hexdigest()))

    do_PUT = do_POST

    def body(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                if n == 0:
                    while self.rfile.readline().strip():
                        pass
                    return
                while n > 0:
                    part = self.rfile.read(min(n, 65536))
                    n -= len(part)
                    yield part
                self.rfile.readline()
        n = int(self.headers.get("Content-Length", 0))
        while n > 0:
            part = self.rfile.read(min(n, 65536))
            if not part:
                return
            n -= len(part)
            yield part

    def say(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                self.wfile.write(b"\x88\x00")
                return
            n = head[1] & 127
            if n == 126:
                n = struct.unpack(">H", self.rfile.read(2))[0]
            mask = self.rfile.read(4)
            text = bytes(b ^ mask[i & 3] for i, b in enumerate(self.rfile.read(n)))
            size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n)
            self.wfile.write(bytes([head[0]]) + size + text)
            self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    wants = cuts = greets = False
    kind = None
    versions = (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.MAXIMUM_SUPPORTED)
    context = None

    def context_of(self):
        kind = self.kind or open(DIR + "/kind").read().strip()
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.set_ciphers("ALL:@SECLEVEL=0")
        c.load_cert_chain("%s/%s.pem" % (DIR, kind), "%s/%s.key" % (DIR, kind))
        c.minimum_version, c.maximum_version = self.versions
        if not self.greets:
            c.set_alpn_protocols(["http/1.1"])
        if self.wants:
            c.load_verify_locations(DIR + "/roots.pem")
            c.verify_mode = ssl.CERT_REQUIRED
        return c

    def process_request_thread(self, request, address):
        try:
            request.settimeout(120)
            if self.kind and not self.context:
                self.context = self.context_of()
            s = (self.context or self.context_of()).wrap_socket(request, server_side=True, suppress_ragged_eofs=False)
            if self.greets:
                return greet(s)
            self.finish_request(s, address)
            if self.cuts:
                s.detach_raw = True
                os.close(s.detach())
                return None
            try:
                s.unwrap().close()
            except OSError:
                pass
        except (OSError, ValueError) as e:
            print(e, flush=True)
        finally:
            self.shutdown_request(request)
        return None


def greet(s):
    s.sendall(b"220 hello\r\n")
    f = s.makefile("rb")
    for line in f:
        s.sendall(line)
    s.unwrap()


def serve(port, **with_these):
    # AF_INET6 and AF_INET: the gateway's address leads to either loopback.
    for family, at in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        kind = type("S", (Server,), dict(with_these, address_family=family))
        threading.Thread(target=kind((at, port), Handler).serve_forever, daemon=True).start()


socketserver.TCPServer.allow_reuse_address = True
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
serve(443)
serve(444, kind="good", versions=(V12, V12))
serve(445, kind="good", versions=(V13, V13))
serve(446, kind="good", wants=True)
serve(447, kind="good", cuts=True)
serve(448, kind="good", greets=True)
serve(449, kind="good")
print("ready", flush=True)
threading.Event().wait()
