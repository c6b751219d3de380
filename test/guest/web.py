#!/usr/bin/env python3
"""web.py PORT - serves the files of this folder on both loopbacks, and keeps in it what is PUT"""
import http.server
import os
import socket
import sys
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # so that a client which asks first is told to go on

    def do_PUT(self):
        name = os.path.basename(self.path)
        left = int(self.headers["Content-Length"])
        with open(name + ".part", "wb") as to:
            while left > 0:
                got = self.rfile.read(min(left, 65536))
                if not got:
                    return
                to.write(got)
                left -= len(got)
        os.rename(name + ".part", name)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


port = int(sys.argv[1])
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler), Server6(("::1", port), Handler)]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
