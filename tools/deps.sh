#!/bin/sh
# deps.sh NEED... - make sure that what a goal of the Makefile needs is on this machine
#
# NEED is build, test, check, fuzz, bench, demo, demo-vmm, prove or valgrind.  Nothing happens when everything is there.  What is
# missing is installed on Debian and its kin (as root, or through sudo); elsewhere it is listed under
# the names that Fedora and Alpine use, and the script fails.
set -u
PATH=$PATH:/usr/sbin:/sbin

# needs | how to see that it is there | Debian | Fedora | Alpine | what for
table='
build|cmd cc|gcc|gcc|gcc|the compiler
build|header stdio.h|libc6-dev|glibc-devel|musl-dev linux-headers|the C library
build|header ldns/ldns.h|libldns-dev|ldns-devel|ldns-dev|DNS messages
build|header yaml.h|libyaml-dev|libyaml-devel|yaml-dev|the configuration file
build|header jansson.h|libjansson-dev|jansson-devel|jansson-dev|JSON
build|header mbedtls/ssl.h|libmbedtls-dev|mbedtls-devel|mbedtls-dev|TLS
build|header openssl/evp.h|libssl-dev|openssl-devel|openssl-dev|TLS records
build|header nghttp2/nghttp2.h|libnghttp2-dev|libnghttp2-devel|nghttp2-dev|HTTP/2
build|header seccomp.h|libseccomp-dev|libseccomp-devel|libseccomp-dev|confinement
build|cmd ld objcopy|binutils|binutils|binutils|the archive with one object
test check|cmd make g++ pkg-config|build-essential pkg-config|gcc-c++ make pkgconf|build-base pkgconf|building and using the installed library
test check|header cmocka.h|libcmocka-dev|libcmocka-devel|cmocka-dev|unit tests
test check|header pcap.h|libpcap-dev|libpcap-devel|libpcap-dev|replaying captures
test|link -fsanitize=thread|libgcc-12-dev|libtsan|gcc|the thread sanitizer build
test|link -fsanitize=address,undefined|libgcc-12-dev|libasan libubsan|gcc|the sanitizer build
test bench demo|cmd ip|iproute2|iproute|iproute2|network namespaces
test bench demo|cmd python3|python3|python3|python3|servers and summaries
test demo demo-vmm|cmd curl|curl|curl|curl|a guest program
test demo|cmd ping|iputils-ping|iputils|iputils-ping|a guest program
test bench|cmd iperf3|iperf3|iperf3|iperf3|bulk TCP
test|cmd dig|bind9-dnsutils|bind-utils|bind-tools|a guest program
test|cmd kdig|knot-dnsutils|knot-utils|knot-utils|a guest program
bench|cmd nsd|nsd|nsd|nsd|a name server
bench|cmd dnsperf|dnsperf|dnsperf|dnsperf|asking for names
test|cmd git|git|git|git|a guest program
test|cmd ssh ssh-keygen|openssh-client|openssh-clients|openssh-client|a guest program
test|cmd sshd|openssh-server|openssh-server|openssh-server|the server for it
test|cmd traceroute|traceroute|traceroute|traceroute|a guest program
test|cmd nft|nftables|nftables|nftables|loss and filters in test namespaces
test|cmd tcpdump|tcpdump|tcpdump|tcpdump|an independent reader of captures
test demo-vmm|cmd ethtool|ethtool|ethtool|ethtool|switching offloads in test namespaces, a guest program
test|musl|musl-tools|musl-gcc|musl-dev|names asked by another C library
test|cmd socat|socat|socat|socat|small servers
test bench demo-vmm|cmd dnsmasq|dnsmasq-base|dnsmasq|dnsmasq|a name server
test|cmd nghttp nghttpd h2load|nghttp2-client nghttp2-server|nghttp2|nghttp2|HTTP/2 from both sides
test|cmd node|nodejs|nodejs|nodejs|a guest program, servers of HTTP/2 and WebSockets
test|roots|ca-certificates|ca-certificates|ca-certificates|certificates that a system trusts
test|cmd wget|wget|wget|wget|a guest program
test bench|cmd openssl|openssl|openssl|openssl|certificates, a guest program
test bench demo|cmd ps|procps|procps-ng|procps|watching processes
test bench demo|cmd unshare nsenter setpriv|util-linux|util-linux|util-linux-misc setpriv|namespaces and users
test demo-vmm|cmd qemu-system-x86_64|qemu-system-x86|qemu-system-x86-core|qemu-system-x86_64|a machine for real guests
test demo-vmm|cmd busybox|busybox-static|busybox|busybox-static|the programs of a guest, a web server
test demo-vmm|cmd cpio lz4 zstd xz|cpio lz4 zstd xz-utils|cpio lz4 zstd xz|cpio lz4 zstd xz|the kernel and the file system of a guest
check fuzz|cmd clang|clang|clang|clang|the second compiler, fuzzing
fuzz|cmd llvm-symbolizer|llvm|llvm|llvm|readable fuzzer reports
fuzz|fuzzer|CLANG_RT|compiler-rt|compiler-rt|fuzzing
check|cmd clang-format|clang-format|clang-tools-extra|clang-extra-tools|the format
check|cmd clang-tidy|clang-tidy|clang-tools-extra|clang-extra-tools|static analysis
check|cmd cppcheck|cppcheck|cppcheck|cppcheck|static analysis
prove|cmd frama-c|frama-c-base|frama-c|frama-c|proofs
prove|cmd why3|why3|why3|why3|between proofs and provers
prove|cmd z3|z3|z3|z3|a prover
prove|cmd cvc4|cvc4|cvc4|cvc4|another prover, for what it leaves
valgrind|cmd valgrind|valgrind|valgrind|valgrind|memory errors of the release build
valgrind|header cmocka.h|libcmocka-dev|libcmocka-devel|cmocka-dev|unit tests
valgrind|header pcap.h|libpcap-dev|libpcap-devel|libpcap-dev|replaying captures
bench|cmd pasta|passt|passt|passt|a peer to compare with
bench|cmd slirp4netns|slirp4netns|slirp4netns|slirp4netns|a peer to compare with
'

