#!/usr/bin/env python3
"""Writes the seeds of fuzz_http2_exchange into test/fuzz/corpus/http2_exchange/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "http2_exchange")

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END, ENDHEAD = 1, 4
CLIENT, SERVER = 0, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request(path=b"/x", method=b"GET", more=b""):
    return (field(b":method", method) + b"\x87" + field(b":authority", b"a.example") + field(b":path", path) + more)


def steps(*parts):
    out = b""
    for who, data in parts:
        while True:
            piece, data = data[:255], data[255:]
            out += bytes([who, len(piece)]) + piece
            if not data:
                break
    return out


OK = b"\x88"
GET = frame(HEADERS, END | ENDHEAD, 1, request())
POST = frame(HEADERS, ENDHEAD, 1, request(b"/put", b"POST", field(b"content-type", b"application/json")))
ANSWER = frame(HEADERS, ENDHEAD, 1, OK) + frame(DATA, END, 1, b"hello v4lue-x9 there")

SEEDS = {
    "get": (4, [(CLIENT, GET), (SERVER, ANSWER)]),
    "get_secret": (6, [(CLIENT, frame(HEADERS, END | ENDHEAD, 1,
                                      request(b"/put?k=PLACEHOLDER", more=field(b"authorization", b"Bearer PLACEHOLDER")))),
                       (SERVER, ANSWER)]),
    "post_secret": (6, [(CLIENT, POST + frame(DATA, END, 1, b'{"k":"PLACEHOLDER"}')), (SERVER, ANSWER)]),
    "leak": (6, [(CLIENT, frame(HEADERS, ENDHEAD, 1, request(b"/x", b"POST")) + frame(DATA, 0, 1, b"PLACE")),
                 (CLIENT, frame(DATA, END, 1, b"HOLDER"))]),
    "leak_log": (6, [(CLIENT, frame(HEADERS, END | ENDHEAD, 1, request(b"/log/PLACEHOLDER"))), (SERVER, ANSWER)]),
    "refused": (4, [(CLIENT, frame(HEADERS, ENDHEAD, 1, request(b"/no", b"POST")) + frame(DATA, 0, 1, b"x" * 50))]),
    "refused_close": (4, [(CLIENT, frame(HEADERS, END | ENDHEAD, 1, request(b"/non")))]),
    "trailers": (4, [(CLIENT, POST + frame(DATA, 0, 1, b"x") + frame(HEADERS, END | ENDHEAD, 1, field(b"t", b"1"))),
                     (SERVER, frame(HEADERS, ENDHEAD, 1, field(b":status", b"103")) + frame(HEADERS, ENDHEAD, 1, OK) +
                      frame(DATA, 0, 1, b"y") + frame(HEADERS, END | ENDHEAD, 1, field(b"t", b"2")))]),
    "two_streams": (12, [(CLIENT, GET + frame(HEADERS, END | ENDHEAD, 3, request(b"/y"))),
                         (SERVER, frame(HEADERS, ENDHEAD, 3, OK) + ANSWER + frame(DATA, END, 3, b"z"))]),
    "resets": (4, [(CLIENT, GET + frame(RST, 0, 1, b"\0\0\0\x08") + frame(HEADERS, END | ENDHEAD, 3, request())),
                   (SERVER, frame(RST, 0, 3, b"\0\0\0\x07"))]),
    "goaway": (4, [(CLIENT, GET), (SERVER, frame(GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\0") + ANSWER)]),
    "goaway_client": (4, [(CLIENT, GET + frame(GOAWAY, 0, 0, bytes(8))), (SERVER, ANSWER)]),
    "push": (4, [(CLIENT, GET), (SERVER, frame(PUSH, ENDHEAD, 1, b"\0\0\0\x02" + request()))]),
    "websocket": (4, [(SERVER, frame(SETTINGS, 0, 0, b"\0\x08\0\0\0\x01")),
                      (CLIENT, frame(HEADERS, ENDHEAD, 1, request(b"/ws", b"CONNECT", b"") + field(b"x", b"y"))),
                      (CLIENT, frame(HEADERS, ENDHEAD, 3, field(b":method", b"CONNECT") + field(b":protocol", b"websocket") +
                                     b"\x87" + field(b":authority", b"a") + b"\x84") + frame(DATA, 0, 3, b"hi"))]),
    "continuation": (4, [(CLIENT, frame(HEADERS, END, 1, request()) + frame(CONTINUATION, 0, 1) +
                          frame(CONTINUATION, ENDHEAD, 1, field(b"a", b"b")))]),
    "control": (4, [(CLIENT, frame(PING, 0, 0, bytes(8)) + frame(PRIORITY, 0, 5, bytes(5)) + frame(WINDOW, 0, 0, b"\0\1\0\0") +
                     frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\x05") + frame(0x77, 0, 1, b"x")), (CLIENT, GET), (SERVER, ANSWER),
                    (CLIENT, frame(WINDOW, 0, 1, b"\0\0\0\x09"))]),
    "by_hand": (0, [(CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + GET),
                    (SERVER, frame(SETTINGS, 0, 0) + ANSWER)]),
    "late": (0, [(CLIENT, b"PRI * HT"), (2, b"x" * 100)]),
    "late_head": (4, [(CLIENT, frame(HEADERS, END, 1, request())), (2, b"x" * 250)]),
    "ends": (4, [(CLIENT, GET), (SERVER, ANSWER[:20]), (7, b"x")]),
    "ends_client": (4, [(CLIENT, POST), (3, b"")]),
    "http1": (5, [(CLIENT, GET + frame(HEADERS, END | ENDHEAD, 3, request(b"/y", more=field(b"cookie", b"a=b")))),
                  (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
                  (SERVER, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: 1\r\n\r\n")]),
    "http1_post": (7, [(CLIENT, POST + frame(DATA, END, 1, b'{"k":"PLACEHOLDER"}')),
                       (SERVER, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: v4lue-x9\r\n\r\nv4lue-x"), (7, b"x")]),
    "http1_chunked": (5, [(CLIENT, frame(HEADERS, ENDHEAD, 1, request(b"/up", b"POST")) + frame(DATA, 0, 1, b"abc")),
                          (CLIENT, frame(HEADERS, END | ENDHEAD, 1, field(b"t", b"1"))),
                          (SERVER, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")]),
    "http1_reset": (5, [(CLIENT, GET + frame(RST, 0, 1, b"\0\0\0\x08"))]),
}

os.makedirs(HERE, exist_ok=True)
for seed, (how, parts) in SEEDS.items():
    with open(os.path.join(HERE, seed), "wb") as f:
        f.write(bytes([how]) + steps(*parts))
