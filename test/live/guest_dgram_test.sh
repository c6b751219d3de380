#!/bin/bash
# guest_dgram_test.sh - Debian's kernel in QEMU over unix datagrams, one frame each
# builds: asan cov
# shellcheck source=test/guest/live.sh
. "$(dirname "$0")/../guest/live.sh"

serve_guest "vfkit:$W/vm.sock" --mtu 1500 || exit
visit datagrams qemu -t dgram "$W/vm.sock" MTU=1500
visit 'datagrams, again' qemu -t dgram "$W/vm.sock" MTU=1500
spent datagrams 2
check 'datagrams: the socket is gone' no "$([ -e vm.sock ] && echo yes || echo no)"
