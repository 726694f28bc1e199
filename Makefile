# fuseline: make demo · make check · make · make bench · make vectors · make install · make clean
# For Debian 12.  Missing packages are installed first (as root, or through sudo); nothing else is fetched.

# ---- packages; name=VERSION where the code relies on one upstream version ----
BUILD_PACKAGES := gcc libc6-dev git openocd=0.12. libunicorn-dev=2.0. libinih-dev libjansson-dev libelf-dev \
                  libsqlite3-dev libp11-kit-dev libssl-dev libmicrohttpd-dev libgnutls28-dev libcurl4-openssl-dev softhsm2 gcc-arm-none-eabi libnewlib-arm-none-eabi dpkg-dev xz-utils socat scdoc sqlite3
CHECK_PACKAGES := clang libclang-rt-14-dev clang-format cppcheck libcmocka-dev bats strace procps opensc libnss3 python3 openssl curl xxd

# ---- how it is built ----
prefix  := /usr/local
JOBS    := 2
MAKEFLAGS += -j$(JOBS)
Q        = @echo "  $@";           # make Q= shows the commands
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings -Wstrict-prototypes \
           -Wmissing-prototypes -Wvla -Wformat=2 -Wimplicit-fallthrough -Wundef -Werror
CFLAGS  := -std=c11 -D_GNU_SOURCE -g $(WARN) -I. -Ibuild/gen -I/usr/include/p11-kit-1 -MMD -MP
HARDEN  := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE
ASAN    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LDLIBS  := -linih -ljansson -lelf -lsqlite3 -lp11-kit -lcurl -lcrypto -lmicrohttpd -lgnutls

