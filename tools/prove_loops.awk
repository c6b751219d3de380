# prove_loops.awk - a source file with what is claimed of its loops in front of them (tools/prove.sh)
#
#     awk -v source=FILE -f tools/prove_loops.awk NAME.loops FILE
#
# NAME.loops has paragraphs: a file and a function; the loop's first line, as it stands there; ACSL.  What names a loop that is not
# there is a failure.
function trimmed(s)
{
	gsub(/^[ \t]+|[ \t]+$/, "", s)
	return s
}
FILENAME == ARGV[1] {
	if (!part && NF == 2) {
		file = $1
		n += file == source
		if (file == source)
			within[n] = $2
		part = 1
	} else if (part == 1) {
		if (file == source)
			loop[n] = trimmed($0)
		part = 2
	} else if (!NF) {
		part = 0
	} else if (file == source) {
		claims[n] = claims[n] $0 "\n"
	}
	next
}
/^[a-z_0-9]+\(/ {
	at = $0
	sub(/\(.*/, "", at)
}
{
	for (i = 1; i <= n; i++)
		if (!used[i] && within[i] == at && loop[i] == trimmed($0)) {
			printf "/*@\n%s*/\n#line %d\n", claims[i], FNR
			used[i] = 1
			break
		}
	print
}
END {
	for (i = 1; i <= n; i++)
		if (!used[i]) {
			print source ": " within[i] "() has no such loop: " loop[i] >"/dev/stderr"
			bad = 1
		}
	exit bad
}
