#!/bin/bash
# guest_stream_test.sh - Debian's kernel in QEMU over a unix socket, frames behind their length
# shellcheck source=test/guest/live.sh
. "$(dirname "$0")/../guest/live.sh"

told=(--hostname box --search box.example)
serve_guest "qemu:$W/vm.sock" "${told[@]}" || exit
visit stream qemu -t stream "$W/vm.sock" NAME=box SEARCH=box.example MTU=65520
# The kernel as it is packed; the gateway serves whoever comes next.
visit 'stream, again' qemu -t stream "$W/vm.sock" -k "${GUEST%/test/guest}/build/guest/vmlinuz" NAME=box SEARCH=box.example MTU=65520
spent stream 2
check 'stream: the socket is gone' no "$([ -e vm.sock ] && echo yes || echo no)"
