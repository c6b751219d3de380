# Makefile - how sluice is built, tested and measured; `make help` lists what there is to do
#
# Everything is made under build/, by glob: a new file in a folder needs no line here.
#
#   stack/ link/ policy/ dns/ tls/ http/ proxy/   *.c   the library
#   cli/*.c                                             the program; main() is in cli/main.c
#   vmm/*.c                                             the small VMM (x86-64 only); main() is in vmm/main.c
#   test/bed/*.c                                        helpers every test program may use
#   test/sim/*.c                                        the simulated world, for every test program as well
#   test/{unit,sim,script,replay,live}/*_test.c         one test program each
#   test/{script,replay,live}/*.c                       any other: a helper program of those tests
#   test/fuzz/fuzz_*.c                                  one fuzz target each
#   test/bench/*.c                                      one program each, with common.c
#
# The same sources are compiled into seven builds, one folder each, so that no build disturbs another:
#
#   build/release   what is installed: optimised, hardened; build/sluice and build/libsluice.* come from it
#   build/tsan      thread sanitizer: only the tests that have several threads (THREAD_TESTS)
#   build/asan      address and undefined-behaviour sanitizers; tests run here and on release
#   build/fuzz      libFuzzer targets (clang)
#   build/plain     no hardening, read by gcc's analyzer: what the symbol checks read (build/tidy: what clang-tidy has passed)
#   build/cov       instrumented for gcov
#   build/tls36     release with Mbed TLS 3.6 of a newer Debian suite (tools/mbedtls36.sh): only the tests of TLS

# --- what may be set on the command line ------------------------------------------------------------

CC     = cc
CLANG  = clang
CFLAGS = -O2 -g
PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
# 1: warnings are errors; 1: print the commands.
WERROR =
V      =
# A Mbed TLS of your own: DIR/include, DIR/lib with its static archives.  Else pkg-config is asked, else the compiler finds it.
MBEDTLS =
# Only the tests, fuzz targets or rows of the benchmark that are named here (a part of the name does).
TEST   =
FUZZ   =
# One simulated world, or so many.
SEED   =
SEEDS  =
BENCH  =
# Seconds for each fuzz target; seconds and repetitions for each measurement.
FUZZ_TIME  = 60
BENCH_TIME = 3
BENCH_RUNS = 3

# --- sources ----------------------------------------------------------------------------------------

