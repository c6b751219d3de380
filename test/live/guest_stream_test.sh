#!/bin/bash
# guest_stream_test.sh - Debian's kernel in QEMU over a unix stream socket, frames behind their length
# builds: asan cov
# shellcheck source=test/guest/live.sh
. "$(dirname "$0")/../guest/live.sh"

words=(NAME=box SEARCH=box.example MTU=65520)
serve_guest "qemu:$W/vm.sock" --hostname box --search box.example || exit
visit stream qemu -t stream "$W/vm.sock" "${words[@]}"
# The kernel as it is packed; the gateway serves whoever comes next.
visit 'stream, again' qemu -t stream "$W/vm.sock" -k "${GUEST%/test/guest}/build/guest/vmlinuz" "${words[@]}"
spent stream 2
check 'stream: the socket is gone' no "$([ -e vm.sock ] && echo yes || echo no)"

# Both are given one end of a pair of sockets; the gateway ends when its guest has.
pair='
import os, socket, subprocess, sys, time
sluice, boot = sys.argv[1:]
ours, guests = socket.socketpair()
with open("vm.err", "w") as err:
    gateway = subprocess.Popen([sluice, "serve", f"fd:{ours.fileno()}", "--one-off", "--nameserver", "127.0.0.1:5353", "-p", "9000", "-r", "allow to @host",
                                "--stats=json", "--pid", "pair.pid"], stderr=err, pass_fds=[ours.fileno()])
ours.close()
while gateway.poll() is None and not os.path.exists("pair.pid"):
    time.sleep(0.05)
guest = subprocess.Popen([boot, "-o", "console", "-t", "fd", str(guests.fileno()), "RUN=/check"], pass_fds=[guests.fileno()])
guests.close()
guest.wait()
with open("pair.status", "w") as to:
    to.write(str(gateway.wait(20)))
sys.exit(guest.returncode)'
inherited() { timeout 200 python3 -c "$pair" "$SLUICE" "$GUEST/boot_qemu.sh"; }
visit 'one-off, inherited' inherited
check 'one-off, inherited: the gateway ends by itself' 0 "$(cat pair.status)"
account 'one-off, inherited' 1
