#!/bin/bash
# vmm_usage_test.sh - sluice-vmm with files, values and machines that are no good: one sentence, and which status
#
# What is wrong with files and options is seen before KVM is asked for anything.
. "$(dirname "$0")/lib.sh"
VMM=$SLUICE-vmm
[ -x "$VMM" ] || { echo 'skip vmm_usage - sluice-vmm is for x86_64'; exit 0; }

fails() { timeout 20 "$VMM" "$@" >out 2>err </dev/null; }

# said STATUS PART ARGUMENTS...
said()
{
	local wanted=$1 part=$2 status
	shift 2
	fails "$@"
	status=$?
	check "$*: status" "$wanted 1" "$status $(wc -l <err)"
	contains "$*: says so" "$part" "$(cat err)"
}

echo 'not a kernel' >text
head -c 2000000 /dev/zero >zeros
printf '\177ELF\2\1' | cat - zeros >elf
truncate -s 40M big

fails
check 'no arguments: status' 2 $?
contains 'no arguments: says so' 'no kernel' "$(cat err)"
said 2 --frob text --frob
said 2 'zeros: a second kernel' text zeros
said 2 '--ram 12q' text --ram 12q
said 2 '--ram 16M: at least 32M' text --ram 16M
said 2 '--ram 33554433' text --ram 33554433
said 2 --ram text --ram
said 2 1279 text --mtu 1279
said 2 70000 text -p 70000
fails text --append "$(printf '%5000s' x)"
check 'a command line that is too long: status' 2 $?
contains 'a command line that is too long: says so' 'more than 4095 bytes' "$(cat err)"
said 1 '/nowhere/vmlinuz: No such file' /nowhere/vmlinuz
said 1 'this is a folder' /proc
said 1 'text: not a Linux kernel' text
said 1 'zeros: not a Linux kernel' zeros
said 1 'elf: an ELF file, but not a kernel' elf
said 1 'big: larger than the guest' big --ram 32M

timeout 20 "$VMM" --help >out 2>err
check 'help' '0 0' "$? $(wc -l <err)"
contains 'help lists its own options' --initrd "$(cat out)"
contains "and the gateway's" --publish "$(cat out)"
timeout 20 "$VMM" --version >out
check 'version' '0 1' "$? $(grep -c '^sluice-vmm [0-9]' out)"
timeout 20 "$VMM" --help >/dev/full 2>err
check 'help that cannot be written' 1 $?

# With a kernel: a few bytes of code that halt, behind a PVH note.
python3 - <<'END'
import struct
head = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
note = struct.pack('<III4sI', 4, 4, 18, b'Xen\0', 0x1000000)
code = b'\xf4\xeb\xfd' # hlt; jmp to it
def segment(kind, offset, size):
    return struct.pack('<IIQQQQQQ', kind, 7, offset, 0x1000000, 0x1000000, size, size, 4)
open('halts', 'wb').write(head + segment(1, 176 + len(note), len(code)) + segment(4, 176, len(note)) + note + code)
END
truncate -s 20M half
said 1 '--initrd half: its 20 MiB do not fit' halts --ram 32M --initrd half

# --- KVM ------------------------------------------------------------------------------------------------

if [ ! -e /dev/kvm ]; then
	said 1 '/dev/kvm: No such file or directory; load kvm_intel or kvm_amd' halts
	exit
fi
# It halts for ever, if it can be started at all.
timeout 1 "$VMM" halts >out 2>err </dev/null
status=$?
if [ $status != 124 ]; then
	check 'KVM does not work here: status' '1 1' "$status $(wc -l <err)"
	exit
fi

# On a terminal: what is typed, and how the terminal is before, meanwhile and after.
cat >terminal.py <<'END'
import os, pty, signal, subprocess, sys, termios, time
vmm, what = sys.argv[1:]
ours, its = pty.openpty()
before = termios.tcgetattr(its)
p = subprocess.Popen([vmm, 'halts'], stdin=its, stdout=its, stderr=its, start_new_session=True)
def until(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
until(lambda: termios.tcgetattr(its) != before or p.poll() is not None)
raw = termios.tcgetattr(its) != before
if what == 'keys':
    os.write(ours, b'\3a\1a') # ^C is the guest's
    os.write(ours, b'\1x')
else:
    p.send_signal(getattr(signal, what))
until(lambda: p.poll() is not None)
print('raw' if raw else 'not raw', p.poll(), 'restored' if termios.tcgetattr(its) == before else 'not restored')
p.kill()
END
check '^A x ends it, and the terminal is as before' 'raw 0 restored' "$(python3 terminal.py "$VMM" keys)"
check 'SIGTERM does, too' 'raw 143 restored' "$(python3 terminal.py "$VMM" SIGTERM)"
check 'SIGHUP does, too' 'raw 129 restored' "$(python3 terminal.py "$VMM" SIGHUP)"
check 'so is the terminal after a crash' 'raw -6 restored' "$(python3 terminal.py "$VMM" SIGABRT)"

# One that is somebody else's, and one that is no KVM.
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
chmod 755 . && cp "$VMM" vmm && chmod 755 vmm
if ! nobody test -w /dev/kvm; then
	nobody timeout 20 ./vmm halts >out 2>err </dev/null
	check 'no right to KVM: status' 1 $?
	contains 'no right to KVM: says so' '/dev/kvm: Permission denied; add yourself' "$(cat err)"
fi
mount --bind /dev/null /dev/kvm
said 1 '/dev/kvm: not the interface of Linux' halts
