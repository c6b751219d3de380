#!/bin/bash
# guest_vhost_user_test.sh - Debian's kernel in QEMU, whose memory the gateway shares: offloads both ways
# shellcheck source=test/guest/live.sh
. "$(dirname "$0")/../guest/live.sh"

serve_guest "vhost-user:$W/vm.sock" || exit
visit vhost-user qemu -t vhost-user "$W/vm.sock" MTU=1500 OFFLOADS=yes
visit 'vhost-user, again' qemu -t vhost-user "$W/vm.sock" MTU=1500 OFFLOADS=yes
spent vhost-user 2 offloads
check 'vhost-user: the socket is gone' no "$([ -e vm.sock ] && echo yes || echo no)"
