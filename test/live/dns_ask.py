#!/usr/bin/env python3
"""dns_ask.py SERVER NAME... - asks for all names at once on one connection: each as it is answered, then the end

The queries leave in one segment, and the connection is closed for writing at once: what was asked must still come.
"""
import socket, struct, sys

def query(id, name):
    return struct.pack(">HHHHHH", id, 0x0100, 1, 0, 0, 0) + b"".join(
        bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\x00\x00\x01\x00\x01"

server, names = sys.argv[1], sys.argv[2:]
s = socket.create_connection((server, 53), timeout=20)
messages = [query(i, n) for i, n in enumerate(names)]
s.sendall(b"".join(struct.pack(">H", len(m)) + m for m in messages))
s.shutdown(socket.SHUT_WR)
with s.makefile("rb") as f:
    while len(length := f.read(2)) == 2:
        m = f.read(struct.unpack(">H", length)[0])
        id, flags = struct.unpack(">HH", m[:4])
        print(names[id], flags & 15, end=" ")
print("end")
