#!/bin/bash
# make_initramfs.sh [VMM] - the guest's whole file system, as build/guest/initramfs.cpio
#
# busybox for everything, curl and ethtool of this machine with their libraries, the kernel's modules, and the
# scripts of this folder.  It is not compressed: an emulated processor copies faster than it unpacks.
#
# With VMM, a program, also build/guest/nested.cpio: what a guest needs beyond that in which VMM runs a guest.
#
# Made again when something of it has changed.  Ends with 0, or with one sentence and 77 or 1 as make_kernel.sh.
set -u
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
vmm=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.." || exit 1
out=$PWD/build/guest
scripts=(init dhcp check put nested)

cannot() { echo "$*" >&2; exit 77; }
failed() { echo "$*" >&2; exit 1; }

for tool in busybox cpio curl ethtool ${vmm:+dnsmasq}; do
	command -v "$tool" >/dev/null || cannot "the guest's file system needs $tool, which is not here"
done

exec 9>"$out/lock"
flock -w 300 9 || failed 'somebody else has been making the file system of the guest for five minutes'
root=
trap 'rm -rf "$root" "$out/archive"' EXIT
trap 'exit 1' INT TERM HUP

# fresh FILE FROM...: is it newer than all that it comes from?
fresh()
{
	local file=$1
	shift
	for from; do [ "$file" -nt "$from" ] || return 1; done
}

# begin: an empty file system
begin()
{
	root=$(mktemp -d "$out/making.XXXXXX") || exit 1
	chmod 755 "$root"
	mkdir "$root/bin"
}

# take PROGRAM: with the libraries it is linked to
take()
{
	local file lib
	file=$(command -v "$1")
	cp -L "$file" "$root/bin/"
	ldd "$file" 2>/dev/null | sed -nE 's/^\t(.* => )?(\/[^ ]*).*/\2/p' | while read -r lib; do
		[ -e "$root$lib" ] || { mkdir -p "$root${lib%/*}" && cp -L "$lib" "$root$lib"; }
	done
}

# end FILE: the file system as an archive.  Archives may follow each other in one file.
end()
{
	(cd "$root" && find . | sort | cpio -o -H newc --quiet -R 0:0) >"$out/archive" || failed "the guest's file system cannot be written to $out"
	mv "$out/archive" "$1"
	rm -rf "$root"
}

if ! fresh "$out/initramfs.cpio" "$out/kernel" "$0" "${scripts[@]/#/test/guest/}"; then
	begin
	mkdir -p "$root"/{dev,etc,proc,sys,tmp}
	take busybox # static in one Debian package, not in another
	ln -s busybox "$root/bin/sh"
	take curl
	take ethtool
	cp -r "$out/modules" "$out/modules.load" "$out/modules.kvm" "$root/"
	for script in "${scripts[@]}"; do install -m 755 "test/guest/$script" "$root/$script"; done
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	end "$out/initramfs.cpio"
fi

# There are several builds of a VMM: the copy says which is in the archive.
if [ -n "$vmm" ] && ! { cmp -s "$vmm" "$out/vmm" && fresh "$out/nested.cpio" "$out/initramfs.cpio"; }; then
	rm -f "$out/vmm"
	begin
	take dnsmasq
	take "$vmm"
	cp "$out/vmlinux" "$out/initramfs.cpio" "$root/"
	end "$out/nested.cpio"
	cp "$vmm" "$out/vmm"
fi