# ---- what it is built from ----
ROOMS   := base protocol hsm db station verifier server relay flash flash/chips flash/openocd flash/vchip cli cli/ui
SRC     := $(wildcard $(ROOMS:=/*.c))
LIB     := $(filter-out cli/main.c flash/vchip/main.c,$(SRC))
TESTS   := $(patsubst %.c,%,$(shell find tests -name '*_test.c' | sort))
# The commands under sanitizers, one file for each kind; firmware runs there for minutes, so one provisions: open.
ASAN_BATS := $(patsubst %,tests/cli/%.bats,bad_openocd boards config device frame gone init open product rekey token usage)
# Not under sanitizers: what runs firmware for minutes, and what kills processes by the hundred; their code is run by others.
ASAN_TESTS := $(filter-out tests/firmware-stub/% tests/hsm/crash_test tests/hsm/copy_test,$(TESTS))
BATS    := $(shell find tests -name '*.bats' | sort)
CHIPS   := stm32l476 stm32f407
GEN     := $(patsubst %,build/gen/%.inc,$(wildcard flash/openocd/*.tcl db/schema/*.sql))
PRODUCTS:= sealed sealed-fleet identity secret derived session session-rsa signup sealed-fleet-x25519 identity-x25519 session-x25519 signup-x25519
ELF     := $(foreach p,$(PRODUCTS),$(foreach c,$(CHIPS),build/firmware/$(p)-$(c).elf))
TEST_ELF:= $(foreach n,$(PRODUCTS:=-fast) selftest blink vectors,$(foreach c,$(CHIPS),build/firmware/$(n)-$(c).elf))

all: build/fuseline build/vchip $(ELF)

# ---- three lanes: build/ is the product, build/asan/ the same under sanitizers, build/clang/ clang's opinion: no objects,
# for all its warnings come before code is made ----
build/%.o: %.c | build/.packages $(GEN)
	@mkdir -p $(@D)
	$(Q)gcc $(CFLAGS) $(HARDEN) -c -o $@ $<
build/asan/%.o: %.c | build/.packages-check $(GEN)
	@mkdir -p $(@D)
	$(Q)gcc $(CFLAGS) $(ASAN) -c -o $@ $<
build/clang/%.o: %.c | build/.packages-check $(GEN)
	@mkdir -p $(@D)
	$(Q)clang $(CFLAGS) -O1 -MF $(@:.o=.d) -MT $@ -fsyntax-only $< && touch $@

build/gen/%.inc: % # a number per byte: C11 promises string literals of 4095 characters only
	@mkdir -p $(@D)
	$(Q)od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g' >$@

build/asan/%: LDFLAGS += $(ASAN)
build/lib.a: $(LIB:%.c=build/%.o)
build/asan/lib.a: $(LIB:%.c=build/asan/%.o)
%.a:
	@rm -f $@
	$(Q)ar rcs $@ $^
build/fuseline build/asan/fuseline: %/fuseline: %/cli/main.o %/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $^ $(LDLIBS)
build/vchip build/asan/vchip: %/vchip: %/flash/vchip/main.o %/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $^ -lunicorn -lm
$(TESTS:%=build/%) $(TESTS:%=build/asan/%): %: %.o
	$(Q)gcc $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka -lunicorn -lm
$(TESTS:%=build/%): build/lib.a
$(TESTS:%=build/asan/%): build/asan/lib.a
build/tests/protocol/vectors_test build/asan/tests/protocol/vectors_test: %/tests/protocol/vectors_test: \
                             %/tests/vectors/pack.o %/tests/vectors/walk.o
build/tests/protocol/docs_vectors_test build/asan/tests/protocol/docs_vectors_test: %/tests/protocol/docs_vectors_test: \
                             %/tests/vectors/docs/docs.o
build/tests/fakes/pkcs11/fake.so build/asan/tests/fakes/pkcs11/fake.so: tests/fakes/pkcs11/fake.c | build/.packages-check
	@mkdir -p $(@D)
	$(Q)gcc $(CFLAGS) -O2 -shared -fPIC -o $@ $<
build/tests/hsm/fake_test build/asan/tests/hsm/fake_test: %/tests/hsm/fake_test: | %/tests/fakes/pkcs11/fake.so
build/tests/hsm/pair_test build/asan/tests/hsm/pair_test: %/tests/hsm/pair_test: | %/tests/fakes/pkcs11/fake.so
comma   := ,
build/tests/station/fail_test build/asan/tests/station/fail_test: \
    LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(shell cat tests/station/fail_test.wrap))
build/tests/cli/rotate_test build/asan/tests/cli/rotate_test: \
    LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(shell cat tests/cli/rotate_test.wrap))
build/tests/relay/buffer_test build/asan/tests/relay/buffer_test: \
    LDFLAGS += $(addprefix -Wl$(comma)--wrap=,openat write fsync renameat)
$(TESTS:%=build/%.o): | build/.packages-check

# ---- the sweep: one fault at every point of every kind, then recovery, then the invariants: tests/sweep/sweep.h; and real.h:
# the same with the real binary through real OpenOCD ----
SWEEP   := build/tests/sweep/sweep
SWEEP_SRC := $(filter-out tests/sweep/real%,$(wildcard tests/sweep/*.c))
SWEEP_CORE := $(patsubst %,firmware-stub/%.c,make_key cells boot_number obey_rotate obey_rekey) # tests/sweep/core.h
REAL    := build/tests/sweep/real
build/tests/sweep/fuseline_main.o: build/cli/main.o # the real command, run in forked children
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-sym main=fuseline_main $< $@
$(SWEEP): LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(shell cat tests/sweep/hooks.wrap))
$(SWEEP): $(SWEEP_SRC:%.c=build/%.o) $(SWEEP_CORE:%.c=build/%.o) build/tests/sweep/fuseline_main.o build/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lm
$(REAL): $(patsubst %.c,build/%.o,$(wildcard tests/sweep/real*.c)) build/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)
sweep: $(SWEEP) $(REAL) all
	@$(SWEEP) --json build/sweep.json; rc=$$?; $(REAL) --json build/sweep.json && exit $$rc
SENDERS := build/tests/soak/devices build/tests/soak/senders # devices without boards: tests/soak/frames.sh
$(SENDERS): %: %.o build/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $^ $(LDLIBS)
soak-frames: all $(SENDERS) # FRAMES=N through relays to the server
	@SEED=$(or $(SEED),1) tests/soak/frames.sh $(or $(FRAMES),1000000) build/frames.json
soak-vectors: build/tests/firmware-stub/vectors_test build/firmware/vectors-all-stm32l476.elf # every copied vector on a chip
	@ALL=1 $<
soak: $(SWEEP) $(REAL) all soak-frames soak-vectors # CASES=N at random, SEED=S; before them the large counts
	@$(SWEEP) --units $(or $(UNITS),100000) --serials $(or $(SERIALS),1000000) --seed $(or $(SEED),1)
	@$(REAL) --soak $(or $(BOARDS),500) --seed $(or $(SEED),1)
	@$(SWEEP) --cases $(or $(CASES),100000) --seed $(or $(SEED),1) --json build/soak.json

# ---- bugs put in on purpose, each to be caught by the tests: tests/mutants ----
mutants: all $(SWEEP)
	@tests/mutants/run $(JOBS)

# ---- parsers under libFuzzer: build/fuzz/NAME, one for each of tests/fuzz/NAME_fuzz.c ----
FUZZ    := $(patsubst tests/fuzz/%_fuzz.c,build/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_LIB:= $(wildcard protocol/*.c) $(patsubst %,hsm/%_host.c,hpke ecdsa rsa x25519) server/body.c relay/batch.c relay/line.c \
           relay/digest.c base/hex.c
FUZZING := -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
build/fuzz/obj/%.o: %.c | build/.packages-check
	@mkdir -p $(@D)
	$(Q)clang $(CFLAGS) $(FUZZING) -c -o $@ $<
build/fuzz/obj/lib.a: $(FUZZ_LIB:%.c=build/fuzz/obj/%.o)
$(FUZZ): build/fuzz/%: build/fuzz/obj/tests/fuzz/%_fuzz.o build/fuzz/obj/lib.a
	$(Q)clang $(FUZZING) -o $@ $^ -lcrypto

# ---- firmware: build/firmware/NAME-CHIP.elf ----
# sealed, identity, ...: the firmware stub of a scheme; sealed-fast, ...: the same with a message every 10 ms; selftest, blink,
# vectors: for the tests.  A row: the product (product.c), the flash that it may fill, and what else its build says.
sealed_ROW       = sealed 24K
sealed-fleet_ROW = fleet 24K
identity_ROW     = identity 32K
secret_ROW       = secret 24K
derived_ROW      = derived 24K
session_ROW      = session 24K
session-rsa_ROW  = session_rsa 24K -DFL_FRAME_MAX=513 firmware-stub/rsa_key.S # its key is blank: the station fills it in
signup_ROW       = signup 32K
sealed-fleet-x25519_ROW = fleet_x25519 24K # suite 2
identity-x25519_ROW = identity_x25519 32K
session-x25519_ROW  = session_x25519 24K
signup-x25519_ROW   = signup_x25519 32K
BEARSSL := hash/sha2small mac/hmac aead/ccm symcipher/aes_ct symcipher/aes_ct_enc symcipher/aes_ct_ctrcbc \
           int/i31_add int/i31_sub int/i31_decmod int/i31_encode int/i31_montmul int/i31_decode int/i31_bitlen \
           int/i31_modpow2 int/i31_tmont int/i31_fmont int/i31_muladd int/i31_ninv31 int/i31_rshift int/i31_reduce \
           int/i31_iszero int/i32_div32 codec/ccopy codec/enc32be codec/dec32be codec/enc32le ec/ecdsa_i31_sign_raw \
           ec/ecdsa_i31_vrfy_raw ec/ecdsa_i31_bits ec/ec_secp256r1 rand/hmac_drbg int/i31_decred int/i31_modpow
ARM     := arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -g -ffreestanding -nostdlib -fno-tree-loop-distribute-patterns \
           -ffunction-sections -fdata-sections -Wl,--gc-sections
STUB    := $(ARM) -std=c11 -Os $(filter-out -Wpedantic,$(WARN)) -I. -isystem build/bearssl/src/inc -isystem build/bearssl/src/src
LTO     := -flto # a 13th smaller: what one file alone calls goes into it
STUB_OWN:= firmware-stub/main.c firmware-stub/identity.c firmware-stub/telemetry.c # see product.h and the build's constants
STUB_LIB:= $(filter-out firmware-stub/stm32% $(STUB_OWN),$(wildcard firmware-stub/*.c)) $(filter-out protocol/peer%,$(wildcard protocol/*.c))
STUB_DEP:= $(STUB_OWN) $(wildcard firmware-stub/*.h protocol/*.h) build/stub/lib.a build/bearssl/lib.a
TEST_ARM:= $(ARM) -std=gnu11 -Wall -Wextra -Wshadow -Werror
chip     = $(subst stm32,STM32,$(subst l,L,$(subst f,F,$(1))))

build/bearssl/lib.a: firmware-stub/bearssl.sh Makefile | build/.packages
	@firmware-stub/bearssl.sh build/bearssl
	@mkdir -p build/bearssl/obj
	$(Q)cd build/bearssl/obj && arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -Os -g -flto -ffreestanding -fno-tree-loop-distribute-patterns \
	    -ffunction-sections -fdata-sections -I../src/inc -I../src/src -c $(BEARSSL:%=../src/src/%.c)
	@arm-none-eabi-gcc-ar rcs $@ build/bearssl/obj/*.o
build/stub/%.o: %.c $(wildcard firmware-stub/*.h protocol/*.h) | build/.packages build/bearssl/lib.a
	@mkdir -p $(@D)
	$(Q)$(STUB) $(LTO) -c -o $@ $<
build/stub/firmware-stub/mem.o build/stub/firmware-stub/startup.o: LTO := # named by the compiler and by assembly only
build/stub/lib.a: $(STUB_LIB:%.c=build/stub/%.o)
	@rm -f $@
	$(Q)arm-none-eabi-gcc-ar rcs $@ $^
define STUB_RULE
build/firmware/$(1)$(2)-%.elf: firmware-stub/%.c firmware-stub/%.ld $$(STUB_DEP)
	@mkdir -p $$(@D)
	$$(Q)$$(STUB) $$(LTO) -DFL_PRODUCT=product_$(word 1,$($(1)_ROW)) $(wordlist 3,9,$($(1)_ROW)) $(3) -Wl,--defsym=FLASH_LENGTH=$(word 2,$($(1)_ROW)) \
	    -T firmware-stub/$$*.ld -o $$@ firmware-stub/$$*.c $$(STUB_OWN) build/stub/lib.a build/bearssl/lib.a -lgcc
endef
$(foreach p,$(PRODUCTS),$(eval $(call STUB_RULE,$(p)))$(eval $(call STUB_RULE,$(p),-fast,-DFL_TELEMETRY_MS=10)))
$(foreach c,$(CHIPS),build/firmware/session-rsa-$(c).elf build/firmware/session-rsa-fast-$(c).elf): firmware-stub/rsa_key.S
build/firmware/selftest-%.elf: tests/firmware/selftest.c tests/firmware/startup.c tests/firmware/board.h tests/firmware/%.ld | build/.packages
	@mkdir -p $(@D)
	$(Q)$(TEST_ARM) -mfloat-abi=hard -mfpu=fpv4-sp-d16 -O2 -D$(call chip,$*) -T tests/firmware/$*.ld -o $@ $(filter %.c,$^) -lgcc
build/firmware/blink-%.elf: tests/firmware/blink.c tests/firmware/%.ld | build/.packages
	@mkdir -p $(@D)
	$(Q)$(TEST_ARM) -mfloat-abi=hard -mfpu=fpv4-sp-d16 -Os -D$(call chip,$*) -T tests/firmware/$*.ld -o $@ $(filter %.c,$^)

# the copied vectors, as one blob that host and chip walk through with the same code
build/vectors/pack: build/tests/vectors/pack_main.o build/tests/vectors/pack.o build/lib.a
	@mkdir -p $(@D)
	$(Q)gcc $(LDFLAGS) -o $@ $^ $(LDLIBS)
build/vectors/stm32l476: build/vectors/pack $(wildcard tests/vectors/*/*.json)
	$(Q)$< --few $@ $(filter %.json,$^)
build/vectors/all-stm32l476: build/vectors/pack $(wildcard tests/vectors/*/*.json)
	$(Q)$< $@ $(filter %.json,$^)
build/vectors/stm32f407: build/vectors/pack $(wildcard tests/vectors/*/*.json) # same core, same code: without the slow ones
	$(Q)$< $@ $(filter-out %/ecdh_secp256r1_ecpoint_test.json %/ecdsa_secp256r1_sha256_p1363_test.json %/rsa_oaep_4096_sha256_mgf1sha256_test.json %/x25519_test.json,$(filter %.json,$^))
define VECTORS_RULE
build/firmware/vectors-$(1)%.elf: tests/firmware/vectors.c tests/firmware/startup.c tests/vectors/walk.c tests/firmware/%.ld \
                              build/vectors/$(1)% $$(STUB_DEP)
	@mkdir -p $$(@D)
	$$(Q)$$(TEST_ARM) -Os -I. -isystem build/bearssl/src/inc -isystem build/bearssl/src/src -D$$(call chip,$$*) '-DVECTORS_BLOB="build/vectors/$(1)$$*"' -T tests/firmware/$$*.ld \
	    -o $$@ $$(filter tests/%.c,$$^) firmware-stub/crypto_bearssl.c firmware-stub/ecdsa_bearssl.c firmware-stub/p256_bearssl.c firmware-stub/p256_m31.c firmware-stub/x25519_bearssl.c firmware-stub/rsa_bearssl.c firmware-stub/mem.c $$(wildcard protocol/*.c) \
	    build/bearssl/lib.a -lgcc
endef
$(eval $(call VECTORS_RULE,all-))$(eval $(call VECTORS_RULE,))

# the protocol's own vectors: docs/vectors/*.json, with every step on the way (tests/vectors/docs/docs.h)
DOCS_VECTORS := $(patsubst %.c,%.o,$(wildcard tests/vectors/docs/make*.c tests/vectors/docs/docs.c))
build/vectors/make: $(DOCS_VECTORS:%=build/%) build/lib.a
	@mkdir -p $(@D)
	$(Q)gcc $(LDFLAGS) -o $@ $^ $(LDLIBS)
vectors: build/vectors/make
	@mkdir -p docs/vectors
	@$< docs/vectors

# ---- the jobs ----
check: all $(TEST_ELF) build/vectors/make build/asan/fuseline build/asan/vchip $(TESTS:%=build/%) $(ASAN_TESTS:%=build/asan/%) \
       $(SRC:%.c=build/clang/%.o) $(TESTS:%=build/clang/%.o) $(SWEEP_SRC:%.c=build/clang/%.o) $(FUZZ) $(SWEEP) $(REAL) $(SENDERS) $(SENDERS:build/%=build/clang/%.o)
	@tests/run $(JOBS) $(TESTS:%=build/%) $(BATS:%=build@%) $(ASAN_TESTS:%=build/asan/%) $(ASAN_BATS:%=build/asan@%)

fuzz: $(FUZZ) # SECONDS=N for each; finds are left in build/fuzz/
	@cd build/fuzz && for f in $(notdir $(FUZZ)); do ./$$f -max_total_time=$(or $(SECONDS),20) -max_len=1200 -verbosity=0 || exit 1; done

demo: all # SCHEME=all: a board of each scheme
	@$(if $(SCHEME),tests/e2e/schemes_demo.sh $(SCHEME),tests/e2e/demo.sh $(BOARDS))

BENCH   := build/tests/bench/keys build/tests/bench/frames
$(BENCH): %: %.o build/tests/bench/raw.o build/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $^ $(LDLIBS)
bench: all $(BENCH) $(SENDERS) $(CHIPS:%=build/firmware/sealed-fast-%.elf) | build/.packages-check
	@tests/bench/run build/bench.json $(CHIPS)

STACK   := build/tests/bench/stack
$(STACK): %: %.o build/lib.a
	$(Q)gcc $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka -lunicorn -lm
size: $(STACK) $(ELF) $(filter %-fast-stm32l476.elf %-fast-stm32f407.elf,$(TEST_ELF)) # flash, RAM and stack of each scheme; 1: over budget
	@tests/bench/size.sh build/size.json $(CHIPS)

build/fuseline.1: docs/man/page build/fuseline docs/man/fuseline.1.scd # the page, and the codes as the program has them
	$(Q)$^ >$@.scd && scdoc <$@.scd >$@

install: all build/fuseline.1
	install -D -m 755 build/fuseline $(DESTDIR)$(prefix)/bin/fuseline
	install -D -m 755 build/vchip $(DESTDIR)$(prefix)/bin/vchip
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/fuseline/firmware $(ELF)
	install -D -m 644 build/fuseline.1 $(DESTDIR)$(prefix)/share/man/man1/fuseline.1

clean:
	rm -rf build

# ---- packages: asked once per change of the lists above ----
build/.packages: Makefile tests/packages
	@tests/packages $(BUILD_PACKAGES)
	@mkdir -p $(@D) && touch $@
build/.packages-check: Makefile tests/packages | build/.packages
	@tests/packages $(CHECK_PACKAGES)
	@mkdir -p $(@D) && touch $@

.PHONY: all check sweep soak soak-frames soak-vectors mutants vectors demo bench size fuzz install clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
