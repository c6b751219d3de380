#!/usr/bin/env python3
"""peers.py WHAT [ADDRESS...] - small servers and clients for make_corpus.sh

web DIR                    HTTP on port 8000 of both families: pages of DIR, and any upload is welcome
end-server, end-client A   TCP connections that end in all four ways
echo, send A4 A6           UDP datagrams of many sizes, echoed
"""
import functools
import http.server
import socket
import struct
import sys
import threading
import time

PORT = 7000
RESET = struct.pack('ii', 1, 0)  # SO_LINGER: a close that resets


class Pages(http.server.SimpleHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(204)
        self.end_headers()


class Both(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def web(directory):
    Both(('::', 8000), functools.partial(Pages, directory=directory)).serve_forever()


def end(c):
    """What the client's first word asks for."""
    word = c.recv(5)
    if word == b'reset':
        c.sendall(b'going')
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif word == b'count':
        n = 0
        while b := c.recv(65536):
            n += len(b)
        c.sendall(b'%d' % n)
    elif word == b'first':
        c.shutdown(socket.SHUT_WR)
        while c.recv(65536):
            pass
    else:
        c.recv(65536)
    c.close()


def end_server():
    s = socket.create_server(('', PORT))
    while True:
        threading.Thread(target=end, args=(s.accept()[0],), daemon=True).start()


def call(to, word):
    c = socket.create_connection((to, PORT))
    c.sendall(word)
    time.sleep(0.05)
    return c


def end_client(to):
    c = call(to, b'count')  # half-close, then the answer
    c.sendall(b'z' * 3000)
    c.shutdown(socket.SHUT_WR)
    assert c.recv(100) == b'3000'
    c.close()

    c = call(to, b'first')  # the server half-closes first
    assert c.recv(100) == b''
    c.sendall(b'after your end of file')
    time.sleep(0.05)
    c.close()

    c = call(to, b'reset')  # the server resets
    try:
        while c.recv(100):
            pass
    except ConnectionResetError:
        pass
    c.close()

    c = call(to, b'guest')  # the client resets
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    c.close()


def echo():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(('::', PORT))
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)


def send(*to):
    for addr, fam in zip(to, (socket.AF_INET, socket.AF_INET6)):
        s = socket.socket(fam, socket.SOCK_DGRAM)
        s.settimeout(1)
        s.connect((addr, PORT))
        for n in 0, 1, 1000, 1472, 1473, 4000, 20000:
            s.send(bytes(i * 7 & 255 for i in range(n)))
            assert len(s.recv(65536)) == n


WHAT = {'web': web, 'end-server': end_server, 'end-client': end_client, 'echo': echo, 'send': send}
WHAT[sys.argv[1]](*sys.argv[2:])
