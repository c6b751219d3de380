#!/usr/bin/env python3
"""vhost_cut.py SOCKET - a VMM that shares its memory with a vhost-user back end and then cuts it off

Just enough of the protocol (QEMU docs/interop/vhost-user.rst) to make the transmit queue run; then its memfd is
truncated and the queue kicked, so that the back end's next look at the ring is a bus error.
"""
import array
import ctypes
import os
import socket
import struct
import sys
import time

SIZE = 1 << 20
VERSION = 1
GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL = 8, 9, 10, 12, 13
SET_VRING_ENABLE = 18
F_PROTOCOL_FEATURES, F_VERSION_1 = 30, 32

sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.connect(sys.argv[1])
sock.settimeout(20)


def send(request, body=b"", fds=()):
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([struct.pack("=III", request, VERSION, len(body)) + body], control)


send(GET_FEATURES)
answer = sock.recv(20, socket.MSG_WAITALL)
features = struct.unpack("=IIIQ", answer)[3]
send(SET_OWNER)
send(SET_FEATURES, struct.pack("=Q", features & (1 << F_VERSION_1 | 1 << F_PROTOCOL_FEATURES)))

memory = os.memfd_create("guest", os.MFD_CLOEXEC)
os.ftruncate(memory, SIZE)
send(SET_MEM_TABLE, struct.pack("=IIQQQQ", 1, 0, 0, SIZE, 0x10000000, 0), [memory])
libc = ctypes.CDLL(None)
for queue in (0, 1):
    kick, call = libc.eventfd(0, 0), libc.eventfd(0, 0)
    at = 0x10000000 + queue * 0x10000
    send(SET_VRING_NUM, struct.pack("=II", queue, 256))
    send(SET_VRING_ADDR, struct.pack("=IIQQQQ", queue, 0, at, at + 0x2000, at + 0x1000, 0))
    send(SET_VRING_BASE, struct.pack("=II", queue, 0))
    send(SET_VRING_CALL, struct.pack("=Q", queue), [call])
    send(SET_VRING_KICK, struct.pack("=Q", queue), [kick])
    send(SET_VRING_ENABLE, struct.pack("=II", queue, 1))
# An answer to this one means that all before it has been taken.
send(GET_FEATURES)
sock.recv(20, socket.MSG_WAITALL)
os.ftruncate(memory, 0)
os.write(kick, struct.pack("=Q", 1))
print("cut", flush=True)
time.sleep(20)