# Is it there?  Compilers are asked, not paths: they know where headers and runtimes lie.
present()
{
	case $1 in
	cmd) shift; for c; do command -v "$c" >/dev/null 2>&1 || return 1; done ;;
	header) echo "#include <$2>" | cc -E -o /dev/null - 2>/dev/null ;;
	roots) [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ;;
	musl) command -v musl-gcc >/dev/null 2>&1 || ldd --version 2>&1 | grep -qi musl ;;
	link) echo 'int main(void) { return 0; }' | cc "$2" -x c -o /dev/null - 2>/dev/null ;;
	fuzzer) echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null ;;
	esac
}

wanted() # wanted "the row's needs" "the needs asked for"
{
	for n in $1; do
		case " $2 " in *" $n "*) return 0 ;; esac
	done
	return 1
}

debian='' fedora='' alpine='' why=''
while IFS='|' read -r needs test deb rpm apk what; do
	[ -n "$needs" ] && wanted "$needs" "$*" || continue
	# shellcheck disable=SC2086  # the test is several words
	present $test && continue
	debian="$debian $deb" fedora="$fedora $rpm" alpine="$alpine $apk"
	why="$why  $deb - $what
"
done <<END
$table
END
[ -n "$debian" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	printf 'deps: missing here:\n%s' "$why"
	printf 'deps: install it with one of\n  dnf install%s\n  apk add%s\n' "$fedora" "$alpine"
	exit 1
fi >&2

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		printf 'deps: missing here:\n%sdeps: as root, run: apt-get install%s\n' "$why" "$debian"
		exit 1
	} >&2
	as_root=sudo
fi

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" </dev/null; }

# Clang's runtimes are packaged by version: ask which one `clang` brings.
clang_rt()
{
	v=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	echo "libclang-rt-${v:-14}-dev"
}

printf 'deps: missing here, installing through apt:\n%s' "$why" | sed 's/CLANG_RT/libclang-rt-dev/'
log=${TMPDIR:-/tmp}/sluice-deps.$$
trap 'rm -f "$log"' EXIT
apt update >"$log" 2>&1 || { cat "$log"; echo 'deps: apt-get update failed; going on with the lists there are'; } >&2
debian=$(echo "$debian" | sed "s/CLANG_RT/$(clang_rt)/")
# shellcheck disable=SC2086  # a list of packages
if ! apt install --no-install-recommends $debian >"$log" 2>&1; then
	cat "$log"
	echo "deps: apt-get could not install:$debian"
	exit 1
fi >&2
