#!/bin/bash
# vmm_test.sh - sluice-vmm boots Debian's kernel, and sluice is its network, with offloads both ways
#
# By this machine's own KVM where the processor has virtualisation; elsewhere (a /dev/kvm alone says nothing) in
# an emulated machine that has it, which is slow for sanitizers and takes the build that is installed.
# builds: release
VMM=$(realpath "${SLUICE:-build/release/sluice}")-vmm
[ -x "$VMM" ] || { echo 'skip vmm - sluice-vmm is for x86_64'; exit 0; }
# shellcheck source=test/guest/live.sh
. "$(dirname "$0")/../guest/live.sh"
assets=${GUEST%/test/guest}/build/guest

direct()
{
	timeout -k 5 100 "$VMM" "$assets/vmlinuz" --initrd "$assets/initramfs.cpio" --append "quiet reboot=t RUN=/check OFFLOADS=yes MTU=1500" \
		-p 9000 --nameserver 127.0.0.1:5353 -r 'allow to @host' </dev/null >console
	local status=$?
	[ $status = 0 ] && grep -aq '^guest is done: status 0,' console && return
	echo "sluice-vmm: status $status; the console ended with:" >&2
	tr -d '\r\0' <console | tail -n 25 >&2
	return 1
}

nested()
{
	: >console
	"$GUEST/nested.sh" "$VMM" -o console VISIT=yes 2>boot.err
	local status=$?
	results vmm console
	check 'vmm: the emulated machine ends well' 0 $status
	cat boot.err
	echo "# vmm: $(tr -d '\r' <console | grep -a -e '^guest is [ud]' -e '^inner' | tr '\n' ' ')"
}

attempt()
{
	if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
		visit vmm direct
	else
		nested
	fi
}

# An emulated machine within an emulated one on a machine that is busy: once may be an accident.
attempt >first
if grep -q '^not ok' first; then
	sed 's/^/# first attempt: /' first
	attempt
else
	cat first
fi