LAYERS   := stack link policy dns tls http proxy
LIB_C    := $(wildcard $(LAYERS:=/*.c))
CLI_C    := $(wildcard cli/*.c)
VMM_C    := $(if $(filter x86_64,$(shell uname -m)),$(wildcard vmm/*.c))
BED_C    := $(wildcard test/bed/*.c) $(filter-out %_test.c,$(wildcard test/sim/*.c))
FUZZ_C   := $(wildcard test/fuzz/fuzz_*.c)
FUZZ_C   := $(filter-out $(if $(VMM_C),,test/fuzz/fuzz_image.c),$(FUZZ_C))
BENCH_C  := $(filter-out test/bench/common.c,$(wildcard test/bench/*.c))
TEST_C   := $(wildcard test/unit/*_test.c test/sim/*_test.c test/script/*.c test/replay/*.c test/live/*.c)
TEST_C   := $(filter-out $(if $(VMM_C),,test/unit/vmm_%),$(TEST_C))

PROGRAM  := $(if $(wildcard cli/main.c),sluice) $(if $(VMM_C),sluice-vmm)
EXAMPLE  := $(if $(wildcard docs/embedding.md),build/release/embedding)
VERSION  := $(subst $() ,.,$(shell sed -n 's/^\#define SLUICE_VERSION_[A-Z]* //p' sluice.h))
SONAME   := libsluice.so.$(firstword $(subst ., ,$(VERSION)))

# --- Mbed TLS ---------------------------------------------------------------------------------------

MBED_NAMES := mbedtls mbedx509 mbedcrypto
MBED_CC    :=
MBED_LD    := $(MBED_NAMES:%=-l%)
ifneq ($(MBEDTLS),)
MBED_CC    := -isystem $(MBEDTLS)/include
MBED_LD    := $(MBED_NAMES:%=$(MBEDTLS)/lib/lib%.a)
else ifeq ($(shell pkg-config --exists $(MBED_NAMES) 2>/dev/null && echo yes),yes)
MBED_CC    := $(shell pkg-config --cflags $(MBED_NAMES))
MBED_LD    := $(shell pkg-config --libs $(MBED_NAMES))
endif
# As archives, where there are any: for a test in which the library's own allocations fail.
MBED_A     := $(foreach l,$(MBED_NAMES),$(filter /%,$(shell $(CC) -print-file-name=lib$(l).a)))
MBED_A     := $(if $(MBEDTLS),$(MBED_LD),$(if $(filter 3,$(words $(MBED_A))),$(MBED_A),$(MBED_LD)))
# The newer one.  What is linked and tested in build/tls36 takes it instead.
MBED36     := build/mbedtls36

# --- flags ------------------------------------------------------------------------------------------

LANGUAGE := -std=c11 -D_GNU_SOURCE -iquote . -fno-strict-aliasing -fvisibility=hidden $(MBED_CC)
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wundef -Wvla $(if $(filter 1,$(WERROR)),-Werror)
# Control-flow integrity under the name each machine gives it.
CET      := $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
CET      += $(if $(filter aarch64,$(shell uname -m)),-mbranch-protection=standard)
HARDEN   := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(CET)
RELRO    := -Wl,-z,relro,-z,now -Wl,--as-needed
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# Position-independent everywhere: the same object serves the program, the archive and the shared library.
release.cc      = $(CC) $(CFLAGS) $(HARDEN) -fPIC
release.ld      = $(CC) $(CFLAGS) $(RELRO) -pie $(LDFLAGS)
# gcc's sanitizers rewrite shifts before -Wconversion looks at them; the other builds keep that warning.
# In front of whatever Mbed TLS the language's flags name.
tls36.cc        = $(release.cc) -isystem $(MBED36)/include
tls36.ld        = $(release.ld)
build/tls36/%: MBED_LD = $(MBED_NAMES:%=$(MBED36)/lib/lib%.a)
asan.cc         = $(CC) -O1 -g $(SANITIZE) -fPIC
asan.warn       = -Wno-conversion
asan.ld         = $(CC) $(SANITIZE) $(LDFLAGS)
tsan.cc         = $(CC) -O1 -g -fsanitize=thread -fPIC
tsan.warn       = -Wno-conversion
tsan.ld         = $(CC) -fsanitize=thread $(LDFLAGS)
# It writes what it has counted when it ends, which a confined program may not (proxy/confine_calls.c).
cov.cc          = $(CC) -O0 -g --coverage -DSLUICE_INSTRUMENTED='"$(CURDIR)/build/cov"'
# Without the optimiser gcc does not see what is set before it is used.
cov.warn        = -Wno-maybe-uninitialized
# What tools/coverage.c stands in for.
cov.ld          = $(CC) --coverage -Wl,--wrap=_exit $(LDFLAGS)
# clang has a few more: values that a conversion changes without being asked to, NULL where it may not be, bounds of what is local.
# (Unsigned numbers may wrap: sequence numbers, sums, hashes do.)
FUZZ_SANITIZE := $(SANITIZE) -fsanitize=implicit-conversion,nullability,local-bounds
fuzz.cc         = $(CLANG) -O1 -g $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link
fuzz.ld         = $(CLANG) $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS)
# The oracles of test/bed are not what is searched, and build/asan watches them: to cover and check their loops over bytes costs most
# of the time.
build/fuzz/test/bed/%.o build/fuzz/test/sim/%.o: fuzz.cc = $(CLANG) -O2 -g
# What was compared with what helps to get into a parser; with tables, sums and times it costs as much again as they do.
COUNTED_C := $(filter-out proxy/config% proxy/option% proxy/secret_% proxy/rule_file.c proxy/socks.c,$(wildcard proxy/*.c)) \
             $(addprefix link/,memlink.c vhost.c vhost_dgram.c vhost_epoll.c vhost_far.c vhost_queue.c vhost_stream.c) \
             $(addprefix stack/,addr.c csum.c pool.c ring.c siphash.c stack.c tcp_timewait.c) \
             $(addprefix policy/,decide.c evidence.c group.c match.c nameset.c netset.c)
$(COUNTED_C:%.c=build/fuzz/%.o): fuzz.cc = $(CLANG) -O2 -g $(FUZZ_SANITIZE) -fsanitize-coverage=inline-8bit-counters,pc-table
# gcc's analyzer reads each file on the way, whatever CC is; what it is not asked: tools/analyzer.conf.
plain.cc        = gcc -O2 -g -U_FORTIFY_SOURCE -fno-stack-protector -fno-pie -fcf-protection=none
plain.cc       := $(if $(filter x86_64,$(shell uname -m)),$(plain.cc),$(filter-out -fcf-protection=none,$(plain.cc)))
plain.warn     := -Werror -fanalyzer -fdiagnostics-path-format=none \
                  $(shell sed -n 's/^\([a-zA-Z][^ \#]*\).*/-Wno-analyzer-\1/p' tools/analyzer.conf)
# clang's own warnings, more of them for what is no test; and its path analyzer, which gives up on a function after so many nodes
# of its graph.  Its own bound, 225,000, takes many times as long to reach one block in a thousand more (docs/testing.md).
TIDY_STRICT    := -Wcast-align -Wconditional-uninitialized -Wassign-enum -Wunreachable-code -Wunreachable-code-return \
                  -Wunreachable-code-break -Wshift-sign-overflow -Wduplicate-enum -Wnull-dereference -Wover-aligned -Wshadow-all \
                  -Wmissing-variable-declarations -Wbitfield-enum-conversion -Wfloat-conversion -Wextra-semi-stmt -Wunused-macros
NODES           = 20000
tidy.cc         = clang-tidy --quiet
tidy.warn       = $(TIDY_STRICT) -Xclang -analyzer-config -Xclang max-nodes=$(NODES)
# Libraries the gateway is made with (docs/design.md section 9); vmm/ and every embedder get them through it.
LIBS            = -lldns $(LIBS_OF_C) -lseccomp $(MBED_LD) -lcrypto
LIBS_OF_C       = $(LIB_NAMES:%=-l%)
LIB_NAMES      := yaml jansson nghttp2
TEST_LIBS       = $(LIBS) -lcmocka -lpcap -lm -pthread

# --- the packages a goal needs ----------------------------------------------------------------------

GOALS := $(or $(MAKECMDGOALS),all)
NEEDS := build $(if $(filter test test-tls36 coverage sim sim-soak,$(GOALS)),test) $(if $(filter check,$(GOALS)),check) \
         $(if $(filter fuzz,$(GOALS)),fuzz) $(if $(filter bench,$(GOALS)),bench) \
         $(filter demo demo-vmm prove valgrind,$(GOALS))

# As many jobs as there are processors, unless -j says otherwise.
MAKEFLAGS += $(if $(filter -j% --jobs%,$(shell tr '\0' ' ' </proc/$$PPID/cmdline)),,-j$(shell nproc 2>/dev/null || echo 2))
MAKEFLAGS += --no-builtin-rules

say = @printf '  %-5s %s\n'
run = $(if $(filter 1,$(V)),,@)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all test test-tls36 check sim sim-soak bench demo demo-vmm fuzz prove valgrind coverage install clean help deps FORCE

all: build/mbedtls build/libsluice.a build/$(SONAME) $(PROGRAM:%=build/%)

help:
	@sed -n 's/^#:/ /p' Makefile

#: make                              build/sluice, build/sluice-vmm, build/libsluice.a, build/libsluice.so.0
#: make demo                         see it work: a guest command on this machine, no internet needed
#: make demo-vmm                     a Linux guest, from nothing to a shell whose network is sluice
#: make test [TEST=tcp]              every test, on the sanitizer build and on the release build
#: make test-tls36                   those about TLS alone, with Mbed TLS 3.6 of a newer Debian suite (downloaded)
#: make check                        structure, format, clang-tidy, cppcheck, gcc -fanalyzer
#: make sim [SEEDS=100000]           simulated worlds, a seed each; SEED=n: one of them, told line by line
#: make sim-soak                     new seeds until it is interrupted
#: make prove                        proofs of the wire readers and writers, with Frama-C
#: make valgrind [TEST=tcp]          the unit tests of the release build under memcheck, once: half an hour and more
#: make bench [BENCH="tcp_up ..."] [BENCH_TIME=3] [BENCH_RUNS=3]   beside pasta and slirp4netns
#: make fuzz [FUZZ=name] [FUZZ_TIME=60]                            each fuzz target so many seconds
#: make coverage                     lines and branches the tests reach, per folder
#: make install [PREFIX=/usr/local] [DESTDIR=]
#: make clean
#: Everywhere: CC=clang, WERROR=1 (warnings are errors), V=1 (print the commands), MBEDTLS=DIR (its include/, lib/*.a).

# --- one build --------------------------------------------------------------------------------------

# What a build compiles with: everything in it is made anew when that changes.
build/%/flags: FORCE | deps
	@mkdir -p $(@D)
	@echo '$($*.cc) $(LANGUAGE) $(WARNINGS) $($*.warn) / $($*.ld)' | cmp -s - $@ || \
		echo '$($*.cc) $(LANGUAGE) $(WARNINGS) $($*.warn) / $($*.ld)' >$@

# $(call objects,BUILD,SOURCES)
objects = $(patsubst %.c,build/$(1)/%.o,$(2))

define build
build/$(1)/%.o: %.c build/$(1)/flags
	$$(say) CC $$@
	@mkdir -p $$(@D)
	$$(run)$$($(1).cc) $$(LANGUAGE) $$(WARNINGS) $$($(1).warn) -MMD -MP -c -o $$@ $$<

# The library's objects as an archive that keeps internal names: for tests, which look inside.
build/$(1)/inside.a: $(call objects,$(1),$(LIB_C) $(filter-out %/main.c,$(CLI_C) $(VMM_C)) $(BED_C))
	$$(say) AR $$@
	@rm -f $$@
	$$(run)$$(AR) rcsD $$@ $$(filter %.o,$$^)

# The library as it is embedded: one object whose only names are those of sluice.h.
build/$(1)/libsluice.a: $(call objects,$(1),$(LIB_C))
	$$(say) AR $$@
	@rm -f $$@
	$$(run)$$(LD) -r -o $$(@D)/libsluice.o $$(filter %.o,$$^)
	$$(run)objcopy --wildcard --keep-global-symbol='sluice_*' $$(@D)/libsluice.o
	$$(run)$$(AR) rcsD $$@ $$(@D)/libsluice.o

build/$(1)/sluice: $(call objects,$(1),$(CLI_C)) build/$(1)/libsluice.a
build/$(1)/sluice-vmm: $(call objects,$(1),$(VMM_C)) build/$(1)/libsluice.a
build/$(1)/sluice build/$(1)/sluice-vmm:
	$$(say) LINK $$@
	$$(run)$$($(1).ld) -o $$@ $$^ $$(LIBS) -pthread

$(patsubst %.c,build/$(1)/%,$(BENCH_C)): build/$(1)/test/bench/common.o
$(patsubst %.c,build/$(1)/%,$(TEST_C) $(BENCH_C)): build/$(1)/%: build/$(1)/%.o build/$(1)/inside.a
	$$(say) LINK $$@
	$$(run)$$($(1).ld) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(TEST_LIBS)
endef

# There every allocation of the library can be made to fail, and every descriptor it makes or watches.
WRAPPED := malloc realloc calloc aligned_alloc free mmap munmap socket epoll_create1 epoll_ctl eventfd timerfd_create
ALLOCATED := malloc calloc realloc
$(foreach b,release asan cov,build/$(b)/test/unit/setup_fault_test): TEST_LIBS += $(WRAPPED:%=-Wl,--wrap=%)
$(foreach t,policy intercept dns_tls,$(foreach b,release asan cov,build/$(b)/test/unit/$(t)_fault_test)): TEST_LIBS += $(ALLOCATED:%=-Wl,--wrap=%)
$(foreach b,release asan cov,build/$(b)/test/unit/secret_fault_test): TEST_LIBS += $(ALLOCATED:%=-Wl,--wrap=%)

$(foreach b,release asan cov tls36,build/$(b)/test/unit/tls_fault_test): TEST_LIBS += $(ALLOCATED:%=-Wl,--wrap=%) -Wl,--wrap=free
$(foreach b,release asan cov,build/$(b)/test/unit/tls_fault_test): MBED_LD = $(MBED_A)
$(foreach b,release asan cov,build/$(b)/test/unit/memory_fault_test): TEST_LIBS += $(ALLOCATED:%=-Wl,--wrap=%) -Wl,--wrap=free -Wl,--wrap=gw_turn
$(foreach b,release asan cov,build/$(b)/test/unit/memory_fault_test): MBED_LD = $(MBED_A)
$(foreach b,release asan cov,build/$(b)/test/unit/seam_fault_test): TEST_LIBS += $(ALLOCATED:%=-Wl,--wrap=%) -Wl,--wrap=free -Wl,--wrap=gw_turn -Wl,--wrap=vhost_failing
$(foreach b,release asan cov,build/$(b)/test/unit/seam_fault_test): MBED_LD = $(MBED_A)
KERNEL_CALLS := socket connect bind listen accept4 getpeername getsockname getsockopt setsockopt readv writev sendmsg recvmsg recvmmsg \
                sendmmsg recv send shutdown epoll_create1 epoll_ctl epoll_wait ppoll poll eventfd timerfd_create mmap munmap madvise \
                lstat fstat stat fchmod fcntl ioctl open read write close unlink getifaddrs syscall
$(foreach b,release asan cov,build/$(b)/test/unit/kernel_fault_test): TEST_LIBS += $(KERNEL_CALLS:%=-Wl,--wrap=%)
PROGRAM_CALLS := openat fopen dup2 signalfd pipe2 flock fsync mkdir renameat mprotect mlock fork waitpid setsid socketpair sigaction \
                 opendir fdopendir getcwd chdir fchdir mkdirat readlink realpath prctl unshare mount umount2 \
                 seccomp_init seccomp_rule_add_array seccomp_load
$(foreach b,release asan cov,build/$(b)/test/unit/start_fault_test): TEST_LIBS += $(KERNEL_CALLS:%=-Wl,--wrap=%) $(PROGRAM_CALLS:%=-Wl,--wrap=%)
# The program as a function.
build/%/cli/program.o: build/%/cli/main.o
	$(run)objcopy --redefine-sym main=program_main $< $@
$(foreach b,release asan cov,$(eval build/$(b)/test/unit/start_fault_test: build/$(b)/cli/program.o))
# There those of the other libraries, too, where they are to be had as archives; ldns does not look at what its own come to (dns/answer_make.c).
archive = $(or $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)),-l$(1))
$(foreach b,release asan cov,build/$(b)/test/unit/memory_fault_test): LIBS_OF_C = $(foreach l,$(LIB_NAMES),$(call archive,$(l)))
$(foreach b,release asan cov tls36,build/$(b)/test/unit/tls_cert_fault_test): TEST_LIBS += $(ALLOCATED:%=-Wl,--wrap=%)
$(foreach b,release asan cov,build/$(b)/test/unit/tls_cert_fault_test): MBED_LD = $(MBED_A)

