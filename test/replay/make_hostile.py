#!/usr/bin/env python3
"""make_hostile.py DIR - captures no honest guest would leave behind, made byte by byte

hostile_ip4.pcap   Ethernet, ARP, IPv4, fragments, ICMP, UDP
hostile_ip6.pcap   extension headers, fragments, neighbour discovery
hostile_tcp.pcap   flags, options, checksums, overlaps, numbers out of range

Only the guest's frames: the far side is silent and every connection succeeds.  A millisecond apart; the
same bytes on every run.  Each frame stands beside the words for what is wrong with it.
"""
import struct
import sys

GUEST_MAC = bytes.fromhex('525400123456')
GATEWAY_MAC = bytes.fromhex('52550a000202')
EVERYBODY = b'\xff' * 6
G4, GW4, FAR4 = bytes([10, 0, 2, 15]), bytes([10, 0, 2, 2]), bytes([198, 51, 100, 9])
PREFIX = bytes.fromhex('fd736c75696300650000000000000000')
G6, GW6 = PREFIX[:15] + b'\x15', PREFIX[:15] + b'\x02'
FAR6 = bytes.fromhex('20010db8000000000000000000000009')
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


class Capture:
    def __init__(self):
        self.frames = []

    def __call__(self, what, frame):
        self.frames.append(frame)

    def write(self, path):
        with open(path, 'wb') as f:
            f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
            for i, frame in enumerate(self.frames):
                f.write(struct.pack('<IIII', 1700000000, i * 1000, len(frame), len(frame)) + frame)


def total(data):
    if len(data) % 2:
        data += b'\0'
    s = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s


def eth(payload, kind=0x0800, dst=GATEWAY_MAC, src=GUEST_MAC):
    return dst + src + struct.pack('!H', kind) + payload


