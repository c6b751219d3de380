#!/bin/bash
# demo_vmm.sh VMM - a real Linux guest whose network is sluice, from nothing
#
# Fetches Debian's cloud kernel, makes a small file system around busybox and curl, and boots both with VMM, to a
# shell on this terminal.  Where this is no terminal, a few commands are typed instead, and have to succeed.
#
# Where the processor shows no virtualisation (a /dev/kvm alone says nothing), the same happens inside a machine
# that QEMU emulates: slower, with nothing else different.
set -u
export LC_ALL=C
vmm=${1:-build/sluice-vmm}
here=$(dirname "$(realpath "$0")")
guest=$here/guest assets=$here/../build/guest
bold='' plain=''
[ -t 1 ] && bold=$'\e[1m' plain=$'\e[0m'
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

work=$(mktemp -d) || exit 1
server='' machine=''
cleanup()
{
	trap - EXIT
	exec 3>&-
	for pid in $server $machine; do kill "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

title "A kernel of Debian's, and a small file system (the first time takes a while)"
"$guest/make_kernel.sh" && "$guest/make_initramfs.sh" "$(realpath "$vmm")" || exit 1
printf '  Linux %s\n' "$(cat "$assets/kernel")"

# --- who runs the guest, and whose loopback is the gateway ----------------------------------------------

# On a port that is free.
serve_page()
{
	mkdir "$work/web"
	echo 'hello from the host' >"$work/web/hello"
	for port in $(shuf -i 20000-30000 -n 20); do
		busybox httpd -f -p "127.0.0.1:$port" -h "$work/web" 2>/dev/null &
		server=$!
		sleep 0.2
		! kill -0 $server 2>/dev/null || return 0
	done
	echo 'demo-vmm: no web server would start' >&2
	exit 1
}

if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
	title "\$ sluice-vmm vmlinuz --initrd initramfs.cpio --append quiet -r 'allow to @host'"
	serve_page
	boot=("$vmm" "$assets/vmlinuz" --initrd "$assets/initramfs.cpio" --append quiet -r 'allow to @host')
else
	title "\$ sluice-vmm vmlinux --initrd initramfs.cpio   (in an emulated machine, as KVM cannot do it here)"
	port=8000
	boot=("$guest/nested.sh" "$vmm" -c -l 86400)
fi

# --- the guest ------------------------------------------------------------------------------------------

typed=('ip -o -4 addr show dev eth0' 'ping -c 2 10.0.2.2' "curl -sS http://10.0.2.2:$port/hello" 'poweroff -f')
if [ -t 0 ]; then
	printf '  In the guest try: %s\n' "${typed[@]:1}" 'ping fd73:6c75:6963:65::2'
	printf '  ^A x ends it too.\n\n'
	"${boot[@]}"
	exit
fi

# Each command when the shell asks for it: what is typed before that, a kernel that boots may lose.
mkfifo "$work/keys"
: >"$work/session"
"${boot[@]}" <"$work/keys" >"$work/session" &
machine=$!
tail --pid=$machine -n +1 -f "$work/session" &
exec 3>"$work/keys"
prompts=0
for command in "${typed[@]}"; do
	for ((i = 0; i < 900; i++)); do # 90 s
		[ "$(grep -ac '^~ # ' "$work/session")" -le $prompts ] && kill -0 $machine 2>/dev/null || break
		sleep 0.1
	done
	prompts=$((prompts + 1))
	echo "$command" >&3
done
wait $machine
status=$?
wait
for wanted in 'inet 10.0.2.15/24' ' 0% packet loss' '^hello from the host'; do
	grep -aq "$wanted" "$work/session" || { echo "demo-vmm: no '$wanted' above" >&2; status=1; }
done
[ "$status" = 0 ] && title 'demo-vmm: everything worked'
exit "$status"