# Fuzz targets without libFuzzer: a main() that feeds them files.
define replay
$(patsubst %.c,build/$(1)/%,$(FUZZ_C)): build/$(1)/%: build/$(1)/%.o build/$(1)/test/fuzz/replay_main.o build/$(1)/inside.a
	$$(say) LINK $$@
	$$(run)$$($(1).ld) -o $$@ $$^ $$(TEST_LIBS)
endef

$(foreach b,release asan tsan fuzz plain cov tls36,$(eval $(call build,$(b))))
$(foreach b,release asan cov tls36,$(eval $(call replay,$(b))))

$(FUZZ_C:%.c=build/fuzz/%): build/fuzz/%: build/fuzz/%.o build/fuzz/inside.a
	$(say) LINK $@
	$(run)$(fuzz.ld) -o $@ $^ $(TEST_LIBS)

# There alone: what keeps the counts of processes that gcov would lose.
$(patsubst %.c,build/cov/%,$(TEST_C) $(FUZZ_C)) $(PROGRAM:%=build/cov/%): build/cov/tools/coverage.o

-include $(wildcard build/*/*/*.d build/*/test/*/*.d)

deps:
	@tools/deps.sh $(NEEDS)

# Which Mbed TLS it is, said once.
build/mbedtls: FORCE | deps
	@mkdir -p $(@D)
	@printf '#include "tls/lib.h"\nMBEDTLS_VERSION_STRING LIB_VERSIONS' | \
		$(CC) $(LANGUAGE) -E -P -x c - 2>/dev/null | tail -n 1 | sed 's/" *"//g; s/"//g' >$@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; echo "  with Mbed TLS $$(cat $@)"; fi

