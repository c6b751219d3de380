#!/bin/bash
# apps_test.sh - programs people use, each through `sluice run`: curl, git, ssh, apt
. "$(dirname "$0")/lib.sh"

cp -a /etc etc && mount --bind etc /etc || exit
H=host.sluice.internal
run() { soon "$SLUICE" run -r 'allow to @host' "$@"; }

# --- a web server on each family's loopback
mkdir -p www/files
for i in $(seq 60); do head -c $((i * 3001)) /dev/urandom >www/files/$i; done
head -c 20000000 /dev/urandom >www/big
server_py='import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = Server((sys.argv[1], int(sys.argv[2])), http.server.SimpleHTTPRequestHandler)
print("ready", flush=True)
server.serve_forever()'
for addr in 127.0.0.1 ::1; do
	(cd www && exec python3 -c "$server_py" $addr 8000) >"web.$addr.log" 2>/dev/null &
	await "grep -q ready web.$addr.log"
done

sum=$(sha256sum <www/big)
check 'curl over IPv4' "$sum" "$(run curl -4 -sS http://$H:8000/big | sha256sum)"
check 'curl over IPv6' "$sum" "$(run curl -6 -sS http://$H:8000/big | sha256sum)"
run curl -sS http://$H:81/ >out 2>&1
check 'curl: connection refused' 7 $?
run curl -s --no-progress-meter --parallel --parallel-max 30 -o 'got.#1' "http://$H:8000/files/[1-60]" || not_ok 'curl of many files' "$?"
bad=0
for i in $(seq 60); do cmp -s "www/files/$i" "got.$i" || bad=$((bad + 1)); done
check 'curl of many files' 0 $bad

# --- git over http
git_quiet() { git -c user.name=t -c user.email=t@example -c init.defaultBranch=main -c gc.auto=0 "$@" >git.log 2>&1 ||
	not_ok "git $1" "$(cat git.log)"; }
git_quiet init work
cp -r www/files work/
(cd work && git_quiet add . && git_quiet commit -m files)
git_quiet clone --bare work www/work.git
(cd www/work.git && git update-server-info)
run git clone -q http://$H:8000/work.git from-http >out 2>&1 || not_ok 'git clone over http' "$(cat out)"
check 'git clone over http' "$(git -C work rev-parse HEAD)" "$(git -C from-http rev-parse HEAD 2>&1)"

# --- ssh, and git over it.  Whether root may log in with a key is this script's to say: /etc is its own.
mkdir -m 755 /run/sshd
mkdir -m 700 keys
ssh-keygen -q -t ed25519 -N '' -f keys/host
ssh-keygen -q -t ed25519 -N '' -f keys/user
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
cat >sshd_config <<END
Port 2222
ListenAddress 127.0.0.1
ListenAddress ::1
HostKey $W/keys/host
AuthorizedKeysFile $W/keys/user.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
END
"$(command -v sshd)" -D -e -f "$W/sshd_config" 2>sshd.log &
await 'grep -qs "listening on ::1" sshd.log'
ssh_to="ssh -q -F none -p 2222 -i $W/keys/user -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
for fam in 4 6; do
	# shellcheck disable=SC2086  # a command line
	run $ssh_to -$fam root@$H 'cat; exit 7' <www/files/60 >out 2>err
	check "ssh over IPv$fam: the command's status" 7 $?
	cmp -s out www/files/60 && ok "ssh over IPv$fam: what went there came back" ||
		not_ok "ssh over IPv$fam: what went there came back" "$(cat err; tail -n 3 sshd.log)"
done
run env GIT_SSH_COMMAND="$ssh_to" git clone -q "ssh://root@$H$W/www/work.git" from-ssh >out 2>&1 ||
	not_ok 'git clone over ssh' "$(cat out)"
check 'git clone over ssh' "$(git -C work rev-parse HEAD)" "$(git -C from-ssh rev-parse HEAD 2>&1)"
echo more >>from-ssh/files/1
(cd from-ssh && git_quiet commit -am more)
run env GIT_SSH_COMMAND="$ssh_to" git -C from-ssh push -q origin main >out 2>&1 || not_ok 'git push over ssh' "$(cat out)"
check 'git push over ssh' "$(git -C from-ssh rev-parse HEAD)" "$(git -C www/work.git rev-parse main)"

# --- a package manager: apt, with a repository of one package
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
	mkdir -p deb/DEBIAN deb/opt www/deb apt/{state/lists/partial,cache/archives/partial,etc/preferences.d,etc/apt.conf.d}
	printf 'Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example>\nDescription: tiny\n' >deb/DEBIAN/control
	cp www/files/60 deb/opt/tiny
	dpkg-deb -b deb www/deb/tiny_1_all.deb >/dev/null
	{
		cat deb/DEBIAN/control
		echo 'Filename: ./tiny_1_all.deb'
		echo "Size: $(stat -c %s www/deb/tiny_1_all.deb)"
		echo "SHA256: $(sha256sum www/deb/tiny_1_all.deb | cut -d ' ' -f 1)"
	} >www/deb/Packages
	echo "deb [trusted=yes] http://$H:8000/deb ./" >apt/etc/sources.list
	: >apt/state/status
	cat >apt/conf <<END
Dir::State "$W/apt/state"; Dir::State::status "$W/apt/state/status"; Dir::Cache "$W/apt/cache"; Dir::Etc "$W/apt/etc";
Dir::Etc::parts "apt.conf.d"; APT::Sandbox::User "root"; Acquire::http::Proxy "DIRECT"; Acquire::Languages "none";
END
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
	APT_CONFIG=$W/apt/conf run sh -c 'apt-get -q update && apt-get -q download tiny' >out 2>&1 || not_ok apt "$(tail -n 5 out)"
	cmp -s tiny_1_all.deb www/deb/tiny_1_all.deb && ok 'apt downloads a package' || not_ok 'apt downloads a package' "$(tail -n 5 out)"
else
	echo 'skip apt downloads a package - no apt here'
fi
