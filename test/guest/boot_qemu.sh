#!/bin/bash
# boot_qemu.sh [OPTIONS] [NAME=VALUE...] - one run of the guest in QEMU, software emulation
#
#   -t TRANSPORT   how its network card reaches the gateway:
#                  stream PATH       QEMU connects to a unix socket, frames behind a 4-byte length
#                  fd N              the same over a connected socket that is inherited
#                  dgram PATH        one datagram a frame, sent to PATH and received at PATH.guest
#                  vhost-user PATH   the guest's memory is shared over a unix socket
#                  none              no card
#   -D PROPERTIES  of the network card, such as csum=off,gso=off
#   -m MIB         memory (256)
#   -k FILE        the kernel (build/guest/vmlinux)
#   -i FILE        the initramfs (build/guest/initramfs.cpio)
#   -o FILE        the console is written there while the guest runs
#   -c             the console is this terminal
#   -l SECONDS     the whole run takes no longer (180)
#
# The words are the guest's own (init).  Ends with 0 if the guest said that it is done, well; otherwise what
# is wrong and the console's last lines are on stderr.
#
# The machine is a q35 whose kernel takes the time from the ACPI timer.  How fast the processor's own counter runs is
# measured while booting, which goes wrong when this machine is busy; a microvm has nothing else, and may hang.
set -u
export LC_ALL=C
assets=$(realpath "$(dirname "$0")/../../build/guest")
transport=none target='' properties='' memory=256 limit=180
kernel=$assets/vmlinux initramfs=$assets/initramfs.cpio console='' terminal=''

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }

while [ $# -gt 0 ]; do
	case $1 in
	-t)
		transport=$2
		shift
		[ "$transport" = none ] || { target=$2; shift; }
		;;
	-D) properties=,$2; shift ;;
	-m) memory=$2; shift ;;
	-k) kernel=$2; shift ;;
	-i) initramfs=$2; shift ;;
	-o) console=$2; shift ;;
	-c) terminal=yes ;;
	-l) limit=$2; shift ;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done

work=$(mktemp -d /tmp/guest.XXXXXX) || exit 1
qemu=
# It gives the terminal back when it is asked to end.
end_qemu()
{
	kill -TERM "$qemu" 2>/dev/null
	for _ in {1..20}; do
		kill -0 "$qemu" 2>/dev/null || return
		sleep 0.1
	done
	kill -KILL "$qemu" 2>/dev/null
}
# shellcheck disable=SC2317  # the trap calls it
cleanup()
{
	trap - EXIT
	if [ -n "$qemu" ]; then
		end_qemu
		wait "$qemu" 2>/dev/null
	fi
	rm -rf "$work"
	[ "$transport" != dgram ] || rm -f "$target.guest"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
console=${console:-$work/console}
: >"$console"

words=(console=ttyS0 quiet panic=-1 reboot=t clocksource=acpi_pm no_timer_check random.trust_cpu=on "$@")
arguments=(-nodefaults -no-user-config -nographic -no-reboot -M "q35,memory-backend=memory"
	-accel "tcg,thread=multi" -cpu max -m "$memory" -kernel "$kernel" -initrd "$initramfs")
if [ -n "$terminal" ]; then
	arguments+=(-chardev "stdio,signal=off,id=console,logfile=$console" -serial chardev:console)
else
	arguments+=(-chardev "file,id=console,path=$console" -serial chardev:console)
fi

shared=off
case $transport in
stream) net=stream,server=off,addr.type=unix,addr.path=$target ;;
fd) net=stream,server=off,addr.type=fd,addr.str=$target ;;
dgram)
	rm -f "$target.guest"
	net=dgram,local.type=unix,local.path=$target.guest,remote.type=unix,remote.path=$target
	;;
vhost-user)
	shared=on
	arguments+=(-chardev "socket,id=gateway,path=$target")
	net=vhost-user,chardev=gateway
	# QEMU 7.2 without KVM follows a null pointer where vhost-user meets MSI-X.
	properties=,vectors=0$properties
	;;
none) net= ;;
*) usage ;;
esac
arguments+=(-object "memory-backend-memfd,id=memory,size=${memory}M,share=$shared")
[ -z "$net" ] || arguments+=(-netdev "$net,id=net" -device "virtio-net-pci,netdev=net,romfile=,mac=52:54:00:12:34:56$properties")

# In the background, and without timeout(1) in between: a signal is heeded at once, and ends QEMU too.
if [ -n "$terminal" ]; then
	qemu-system-x86_64 "${arguments[@]}" -append "${words[*]}" <&0 &
else
	qemu-system-x86_64 "${arguments[@]}" -append "${words[*]}" </dev/null >"$work/qemu.log" 2>&1 &
fi
qemu=$!
deadline=$((SECONDS + limit)) late=
while kill -0 "$qemu" 2>/dev/null && [ -z "$late" ]; do
	sleep 0.1
	[ $SECONDS -lt $deadline ] || late=" within $limit s"
done
[ -z "$late" ] || end_qemu
wait "$qemu" 2>/dev/null
status=$?
qemu=
[ -z "$terminal" ] || exit $status
grep -aq '^guest is done: status 0,' "$console" && [ -z "$late" ] && exit 0
{
	echo "boot_qemu: the guest did not end well${late:-, by itself} (QEMU's status $status); its console ended with:"
	grep -v '^$' "$work/qemu.log" | tail -n 5
	tr -d '\r\0' <"$console" | tail -n 25
} >&2
exit 1