$(MBED36)/version: tools/mbedtls36.sh
	@tools/mbedtls36.sh $(MBED36) && touch $@

build/tls36/flags: $(MBED36)/version

# --- what a user takes away -------------------------------------------------------------------------

build/sluice build/sluice-vmm build/libsluice.a: build/%: build/release/%
	@ln -f $< $@

build/$(SONAME): $(call objects,release,$(LIB_C)) tools/libsluice.map
	$(say) LINK $@
	$(run)$(CC) $(CFLAGS) $(RELRO) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=tools/libsluice.map \
		-Wl,--no-undefined $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS)

# The example of docs/embedding.md, built as a reader would build it.
build/release/embedding.c: docs/embedding.md
	@mkdir -p $(@D)
	@awk '/^```c$$/ { on = 1; next } /^```$$/ { if (on) exit } on' $< >$@

build/release/embedding: build/release/embedding.c build/libsluice.a sluice.h
	$(say) CC $@
	$(run)$(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -o $@ $< build/libsluice.a $(LIBS) -pthread

define pc
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$(LIBDIR)

Name: sluice
Description: The network of a microVM as a library
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -lsluice
Libs.private: $(LIBS) -lssl -lcrypto -pthread
endef
export pc

install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/include' '$(DESTDIR)$(LIBDIR)/pkgconfig' \
		'$(DESTDIR)$(PREFIX)/share/man/man1' '$(DESTDIR)$(PREFIX)/share/man/man5'
	$(if $(PROGRAM),install -m 755 $(PROGRAM:%=build/%) '$(DESTDIR)$(PREFIX)/bin/')
	install -m 644 sluice.h '$(DESTDIR)$(PREFIX)/include/'
	install -m 644 build/libsluice.a '$(DESTDIR)$(LIBDIR)/'
	install -m 755 build/$(SONAME) '$(DESTDIR)$(LIBDIR)/'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/libsluice.so'
	printf '%s\n' "$$pc" >'$(DESTDIR)$(LIBDIR)/pkgconfig/sluice.pc'
	$(if $(PROGRAM),install -m 644 $(PROGRAM:%=docs/%.1) '$(DESTDIR)$(PREFIX)/share/man/man1/')
	install -m 644 docs/sluice.yaml.5 '$(DESTDIR)$(PREFIX)/share/man/man5/'

# --- proof ------------------------------------------------------------------------------------------

# $(call tests,BUILD): all that tools/test.sh runs in it
tests = $(patsubst %.c,build/$(1)/%,$(TEST_C) $(FUZZ_C)) $(PROGRAM:%=build/$(1)/%)

# What several threads touch: the rings of the port, the virtqueues and their lock, two gateways in one process,
# policies that are left for one that runs, secrets that are changed while requests have them; every call that any thread may
# make; a thread that is confined.
THREAD_TESTS := port_thread_test virtio_thread_test two_gateways_test reload_thread_test secret_store_thread_test \
                tls_thread_test calls_thread_test confine_gateway_test

# What is about TLS, and so runs with the newer library, too; of the live tests, those that say so.
TLS36_TESTS := $(patsubst %.c,build/tls36/%,$(filter test/unit/tls_% test/fuzz/fuzz_tls_% test/fuzz/fuzz_certificate.c,$(TEST_C) $(FUZZ_C))) \
               $(if $(PROGRAM),build/tls36/sluice)

# Without network it cannot be had, and nothing but that is left out.  Where this machine's own is new already, nothing is.
test: $(call tests,asan) $(call tests,release) $(THREAD_TESTS:%=build/tsan/test/unit/%) $(EXAMPLE) all
	@builds='tsan asan release' status=0; \
	if grep -q '1\.3' build/mbedtls; then :; \
	elif tools/mbedtls36.sh $(MBED36); then $(MAKE) --no-print-directory $(TLS36_TESTS) && builds="$$builds tls36" || status=1; \
	else echo 'the tests with Mbed TLS 3.6 are left out'; [ "$$CI" != true ] || status=1; fi; \
	TEST='$(TEST)' tools/test.sh $$builds && exit $$status

test-tls36: $(TLS36_TESTS)
	@TEST='$(TEST)' tools/test.sh tls36

# The tables of docs/testing.md say what all tests reach, so some of them do not write any.  What counts exists at the
# start, and for everybody: some tests are other users.
coverage: $(call tests,cov) $(EXAMPLE) all
	@find build/cov -name '*.gcda' -delete
	@find build/cov -name '*.gcno' | sed 's/gcno$$/gcda/' | xargs sh -c 'umask 0; for f; do : >"$$f"; done' -
	-@TEST_LIMIT=$${TEST_LIMIT:-1800} TEST='$(TEST)' tools/test.sh cov
	@find build/cov -name '*.gcda' -empty -delete
	@tools/coverage.py $(if $(TEST),,-o docs/testing.md) build/cov $(LAYERS) cli vmm

check: all
	+@CC='$(CC)' FLAGS='$(LANGUAGE) $(WARNINGS)' MAKE='$(MAKE) --no-print-directory' tools/check.sh

# Two of its steps, here because what has not changed since it passed is not read again.
CHECKED_C := $(LIB_C) $(CLI_C) $(VMM_C)
.PHONY: analyzed tidied
analyzed: $(call objects,plain,$(CHECKED_C))
tidied: $(CHECKED_C:%.c=build/tidy/%.ok)

# The object knows the headers.
build/tidy/%.ok: build/plain/%.o build/tidy/flags .clang-tidy
	$(say) TIDY $@
	@mkdir -p $(@D)
	$(run)$(tidy.cc) $*.c -- $(LANGUAGE) $(WARNINGS) $(tidy.warn) && touch $@

prove: deps
	@tools/prove.sh

valgrind: $(patsubst %.c,build/release/%,$(filter test/unit/%,$(TEST_C))) $(PROGRAM:%=build/release/%)
	@TEST='$(TEST)' tools/valgrind.sh

fuzz: $(FUZZ_C:%.c=build/fuzz/%)
	@tools/fuzz.sh '$(FUZZ_TIME)' '$(FUZZ)'

sim: build/release/test/sim/seeds_test
	@$< $(if $(SEED),--trace '$(SEED)') $(if $(SEEDS),--seeds '$(SEEDS)')

sim-soak: build/release/test/sim/seeds_test
	@$< --soak

bench: all $(BENCH_C:%.c=build/release/%)
	@test/bench/bench.sh -r '$(BENCH_RUNS)' -t '$(BENCH_TIME)' $(BENCH)

demo: all
	@test/demo.sh build/sluice

demo-vmm: build/sluice-vmm
	@test/demo_vmm.sh $<

clean:
	rm -rf build
