#!/usr/bin/env python3
"""fake_vmm.py - the guest of a VMM that does not exist, for tests of how sluice is started and met

Speaks QEMU's stream format (each frame after its length in 4 big-endian bytes) or bare datagrams, and is a small
guest behind it: says what DHCP gave, resolves the gateway, pings it, asks for a TCP connection.

	fake_vmm.py connect PATH            connect a stream socket
	fake_vmm.py listen PATH             listen, take one connection
	fake_vmm.py dgram PATH              a datagram socket of its own, connected
	fake_vmm.py spawn FD TYPE CMD...    a socketpair (stream, dgram); CMD inherits one end as FD, and must end
	                                    with status 0 (a daemon) before the guest speaks
	fake_vmm.py beside FD TYPE CMD...   the same, but CMD stays.  Stream: its status is said once we have left;
	                                    datagrams have no end, so CMD is left to itself
	fake_vmm.py accept FD CMD...        CMD inherits a listening stream socket, stays, and is ended by SIGTERM

Options come first: --gateway ADDR, --guest ADDR, --dhcp, --tcp PORT (to the gateway), --count N (pings), --vfkit.
Each thing that is learnt is a line of its own; status 1 and a line when something is not as it must be.
"""
import argparse
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile

MAC = bytes.fromhex("525400abcdef")
LIMIT = 20  # seconds any single wait may take


def fail(text):
    print("failed:", text, flush=True)
    sys.exit(1)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Stream:
    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(LIMIT)

    def send(self, frame):
        self.sock.sendall(struct.pack("!I", len(frame)) + frame)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                fail("the gateway hung up")
            data += piece
        return data

    def receive(self):
        (n,) = struct.unpack("!I", self.exactly(4))
        return self.exactly(n)


class Datagrams:
    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(LIMIT)

    def send(self, frame):
        self.sock.send(frame)

    def receive(self):
        return self.sock.recv(70000)


class Guest:
    def __init__(self, link, address, gateway):
        self.link = link
        self.address = socket.inet_aton(address)
        self.gateway = socket.inet_aton(gateway)
        self.gateway_mac = b"\xff" * 6

    def ethernet(self, kind, payload, to=None):
        self.link.send((to or self.gateway_mac) + MAC + struct.pack("!H", kind) + payload)

    def ip(self, protocol, payload, source=None, target=None):
        source, target = source or self.address, target or self.gateway
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, source, target)
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        self.ethernet(0x0800, head + payload)

    def expect(self, wanted, what):
        """The first frame that `wanted` makes something of."""
        for _ in range(1000):
            try:
                frame = self.link.receive()
            except socket.timeout:
                break
            found = wanted(frame)
            if found is not None:
                return found
        return fail("no " + what)

    def ask_for_gateway(self):
        ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, MAC, self.address, b"\0" * 6, self.gateway)
        self.ethernet(0x0806, ask, b"\xff" * 6)

    def arp(self):
        self.ask_for_gateway()

        def answer(f):
            if f[12:14] == b"\x08\x06" and f[20:22] == b"\x00\x02" and f[28:32] == self.gateway:
                return f[22:28]
            return None

        self.gateway_mac = self.expect(answer, "answer to ARP")
        print("arp", self.gateway_mac.hex(":"), flush=True)

    def ping(self, n):
        body = struct.pack("!BBHHH", 8, 0, 0, 77, n) + b"sluice" * 20
        self.ip(1, body[:2] + struct.pack("!H", checksum(body)) + body[4:])

        def answer(f):
            return True if f[12:14] == b"\x08\x00" and f[23] == 1 and f[34:36] == b"\0\0" and f[38:42] == body[4:8] else None

        self.expect(answer, "answer to ping")
        print("ping", flush=True)

    def tcp(self, port):
        pseudo = self.address + self.gateway + struct.pack("!HH", 6, 20)
        syn = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 65535, 0, 0)
        syn = syn[:16] + struct.pack("!H", checksum(pseudo + syn)) + syn[18:]
        self.ip(6, syn)

        def answer(f):
            if f[12:14] == b"\x08\x00" and f[23] == 6 and f[34:36] == struct.pack("!H", port):
                return "refused" if f[47] & 4 else "connected"
            return None

        print("tcp", self.expect(answer, "answer to SYN"), flush=True)

    def dhcp(self):
        options = bytes([53, 1, 1, 55, 6, 1, 3, 6, 12, 26, 119, 255])
        body = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, 0x1234, 0, 0x8000, *[b"\0" * 4] * 4)
        body += MAC + b"\0" * 10 + b"\0" * 192 + bytes.fromhex("63825363") + options
        udp = struct.pack("!HHHH", 68, 67, 8 + len(body), 0) + body
        self.gateway_mac = b"\xff" * 6
        self.ip(17, udp, b"\0" * 4, b"\xff" * 4)

        def answer(f):
            if f[12:14] == b"\x08\x00" and f[23] == 17 and f[34:38] == struct.pack("!HH", 67, 68):
                return f[42:]
            return b"" if f[12:14] == b"\x08\x06" and f[20:22] == b"\x00\x02" else None

        # Frames are taken in order: an answer to a later question means that there is none to this one.
        self.ask_for_gateway()
        reply = self.expect(answer, "answer to DHCP")
        if not reply:
            fail("no answer to DHCP")
        told = {0: reply[16:20]}
        at = 240
        while at < len(reply) and reply[at] != 255:
            if reply[at]:
                told[reply[at]] = reply[at + 2 : at + 2 + reply[at + 1]]
                at += 1 + reply[at + 1]
            at += 1
        for code, name in ((0, "address"), (1, "mask"), (3, "router"), (6, "dns")):
            print("dhcp", name, socket.inet_ntoa(told[code][:4]) if code in told else "-", flush=True)
        print("dhcp mtu", struct.unpack("!H", told[26])[0] if 26 in told else "-", flush=True)
        print("dhcp hostname", told.get(12, b"-").decode(), flush=True)
        print("dhcp search", told.get(119, b"-").hex(), flush=True)


