#!/usr/bin/python3
"""table.py RESULTS.jsonl - the benchmark's results as a table: medians, the ratio to the best peer, what was asked

A ratio says how many times better sluice is, whichever way better is.  An ask is a ratio to be reached (x) or
a bound to be kept.  "met" compares what is shown; a line that was measured while other work took part of the
machine is marked with the worst share of it.
"""
import json
import statistics
import sys
from collections import defaultdict


def of_value(run):
    return run.get("value")


def cpu_per_gb(run):
    return run["cpu_ns"] / run["amount"] if run.get("amount") else None


def cpu_us_per_op(run):
    return run["cpu_ns"] / 1e3 / run["amount"] if run.get("amount") else None


def per_cpu_second(run):
    return run["amount"] / (run["cpu_ns"] / 1e9) if run.get("amount") and run["cpu_ns"] else None


def mb_per_cpu_second(run):
    return run["amount"] / 1e6 / (run["cpu_ns"] / 1e9) if run.get("amount") and run["cpu_ns"] else None


def of(name, scale=1.0):
    return lambda run: run[name] * scale if run.get(name) else None


HIGH, LOW = 1, -1
# what it is, row, unit, how it is read from a run, which way is better, ask: ("x", ratio), ("of", ratio, to whom), ("max", bound),
# ("min", bound) or None
LINES = [
    ("TCP guest to host, 1 stream", "tcp_up", "Gbit/s", of_value, HIGH, ("x", 5)),
    ("  gateway CPU", "tcp_up", "s/GB", cpu_per_gb, LOW, ("max", 0.35)),
    ("TCP host to guest, 1 stream", "tcp_down", "Gbit/s", of_value, HIGH, ("x", 2.5)),
    ("  gateway CPU", "tcp_down", "s/GB", cpu_per_gb, LOW, ("max", 0.35)),
    ("TCP guest to host, 8 streams", "tcp8_up", "Gbit/s", of_value, HIGH, ("x", 5)),
    ("  gateway CPU", "tcp8_up", "s/GB", cpu_per_gb, LOW, None),
    ("TCP host to guest, 8 streams", "tcp8_down", "Gbit/s", of_value, HIGH, ("x", 3)),
    ("  gateway CPU", "tcp8_down", "s/GB", cpu_per_gb, LOW, None),
    ("TCP guest to host, 1 stream, MTU 65520", "jumbo_up", "Gbit/s", of_value, HIGH, ("x", 1.4)),
    ("  gateway CPU", "jumbo_up", "s/GB", cpu_per_gb, LOW, None),
    ("TCP host to guest, 1 stream, MTU 65520", "jumbo_down", "Gbit/s", of_value, HIGH, ("x", 1.2)),
    ("  gateway CPU", "jumbo_down", "s/GB", cpu_per_gb, LOW, None),
    ("TCP guest to host, 8 streams, MTU 65520", "jumbo8_up", "Gbit/s", of_value, HIGH, ("x", 1.1)),
    ("  gateway CPU", "jumbo8_up", "s/GB", cpu_per_gb, LOW, None),
    ("TCP host to guest, 8 streams, MTU 65520", "jumbo8_down", "Gbit/s", of_value, HIGH, ("x", 1.1)),
    ("  gateway CPU", "jumbo8_down", "s/GB", cpu_per_gb, LOW, None),
    ("request-response, TCP: gateway CPU", "rr", "us each", cpu_us_per_op, LOW, ("x", 1 / 0.9)),
    ("  median latency", "rr", "us", of("p50"), LOW, None),
    ("request-response, UDP: gateway CPU", "udp_rr", "us each", cpu_us_per_op, LOW, ("x", 1 / 0.9)),
    ("  median latency", "udp_rr", "us", of("p50"), LOW, None),
    ("connect-request-response, 16 at once", "crr", "/s", of_value, HIGH, ("x", 1.3)),
    ("  gateway CPU", "crr", "us each", cpu_us_per_op, LOW, None),
    ("UDP 1400 B below 1 % loss, guest to host", "udp_up", "Gbit/s", of_value, HIGH, ("x", 1.3)),
    ("UDP 1400 B below 1 % loss, host to guest", "udp_down", "Gbit/s", of_value, HIGH, ("x", 1.3)),
    ("9,000 idle connections: memory", "idle", "MB", of("value", 1 / 1024), LOW, ("max", 24)),
    ("  connections that stood", "idle", "", of("up"), HIGH, None),
    ("  median latency beside them", "idle", "us", of("p50"), LOW, None),
    ("10,000 SYNs a second: latency beside them", "flood", "x calm", of_value, LOW, None),
    ("  in peace, just before", "flood", "us", of("calm"), LOW, None),
    ("  beside them: median", "flood", "us", of("p50"), LOW, None),
    ("    99 of 100", "flood", "us", of("p99"), LOW, None),
    ("  a whole new connection, one at a time", "flood", "ms", of("open_ms"), LOW, ("max", 1000)),
    ("start to first answer", "start", "ms", of_value, LOW, ("max", 20)),
    ("  memory when idle", "start", "MB", of("rss_kb", 1 / 1024), LOW, ("max", 8)),
    ("port, 64 KiB frames, guest to host", "port_up_gso", "Gbit/s", of_value, HIGH, ("x", 0.6)),
    ("  gateway CPU", "port_up_gso", "s/GB", cpu_per_gb, LOW, None),
    ("port, 64 KiB frames, host to guest", "port_down_gso", "Gbit/s", of_value, HIGH, None),
    ("  gateway CPU", "port_down_gso", "s/GB", cpu_per_gb, LOW, None),
    ("port, MTU-sized frames, guest to host", "port_up", "Gbit/s", of_value, HIGH, None),
    ("  gateway CPU", "port_up", "s/GB", cpu_per_gb, LOW, None),
    ("port, MTU-sized frames, host to guest", "port_down", "Gbit/s", of_value, HIGH, None),
    ("  gateway CPU", "port_down", "s/GB", cpu_per_gb, LOW, None),
    ("rings alone, 65,000 B, guest to host", "ring_up_gso", "Gbit/s", of_value, HIGH, None),
    ("rings alone, 65,000 B, host to guest", "ring_down_gso", "Gbit/s", of_value, HIGH, None),
    ("rings alone, 1,514 B, guest to host", "ring_up", "Gbit/s", of_value, HIGH, None),
    ("rings alone, 1,514 B, host to guest", "ring_down", "Gbit/s", of_value, HIGH, None),
    ("virtqueues alone, 65,000 B, guest to host", "virtq_up_gso", "Gbit/s", of_value, HIGH, None),
    ("virtqueues alone, 65,000 B, host to guest", "virtq_down_gso", "Gbit/s", of_value, HIGH, None),
    ("virtqueues alone, 1,514 B, guest to host", "virtq_up", "Gbit/s", of_value, HIGH, None),
    ("virtqueues alone, 1,514 B, host to guest", "virtq_down", "Gbit/s", of_value, HIGH, None),
    ("stream alone, 65,000 B, guest to host", "stream_up_long", "Gbit/s", of_value, HIGH, None),
    ("  gateway CPU", "stream_up_long", "s/GB", cpu_per_gb, LOW, None),
    ("stream alone, 65,000 B, host to guest", "stream_down_long", "Gbit/s", of_value, HIGH, None),
    ("  gateway CPU", "stream_down_long", "s/GB", cpu_per_gb, LOW, None),
    ("stream alone, 1,514 B, guest to host", "stream_up", "Gbit/s", of_value, HIGH, None),
    ("stream alone, 1,514 B, host to guest", "stream_down", "Gbit/s", of_value, HIGH, None),
    ("datagrams alone, 65,000 B, guest to host", "dgram_up_long", "Gbit/s", of_value, HIGH, None),
    ("datagrams alone, 65,000 B, host to guest", "dgram_down_long", "Gbit/s", of_value, HIGH, None),
    ("datagrams alone, 1,514 B, guest to host", "dgram_up", "Gbit/s", of_value, HIGH, None),
    ("datagrams alone, 1,514 B, host to guest", "dgram_down", "Gbit/s", of_value, HIGH, None),
    ("stack alone, one core, guest to host", "stack_up", "Gbit/s", of_value, HIGH, None),
    ("  each segment", "stack_up", "ns", of("ns_per_segment"), LOW, None),
    ("stack alone, one core, host to guest", "stack_down", "Gbit/s", of_value, HIGH, None),
    ("  each segment", "stack_down", "ns", of("ns_per_segment"), LOW, None),
    ("stack alone, GSO frames, guest to host", "stack_up_gso", "Gbit/s", of_value, HIGH, None),
    ("  each segment", "stack_up_gso", "ns", of("ns_per_segment"), LOW, None),
    ("stack alone, GSO frames, host to guest", "stack_down_gso", "Gbit/s", of_value, HIGH, None),
    ("  each segment", "stack_down_gso", "ns", of("ns_per_segment"), LOW, None),
    ("  allocated while it ran", "stack_down_gso", "bytes", lambda run: run.get("heap_growth"), LOW, ("max", 0)),
    ("names from the cache, for each second of CPU", "dns_cached", "/s", per_cpu_second, HIGH, ("min", 150000)),
    ("  answers", "dns_cached", "/s", of_value, HIGH, None),
    ("  latency", "dns_cached", "us", of("latency_us"), LOW, None),
    ("names forwarded, for each second of CPU", "dns_forwarded", "/s", per_cpu_second, HIGH, ("min", 40000)),
    ("  answers", "dns_forwarded", "/s", of_value, HIGH, None),
    ("  latency", "dns_forwarded", "us", of("latency_us"), LOW, None),
    ("opened TLS, host to guest, each second of CPU", "tls_down", "MB/s", mb_per_cpu_second, HIGH, ("of", 0.8, "Mbed TLS")),
    ("  rate", "tls_down", "MB/s", of_value, HIGH, None),
    ("opened TLS, guest to host, each second of CPU", "tls_up", "MB/s", mb_per_cpu_second, HIGH, ("of", 0.8, "Mbed TLS")),
    ("  rate", "tls_up", "MB/s", of_value, HIGH, None),
    ("opened TLS, whole connections", "tls_connect", "/s", of_value, HIGH, None),
    ("  gateway CPU", "tls_connect", "us each", cpu_us_per_op, LOW, None),
    ("opened TLS, memory of one connection", "tls_held_bytes", "KiB", of("value", 1 / 1024), LOW, ("max", 110)),
    ("opened TLS, the longest turn, thread CPU", "tls_turn", "ms", of_value, LOW, ("max", 8)),
    ("  999 of 1,000", "tls_turn", "ms", of("p999"), LOW, None),
    ("policy of 1,000,000 names, 100,000 networks: load", "policy_load", "ms", of_value, LOW, ("max", 3000)),
    ("  memory for each name", "policy_load", "bytes", of("bytes_per_name"), LOW, ("max", 100)),
    ("  decision on a SYN, median", "policy_syn", "ns", of_value, LOW, ("max", 1000)),
    ("    99 of 100", "policy_syn", "ns", of("p99"), LOW, None),
    ("  decision on a told name, median", "policy_told", "ns", of_value, LOW, ("max", 1000)),
    ("    99 of 100", "policy_told", "ns", of("p99"), LOW, None),
    ("  decision on a name asked for, median", "policy_name", "ns", of_value, LOW, ("max", 1000)),
    ("    99 of 100", "policy_name", "ns", of("p99"), LOW, None),
] + [line for v, name in (("12", "1.2"), ("13", "1.3")) for line in (
    (f"TLS {name}, two bare ends: handshakes", f"tls{v}_handshake", "/s CPU", of_value, HIGH, None),
    ("  the longest step of one, median", f"tls{v}_handshake", "ms", of("step_ms"), LOW, ("max", 8)),
    ("  sessions taken up again", f"tls{v}_resumed", "/s CPU", of_value, HIGH, None),
    ("  sealed and opened, ChaCha20", f"tls{v}_chacha20", "MB/s CPU", of_value, HIGH, None),
    ("  AES-128", f"tls{v}_aes128", "MB/s CPU", of_value, HIGH, None),
    ("  AES-256", f"tls{v}_aes256", "MB/s CPU", of_value, HIGH, None),
    ("  heap of both ends", f"tls{v}_memory", "bytes", of_value, LOW, ("max", 112640)),
    ("    at its peak", f"tls{v}_memory", "bytes", of("peak"), LOW, None))]