def ip4(payload, proto=UDP, src=G4, dst=FAR4, ttl=64, frag=0, ident=1, options=b'', **wrong):
    ihl = wrong.get('ihl', 5 + len(options) // 4)
    length = wrong.get('length', 20 + len(options) + len(payload))
    head = struct.pack('!BBHHHBBH', wrong.get('version', 4) << 4 | ihl, 0, length, ident, frag, ttl, proto, 0)
    head += src + dst + options
    csum = wrong.get('csum', ~total(head) & 0xffff)
    return eth(head[:10] + struct.pack('!H', csum) + head[12:] + payload)


def ip6(payload, nh=UDP, src=G6, dst=FAR6, hops=64, length=None):
    length = len(payload) if length is None else length
    return eth(struct.pack('!IHBB', 6 << 28, length, nh, hops) + src + dst + payload, 0x86dd)


def pseudo(src, dst, proto, n):
    if len(src) == 4:
        return src + dst + struct.pack('!BBH', 0, proto, n)
    return src + dst + struct.pack('!IHBB', n, 0, 0, proto)


def sealed(seg, at, src, dst, proto):
    csum = ~total(pseudo(src, dst, proto, len(seg)) + seg) & 0xffff
    return seg[:at] + struct.pack('!H', csum) + seg[at + 2:]


def udp(data, sport=4000, dport=7, src=G4, dst=FAR4, length=None):
    length = 8 + len(data) if length is None else length
    return sealed(struct.pack('!HHHH', sport, dport, length, 0) + data, 6, src, dst, UDP)


def tcp(flags, seq=100, ack=0, data=b'', options=b'', sport=4000, dport=80, src=G4, dst=FAR4, offset=None, wnd=64000):
    options += b'\0' * (-len(options) % 4)
    offset = 5 + len(options) // 4 if offset is None else offset
    seg = struct.pack('!HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff, offset << 4, flags, wnd, 0, 0)
    return sealed(seg + options + data, 16, src, dst, TCP)


def icmp(kind, code=0, rest=0, body=b''):
    seg = struct.pack('!BBHI', kind, code, 0, rest) + body
    return seg[:2] + struct.pack('!H', ~total(seg) & 0xffff) + seg[4:]


def icmp6(kind, code=0, rest=0, body=b'', src=G6, dst=FAR6):
    return sealed(struct.pack('!BBHI', kind, code, 0, rest) + body, 2, src, dst, ICMP6)


def arp(op=1, smac=GUEST_MAC, sip=G4, tip=GW4, hw=1, hlen=6, plen=4):
    return struct.pack('!HHBBH', hw, 0x0800, hlen, plen, op) + smac + sip + bytes(6) + tip


def make_ip4():
    c = Capture()
    c('the guest says who it is', eth(arp(), 0x0806, EVERYBODY))
    c('a frame of one byte less than a header', (GATEWAY_MAC + GUEST_MAC + b'\x08'))
    c('a header and nothing else', eth(b''))
    c('an 802.3 length', eth(b'\xaa\xaa\x03' + bytes(40), 43))
    c('a VLAN tag', eth(struct.pack('!HH', 5, 0x0800) + bytes(40), 0x8100))
    c('somebody else as source', eth(arp(), 0x0806, EVERYBODY, bytes.fromhex('525400aabbcc')))
    c('ARP for other hardware', eth(arp(hw=6), 0x0806, EVERYBODY))
    c('ARP with long addresses', eth(arp(hlen=8), 0x0806, EVERYBODY))
    c('ARP cut short', eth(arp()[:20], 0x0806, EVERYBODY))
    c("ARP that claims the gateway's address", eth(arp(2, sip=GW4), 0x0806))
    c('ARP for the guest itself: a probe', eth(arp(sip=bytes(4), tip=G4), 0x0806, EVERYBODY))
    good = udp(b'payload')
    c('a good datagram, for comparison', ip4(good))
    c('header checksum', ip4(good, csum=0x1234))
    c('version 5', ip4(good, version=5))
    c('a header of 16 bytes', ip4(good, ihl=4))
    c('a header longer than the packet', ip4(b'', ihl=15))
    c('a total length beyond the frame', ip4(good, length=200))
    c('a total length below the header', ip4(good, length=19))
    c('TTL 0', ip4(good, ttl=0))
    c('TTL 1: answered', ip4(good, ttl=1))
    c('loose source route', ip4(good, options=bytes([131, 7, 4]) + FAR4 + b'\0'))
    c('an option of length 0', ip4(good, options=bytes([7, 0, 0, 0])))
    c('an option beyond the header', ip4(good, options=bytes([7, 40, 4, 0])))
    c("another host's address", ip4(udp(b'x', src=bytes([10, 0, 2, 99])), src=bytes([10, 0, 2, 99])))
    c('source and destination the same', ip4(udp(b'x', dst=G4), dst=G4))
    for dst in ([127, 0, 0, 1], [0, 0, 0, 0], [255, 255, 255, 255], [224, 0, 0, 1], [240, 0, 0, 1], [10, 0, 2, 255]):
        c('a destination nobody has', ip4(udp(b'x', dst=bytes(dst)), dst=bytes(dst)))
    c('a protocol nobody speaks', ip4(b'\0' * 20, proto=132))
    c('UDP: checksum', ip4(good[:6] + b'\x12\x34' + good[8:]))
    c('UDP: none, which is allowed', ip4(good[:6] + b'\0\0' + good[8:]))
    c('UDP: length below its header', ip4(udp(b'x', length=7)))
    c('UDP: length beyond the packet', ip4(udp(b'x', length=100)))
    c('UDP: port 0', ip4(udp(b'x', dport=0)))
    c('UDP: cut short', ip4(good[:5]))
    c('ICMP: checksum', ip4(icmp(8, body=b'x')[:2] + b'\x11\x11' + bytes(8), ICMP))
    c('ICMP: an error about nothing', ip4(icmp(3, 1, 0, ip4(good, src=FAR4, dst=G4)[14:42]), ICMP, dst=GW4))
    c('ICMP: an error about half a header', ip4(icmp(3, 1, 0, b'\x45\0'), ICMP, dst=GW4))
    c('ICMP: a redirect', ip4(icmp(5, 1, 0x0a000263, bytes(28)), ICMP, dst=GW4))
    c('echo to the gateway: answered', ip4(icmp(8, 0, 0x12340001, b'hello'), ICMP, dst=GW4))

    big = udp(bytes(range(256)) * 8)
    pieces = [big[i:i + 512] for i in range(0, len(big), 512)]
    order = [3, 0, 4, 2, 1]
    for i in order:
        more = 0x2000 if i + 1 < len(pieces) else 0
        c('a datagram in pieces, in no order', ip4(pieces[i], frag=more | i * 64, ident=20))
    c('overlap: first piece', ip4(pieces[0], frag=0x2000, ident=21))
    c('overlap: 8 bytes back', ip4(pieces[1], frag=0x2000 | 63, ident=21))
    c('overlap: the set is dead', ip4(pieces[1], frag=64, ident=21))
    c('a piece twice is harmless', ip4(pieces[0], frag=0x2000, ident=22))
    c('a piece twice is harmless', ip4(pieces[0], frag=0x2000, ident=22))
    c('two ends that differ', ip4(pieces[1], frag=128, ident=23))
    c('two ends that differ', ip4(pieces[1], frag=64, ident=23))
    c('beyond 65,535 bytes', ip4(bytes(16), frag=8191, ident=24))
    c('a middle piece of 5 bytes', ip4(bytes(5), frag=0x2000 | 8, ident=25))
    c('an empty piece', ip4(b'', frag=0x2000, ident=26))
    c('a first piece without its ports', ip4(bytes(8), TCP, frag=0x2000, ident=27))
    for i in range(70):
        c('more sets than there are places', ip4(bytes(64), frag=0x2000, ident=1000 + i))
    c('a good datagram still passes', ip4(udp(b'still here', sport=4001)))
    return c


def ext(nh, body):
    body += b'\0' * (-(len(body) + 2) % 8)
    return bytes([nh, (len(body) + 2) // 8 - 1]) + body


def fragment(nh, off, more, ident, data):
    return struct.pack('!BBHI', nh, 0, off << 3 | more, ident) + data


def make_ip6():
    c = Capture()
    good = udp(b'payload', src=G6, dst=FAR6)
    ns = icmp6(135, 0, 0, GW6 + b'\1\1' + GUEST_MAC, G6, GW6)
    c('a solicitation for the gateway: answered', ip6(ns, ICMP6, dst=GW6, hops=255))
    c('a good datagram, for comparison', ip6(good))
    c('a payload length beyond the frame', ip6(good, length=500))
    c('a jumbogram', ip6(good, length=0))
    c('hop limit 0', ip6(good, hops=0))
    c('hop limit 1: answered', ip6(good, hops=1))
    for name, src in (('mapped', bytes(10) + b'\xff\xff' + G4), ('compatible', bytes(12) + G4), ('the loopback', bytes(15) + b'\1'),
                      ('multicast', b'\xff\x02' + bytes(13) + b'\1'), ('a stranger', FAR6[:15] + b'\x77')):
        c('a source that is ' + name, ip6(udp(b'x', src=src, dst=FAR6), src=src))
    for dst in (bytes(16), bytes(15) + b'\1', bytes(10) + b'\xff\xff' + FAR4, b'\xff\x02' + bytes(13) + b'\1'):
        c('a destination nobody has', ip6(udp(b'x', src=G6, dst=dst), dst=dst))
    c('hop-by-hop options, empty: allowed', ip6(ext(UDP, b'\1\4' + bytes(4)) + good, 0))
    c('hop-by-hop options not in the first place', ip6(ext(0, b'\1\4' + bytes(4)) + ext(UDP, b'\1\4' + bytes(4)) + good, 60))
    c('an option unknown, to be answered', ip6(ext(UDP, b'\x80\4' + bytes(4)) + good, 60))
    c('an option unknown, to be passed over', ip6(ext(UDP, b'\x1e\4' + bytes(4)) + good, 60))
    c('an option longer than its header', ip6(ext(UDP, b'\1\x40' + bytes(4)) + good, 60))
    c('a header longer than the packet', ip6(bytes([UDP, 200]) + bytes(14), 60))
    c('routing header type 0', ip6(ext(UDP, b'\0\1' + bytes(4) + FAR6) + good, 43))
    chain = good
    nh = UDP
    for _ in range(12):
        chain = ext(nh, b'\1\4' + bytes(4)) + chain
        nh = 60
    c('twelve extension headers', ip6(chain, 60))
    c('no next header', ip6(bytes(20), 59))
    c('a next header nobody knows', ip6(bytes(20), 253))

    big = udp(bytes(range(256)) * 8, src=G6, dst=FAR6)
    for i in (1, 0, 2):
        piece = big[i * 800:(i + 1) * 800]
        c('a datagram in pieces', ip6(fragment(UDP, i * 100, i < 2, 7, piece), 44))
    c('an atomic fragment: allowed', ip6(fragment(UDP, 0, 0, 8, udp(b'atomic', sport=4002, src=G6, dst=FAR6)), 44))
    c('overlap: first piece', ip6(fragment(UDP, 0, 1, 9, big[:800]), 44))
    c('overlap: 8 bytes back', ip6(fragment(UDP, 99, 0, 9, big[792:1000]), 44))
    c('a middle piece of 5 bytes: answered', ip6(fragment(UDP, 10, 1, 10, bytes(5)), 44))
    c('beyond 65,535 bytes: answered', ip6(fragment(UDP, 8191, 0, 11, bytes(16)), 44))
    c('a first piece without its transport: answered', ip6(fragment(TCP, 0, 1, 12, bytes(8)), 44))
    c('headers behind the fragment header', ip6(fragment(60, 0, 1, 13, ext(UDP, bytes(6)) + bytes(8)), 44))

    c('a solicitation from beyond the link', ip6(ns, ICMP6, dst=GW6, hops=64))
    c('a solicitation with code 1', ip6(icmp6(135, 1, 0, GW6, G6, GW6), ICMP6, dst=GW6, hops=255))
    c('an option of length 0', ip6(icmp6(135, 0, 0, GW6 + b'\1\0' + GUEST_MAC, G6, GW6), ICMP6, dst=GW6, hops=255))
    c('an option beyond the packet', ip6(icmp6(135, 0, 0, GW6 + b'\1\5' + GUEST_MAC, G6, GW6), ICMP6, dst=GW6, hops=255))
    c('cut short', ip6(icmp6(135, 0, 0, GW6[:8], G6, GW6), ICMP6, dst=GW6, hops=255))
    c("an advertisement of the gateway's address", ip6(icmp6(136, 0, 1 << 29, GW6 + b'\2\1' + GUEST_MAC, GW6, G6), ICMP6, GW6, G6, 255))
    all_nodes = b'\xff\x02' + bytes(13) + b'\1'
    c('a router advertisement', ip6(icmp6(134, 0, 64 << 24 | 1800, bytes(8), G6, all_nodes), ICMP6, dst=all_nodes, hops=255))
    c('a redirect', ip6(icmp6(137, 0, 0, GW6 + FAR6, G6, GW6), ICMP6, dst=GW6, hops=255))
    c('UDP without a checksum', ip6(good[:6] + b'\0\0' + good[8:]))
    c('an error about half a packet', ip6(icmp6(1, 4, 0, b'\x60' + bytes(9), G6, GW6), ICMP6, dst=GW6))
    c('too big, about nothing', ip6(icmp6(2, 0, 600, ip6(good, src=FAR6, dst=G6)[14:], G6, GW6), ICMP6, dst=GW6))
    c('echo to the gateway: answered', ip6(icmp6(128, 0, 0x12340001, b'hello', G6, GW6), ICMP6, dst=GW6))
    return c


def make_tcp():
    c = Capture()

    def t(what, *a, **k):
        c(what, ip4(tcp(*a, **k), TCP, dst=k.get('dst', FAR4)))

    c('the guest says who it is', eth(arp(), 0x0806, EVERYBODY))
    for i, flags in enumerate((0, FIN, SYN | FIN, SYN | RST, FIN | PSH | URG, ACK, FIN | ACK, 0x3f, RST, RST | ACK)):
        t('flags that begin nothing', flags, ack=77, sport=4100 + i)
    t('port 0', SYN, dport=0)
    t('a header of 16 bytes', SYN, offset=4, sport=4200)
    t('a header beyond the segment', SYN, offset=15, sport=4201)
    bad = tcp(SYN, sport=4202)
    c('checksum', ip4(bad[:16] + b'\x12\x34' + bad[18:], TCP))
    c('cut short', ip4(bad[:12], TCP))
    mss = b'\2\4\5\xb4'
    t('an option of length 0', SYN, options=mss + b'\x08\0\1\1', sport=4210)
    t('an option of length 1', SYN, options=mss + b'\x08\1\1\1', sport=4211)
    t('an option beyond the header', SYN, options=mss + b'\x08\x28\1\1', sport=4212)
    t('an MSS of 0', SYN, options=b'\2\4\0\0', sport=4213)
    t('an MSS of 1', SYN, options=b'\2\4\0\1', sport=4214)
    t('a window scale of 15', SYN, options=mss + b'\3\3\x0f', sport=4215)
    t('an MSS of odd length', SYN, options=b'\2\3\5\0', sport=4216)
    t('a SYN with data', SYN, data=b'early', options=mss, sport=4217)

    far = 5000  # where the captured far end would have begun
    t('a connection that works', SYN, 1000, options=mss + b'\4\2\1\3\3\7')
    t('... opened', ACK, 1001, far + 1)
    t('... first bytes', ACK | PSH, 1001, far + 1, b'0123456789')
    t('the same again', ACK | PSH, 1001, far + 1, b'0123456789')
    t('the same number, other bytes', ACK | PSH, 1001, far + 1, b'XXXXXXXXXXtail')
    t('beyond a gap', ACK | PSH, 1040, far + 1, b'island one')
    t('over its edges, with other bytes', ACK | PSH, 1035, far + 1, b'aaaaaBBBBBBBBBBaaaaa')
    for i in range(20):
        t('more islands than are kept', ACK, 2000 + 20 * i, far + 1, b'x' * 10, sport=4000)
    t('the gap closes', ACK | PSH, 1015, far + 1, b'y' * 25)
    at = 1055  # all before has arrived
    t('an ACK of what was never sent', ACK, at, far + 100000)
    t('a SACK of what was never sent', ACK, at, far + 1, options=b'\1\1\5\x0a' + struct.pack('!II', far + 500, far + 900))
    t('a SACK turned round', ACK, at, far + 1, options=b'\1\1\5\x0a' + struct.pack('!II', far + 900, far + 500))
    t('a SACK of odd length', ACK, at, far + 1, options=b'\5\x0b' + bytes(9) + b'\1')
    t('a SYN in the middle', SYN, at, far + 1)
    t('an RST beyond the window', RST, at + 0x40000000)
    t('an RST in the window, not at its edge', RST, at + 40)
    t('urgent data is data', ACK | URG, at, far + 1, b'urgent')
    t('a FIN beyond a gap', FIN | ACK, 1500, far + 1)
    t('the bytes before it', ACK, at + 6, far + 1, b'z' * (1500 - at - 6))
    t('data after the FIN', ACK, 1501, far + 1, b'too late')
    t('an RST at the edge', RST, 1501)
    t('after the end', ACK, 1501, far + 1)
    return c


for name, make in ('ip4', make_ip4), ('ip6', make_ip6), ('tcp', make_tcp):
    make().write('%s/hostile_%s.pcap' % (sys.argv[1], name))