def pair_with(fd, kind, command, listening=False):
    """Starts command with one end as descriptor fd; our end and the process."""
    if listening:
        path = tempfile.mktemp(prefix="/tmp/fake_vmm.")
        theirs = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        theirs.bind(path)
        theirs.listen(1)
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.connect(path)
        os.unlink(path)
    else:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)

    # A shell puts it in place: descriptors of Python's own may be in the way.
    have = theirs.fileno()
    move = "" if have == fd else " %d<&%d %d<&-" % (fd, have, have)
    process = subprocess.Popen(["sh", "-c", 'exec "$@"' + move, "sh"] + command, pass_fds=(have,))
    theirs.close()
    return ours, process


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--gateway", default="10.0.2.2")
    p.add_argument("--guest", default="10.0.2.15")
    p.add_argument("--dhcp", action="store_true")
    p.add_argument("--tcp", type=int)
    p.add_argument("--count", type=int, default=3)
    p.add_argument("--vfkit", action="store_true")
    p.add_argument("mode")
    p.add_argument("rest", nargs=argparse.REMAINDER)
    a = p.parse_args()
    kinds = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM}
    process, own = None, None

    if a.mode == "connect":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(a.rest[0])
    elif a.mode == "listen":
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.bind(a.rest[0])
        door.listen(1)
        door.settimeout(LIMIT)
        print("ready", flush=True)
        sock, _ = door.accept()
    elif a.mode == "dgram":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own = tempfile.mktemp(prefix="/tmp/fake_vmm.")
        sock.bind(own)
        sock.connect(a.rest[0])
    elif a.mode in ("spawn", "beside"):
        sock, process = pair_with(int(a.rest[0]), kinds[a.rest[1]], a.rest[2:])
    elif a.mode == "accept":
        sock, process = pair_with(int(a.rest[0]), None, a.rest[1:], listening=True)
    if a.mode == "spawn" and process.wait(LIMIT) != 0:
        fail("it ended with status %d" % process.returncode)

    datagrams = sock.type == socket.SOCK_DGRAM
    guest = Guest(Datagrams(sock) if datagrams else Stream(sock), a.guest, a.gateway)
    try:
        if a.vfkit:
            sock.send(b"VFKT")
        if a.dhcp:
            guest.dhcp()
        guest.arp()
        for n in range(a.count):
            guest.ping(n)
        if a.tcp:
            guest.tcp(a.tcp)
        sock.close()
        if a.mode == "accept":
            process.send_signal(signal.SIGTERM)
        if a.mode in ("beside", "accept") and not datagrams:
            print("status", process.wait(LIMIT), flush=True)
        process = None
    finally:
        if own:
            os.unlink(own)
        if process and process.poll() is None:
            process.kill()


main()
