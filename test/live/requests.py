#!/usr/bin/env python3
"""Web servers that say what they were asked: requests.py CERT KEY ADDR

HTTPS on 443 and 8443, HTTP on 80 and 8080: the answer's body is "METHOD HOST PATH LENGTH\n", and so is a line here.  On 9443 TLS that is no
HTTP: a line comes back in capital letters.
"""
import http.server
import socketserver
import ssl
import sys
import threading


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        line = f"{self.command} {self.headers.get('Host')} {self.path} {length}\n"
        print(line, end="", flush=True)
        body = line.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = any

    def log_message(self, *args):
        pass


class Loud(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            print("opaque", line.decode().strip(), flush=True)
            self.wfile.write(line.upper())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64
    context = None

    def handle_error(self, request, client_address):
        pass

    def finish_request(self, request, client_address):
        if self.context:
            request.settimeout(20)
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)


def main():
    cert, key, addr = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    for port in 443, 8443, 80, 8080, 9443:
        server = Server((addr, port), Loud if port == 9443 else Web)
        server.context = context if port % 1000 == 443 else None
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


main()