def show(v):
    if v is None:
        return "-"
    return f"{v:.0f}" if v >= 1000 else f"{v:.1f}" if v >= 100 else f"{v:.2f}"


def verdict(ask, value, ratio):
    """The ask in words, and whether it is met."""
    if ask is None:
        return "", ""
    kind, bound = ask[:2]
    text = f">= {bound:.2f} x" if kind in ("x", "of") else f"{'>=' if kind == 'min' else '<='} {show(bound)}"
    measured = ratio if kind in ("x", "of") else value
    if measured is None:
        return text, "-"
    met = measured <= bound if kind == "max" else measured >= bound
    return text, "met" if met else "NOT MET"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        results = [json.loads(line) for line in f]
    runs = defaultdict(list)
    version = {}
    for r in results:
        runs[r["row"], r["gateway"]].append(r)
        version[r["gateway"]] = r["version"]
    gateways = sorted(version, key=lambda g: (g != "sluice", g))

    for g in gateways:
        print(f"{g}: {version[g]}")
    print("medians; MTU 1500 where nothing else is said; ratio: sluice to the best peer\n")
    print(f"{'':42s}" + "".join(f"{g:>12s}" for g in gateways) + f"  {'':8s}{'ratio':>8s}  {'asked':10s}")
    short = 0
    for what, row, unit, read, better, ask in LINES:
        if not any((row, g) in runs for g in gateways):
            continue
        median = {}
        for g in gateways:
            values = [v for v in map(read, runs[row, g]) if v is not None]
            median[g] = statistics.median(values) if values else None
        ours = median.get("sluice")
        # An ask "of" somebody is a ratio to that one alone.
        others = [ask[2]] if ask and ask[0] == "of" else [g for g in median if g != "sluice"]
        peers = [median[g] for g in others if median.get(g)]
        ratio = None
        if ours and peers:
            ratio = ours / max(peers) if better == HIGH else min(peers) / ours
        asked, met = verdict(ask, ours, ratio)
        short += met == "NOT MET"
        foreign = max(r["foreign"] for g in gateways for r in runs[row, g])
        note = f"  ({foreign} % other work)" if foreign >= 15 and not what.startswith(" ") else ""
        print(f"{what:42s}" + "".join(f"{show(median[g]):>12s}" for g in gateways)
              + f"  {unit:8s}{show(ratio) + ' x' if ratio else '':>8s}  {asked:10s} {met}{note}")
    failed = sum("error" in r for r in results)
    print(f"\n{len(results)} runs, {failed} without a result; {short} asks not met")


main()
