#!/bin/bash
# nested.sh VMM [OPTIONS of boot_qemu.sh] [NAME=VALUE...] - sluice-vmm on a machine whose KVM cannot run Linux
#
# QEMU emulates an AMD processor with SVM; Debian's cloud kernel in it loads kvm_amd, and VMM boots the same kernel
# once more, with all that KVM has: interrupt controllers, irqfd, ioeventfd.  The words are those of `nested`,
# beside this script.  Ends as boot_qemu.sh.
set -u
here=$(dirname "$(realpath "$0")")
assets=$here/../../build/guest
vmm=$1
shift
"$here/make_kernel.sh" && "$here/make_initramfs.sh" "$vmm" || exit
archive=$(mktemp /tmp/nested.XXXXXX) || exit 1
trap 'rm -f "$archive"; [ -z "$qemu" ] || { kill -TERM "$qemu" 2>/dev/null; wait "$qemu"; }' EXIT
qemu=
trap 'exit 1' INT TERM HUP
cat "$assets/initramfs.cpio" "$assets/nested.cpio" >"$archive"
# In the background: a signal is heeded at once.
"$here/boot_qemu.sh" -m 768 -i "$archive" -l 110 "$@" NET=none RUN=/nested <&0 &
qemu=$!
wait "$qemu"
status=$?
qemu=
exit $status
