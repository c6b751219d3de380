#!/bin/bash
# make_initramfs.sh - build/guest/initramfs.cpio: the guest's whole file system
#
# busybox for everything, curl and ethtool of this machine with their libraries, the kernel's modules, and the
# scripts of this folder.  It is not compressed: an emulated processor copies faster than it unpacks.
# Made again when something of it has changed.  Ends with 0, or with one sentence and 77 or 1 as make_kernel.sh.
set -u
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/../.." || exit 1
out=$PWD/build/guest
scripts=(init dhcp check)

cannot() { echo "$*" >&2; exit 77; }
failed() { echo "$*" >&2; exit 1; }

for tool in busybox cpio curl ethtool; do
	command -v $tool >/dev/null || cannot "the guest's file system needs $tool, which is not here"
done

exec 9>"$out/lock"
flock -w 300 9 || failed 'somebody else has been making the file system of the guest for five minutes'
fresh=yes
for file in "$out/kernel" "$0" "${scripts[@]/#/test/guest/}"; do
	[ "$out/initramfs.cpio" -nt "$file" ] || fresh=no
done
[ $fresh = no ] || exit 0

root=$(mktemp -d "$out/making.XXXXXX") || exit 1
trap 'rm -rf "$root" "$out/initramfs.tmp"' EXIT
trap 'exit 1' INT TERM HUP
chmod 755 "$root"
mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp}

# take PROGRAM: with the libraries it is linked to
take()
{
	local file lib
	file=$(command -v "$1")
	cp -L "$file" "$root/bin/"
	ldd "$file" | sed -nE 's/^\t(.* => )?(\/[^ ]*).*/\2/p' | while read -r lib; do
		[ -e "$root$lib" ] || { mkdir -p "$root${lib%/*}" && cp -L "$lib" "$root$lib"; }
	done
}
take busybox # static in one Debian package, not in another
ln -s busybox "$root/bin/sh"
take curl
take ethtool
cp -r "$out/modules" "$out/modules.load" "$out/modules.kvm" "$root/"
for script in "${scripts[@]}"; do install -m 755 "test/guest/$script" "$root/$script"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"

(cd "$root" && find . | sort | cpio -o -H newc --quiet -R 0:0) >"$out/initramfs.tmp" ||
	failed "the guest's file system cannot be written to $out"
mv "$out/initramfs.tmp" "$out/initramfs.cpio"
