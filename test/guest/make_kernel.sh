#!/bin/bash
# make_kernel.sh - Debian's cloud kernel, as it is shipped, for the guests of the tests
#
# Downloads the package with `apt-get download` (nothing is installed) and leaves in build/guest:
#
#   vmlinuz         the kernel as it is in the package
#   vmlinux         the ELF file that is compressed in it: it has a PVH entry, and boots without unpacking
#   modules/*.ko    what the guest loads
#   modules.load    their names in the order of loading: virtio-net and its buses
#   modules.kvm     the same for kvm: a guest that runs guests
#   kernel          its version; made last, so that it stands for all of them
#
# Made once.  Ends with 0, or with one sentence and 77 (this machine cannot have it) or 1 (it went wrong).
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
out=$PWD/build/guest
meta=linux-image-cloud-amd64

cannot() { echo "$*" >&2; exit 77; }
failed() { echo "$*" >&2; exit 1; }

[ "$(uname -m)" = x86_64 ] || cannot "the guest's kernel is for x86_64, and this machine is $(uname -m)"
mkdir -p "$out" || exit 1
exec 9>"$out/lock"
flock -w 300 9 || failed 'somebody else has been making the kernel of the guest for five minutes'
[ ! -s "$out/kernel" ] || exit 0
for tool in apt-get apt-cache dpkg-deb; do
	command -v $tool >/dev/null || cannot "the guest's kernel is a package of Debian, and there is no $tool here"
done

work=$(mktemp -d "$out/making.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# --- the package ----------------------------------------------------------------------------------------

package() { apt-cache depends $meta 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1; }

# Lists that are older than the archive name packages that are gone: after a failure they are fetched anew.
download()
{
	local try name
	for try in 1 2 3; do
		[ $try = 1 ] || timeout 120 apt-get -q update || sleep $((5 * try))
		name=$(package)
		[ -n "$name" ] && (cd "$work" && timeout 180 apt-get -q -o APT::Sandbox::User=root download "$name") && return 0
	done
	return 1
}

download </dev/null >"$work/log" 2>&1 || {
	[ -n "$(package)" ] || cannot "the guest's kernel is Debian's $meta, which apt does not know here"
	failed "the guest's kernel: apt-get download: $(grep . "$work/log" | tail -n 1)"
}
dpkg-deb -x "$work"/linux-image-*.deb "$work/x" || failed "the guest's kernel: its package cannot be unpacked"
version=$(basename "$work"/x/lib/modules/*)

# --- modules --------------------------------------------------------------------------------------------

# need NAME LIST: the module after those it depends on, as insmod wants them.  One that is not there is built in.
need()
{
	local file before
	file=$(find "$work/x/lib/modules" -name "$1.ko*" -o -name "${1//_/-}.ko*" | head -n 1)
	[ -n "$file" ] && [ ! -e "$work/modules/$1.ko" ] || return 0
	case $file in *.xz) xz -dc "$file" ;; *) cat "$file" ;; esac >"$work/modules/$1.ko"
	for before in $(tr '\0' '\n' <"$work/modules/$1.ko" | sed -n 's/^depends=//p' | tr , ' '); do need "${before//-/_}" "$2"; done
	echo "$1" >>"$2"
}
mkdir "$work/modules"
for module in virtio_pci virtio_mmio virtio_net; do need $module "$work/modules.load"; done
need kvm_amd "$work/modules.kvm"
[ -s "$work/modules/virtio_net.ko" ] || failed "the guest's kernel $version has no virtio-net"

# --- the ELF file ---------------------------------------------------------------------------------------

cp "$work/x/boot/vmlinuz-$version" "$work/vmlinuz"
# number TYPE OFFSET: of the setup header (Documentation/x86/boot.rst)
number() { od -An -t "$1" -j "$2" -N "${1#u}" "$work/vmlinuz" | tr -d ' '; }
start=$((($(number u1 0x1f1) + 1) * 512 + $(number u4 0x248)))
length=$(($(number u4 0x24c) - 4)) # the last four bytes are the unpacked size
case $(sed -n 's/^CONFIG_KERNEL_\([A-Z0-9]*\)=y$/\1/p' "$work/x/boot/config-$version") in
LZ4) unpack=lz4 ;;
ZSTD) unpack=zstd ;;
XZ) unpack=xz ;;
GZIP) unpack=gzip ;;
*) failed "the guest's kernel $version is compressed in a way that this script does not know" ;;
esac
command -v $unpack >/dev/null || cannot "the guest's kernel is compressed with $unpack, which is not here"
# They complain about the end of what they are given, and unpack it.
tail -c +$((start + 1)) "$work/vmlinuz" | head -c $length | $unpack -dcq >"$work/vmlinux" 2>/dev/null
[ "$(head -c 4 "$work/vmlinux" | tail -c 3)" = ELF ] || failed "the guest's kernel $version: no ELF file where the setup header says"

echo "$version" >"$work/kernel"
rm -rf "$out/modules"
cd "$work" && mv modules modules.load modules.kvm vmlinuz vmlinux "$out" && mv kernel "$out"
