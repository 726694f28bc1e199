# fuseline: make demo · make check · make · make bench · make install · make clean
# For Debian 12.  Missing packages are installed first (as root, or through sudo); nothing else is fetched.

# ---- packages; name=VERSION where the code relies on one upstream version ----
BUILD_PACKAGES := gcc libc6-dev git openocd=0.12. libunicorn-dev=2.0. libinih-dev libjansson-dev libelf-dev \
                  libsqlite3-dev libp11-kit-dev libssl-dev softhsm2 gcc-arm-none-eabi libnewlib-arm-none-eabi
CHECK_PACKAGES := clang libclang-rt-14-dev clang-format cppcheck libcmocka-dev bats strace socat procps scdoc opensc libnss3 sqlite3

# ---- how it is built ----
prefix  := /usr/local
JOBS    := 2
Q        = @echo "  $@";           # make Q= shows the commands
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings -Wstrict-prototypes \
           -Wmissing-prototypes -Wvla -Wformat=2 -Wimplicit-fallthrough -Wundef -Werror
CFLAGS  := -std=c11 -D_GNU_SOURCE -g $(WARN) -I. -Ibuild/gen -I/usr/include/p11-kit-1 -MMD -MP
HARDEN  := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE
ASAN    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LDLIBS  := -linih -ljansson -lelf -lsqlite3 -lp11-kit -lcrypto

# ---- what it is built from ----
ROOMS   := base protocol hsm db station verifier flash flash/chips flash/openocd flash/vchip cli cli/ui
SRC     := $(wildcard $(ROOMS:=/*.c))
LIB     := $(filter-out cli/main.c flash/vchip/main.c,$(SRC))
TESTS   := $(patsubst %.c,%,$(shell find tests -name '*_test.c' | sort))
ASAN_BATS := $(wildcard tests/cli/[bcgu]*.bats)
BATS    := $(shell find tests -name '*.bats' | sort)
CHIPS   := stm32l476 stm32f407
GEN     := $(patsubst %,build/gen/%.inc,$(wildcard flash/openocd/*.tcl db/schema/*.sql))
upper    = $(subst stm32,STM32,$(subst l,L,$(subst f,F,$(1))))
ELF     := $(foreach c,$(CHIPS),build/firmware/selftest-$(c).elf build/firmware/blink-$(c).elf)

all: build/fuseline build/vchip $(ELF)

# ---- three lanes: build/ is the product, build/asan/ the same under sanitizers, build/clang/ clang's opinion ----
build/%.o: %.c | build/.packages $(GEN)
	@mkdir -p $(@D)
	$(Q)gcc $(CFLAGS) $(HARDEN) -c -o $@ $<
build/asan/%.o: %.c | build/.packages-check $(GEN)
	@mkdir -p $(@D)
	$(Q)gcc $(CFLAGS) $(ASAN) -c -o $@ $<
build/clang/%.o: %.c | build/.packages-check $(GEN)
	@mkdir -p $(@D)
	$(Q)clang $(CFLAGS) -O1 -c -o $@ $<

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
build/tests/fakes/pkcs11/fake.so build/asan/tests/fakes/pkcs11/fake.so: tests/fakes/pkcs11/fake.c | build/.packages-check
	@mkdir -p $(@D)
	$(Q)gcc $(CFLAGS) -O2 -shared -fPIC -o $@ $<
build/tests/hsm/fake_test build/asan/tests/hsm/fake_test: %/tests/hsm/fake_test: | %/tests/fakes/pkcs11/fake.so
comma   := ,
build/tests/station/fail_test build/asan/tests/station/fail_test: \
    LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(shell cat tests/station/fail_test.wrap))
$(TESTS:%=build/%.o): | build/.packages-check

# ---- parsers under libFuzzer: build/fuzz/NAME, one for each of tests/fuzz/NAME_fuzz.c ----
FUZZ    := $(patsubst tests/fuzz/%_fuzz.c,build/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
build/fuzz/%: tests/fuzz/%_fuzz.c $(wildcard protocol/*.[ch]) hsm/hpke_host.c | build/.packages-check
	@mkdir -p $(@D)
	$(Q)clang $(filter-out -M%,$(CFLAGS)) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^) -lcrypto

# ---- firmware for the simulated boards: build/firmware/NAME-CHIP.elf ----
ARMFLAGS := -std=gnu11 -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -O2 -g -ffreestanding -nostdlib \
            -fno-tree-loop-distribute-patterns -Wall -Wextra -Wshadow -Werror
build/firmware/selftest-%.elf: tests/firmware/selftest.c tests/firmware/startup.c tests/firmware/board.h tests/firmware/%.ld | build/.packages
	@mkdir -p $(@D)
	$(Q)arm-none-eabi-gcc $(ARMFLAGS) -D$(call upper,$*) -T tests/firmware/$*.ld -o $@ $(filter %.c,$^) -lgcc
build/firmware/blink-%.elf: tests/firmware/blink.c tests/firmware/%.ld | build/.packages
	@mkdir -p $(@D)
	$(Q)arm-none-eabi-gcc $(ARMFLAGS) -Os -D$(call upper,$*) -T tests/firmware/$*.ld -o $@ $(filter %.c,$^)

# ---- the jobs ----
check: all build/asan/fuseline build/asan/vchip $(TESTS:%=build/%) $(TESTS:%=build/asan/%) \
       $(SRC:%.c=build/clang/%.o) $(TESTS:%=build/clang/%.o) $(FUZZ)
	@tests/run $(JOBS) $(TESTS:%=build/%) $(BATS:%=build@%) $(TESTS:%=build/asan/%) $(ASAN_BATS:%=build/asan@%)

fuzz: $(FUZZ) # SECONDS=N for each; finds are left in build/fuzz/
	@cd build/fuzz && for f in $(notdir $(FUZZ)); do ./$$f -max_total_time=$(or $(SECONDS),20) -max_len=1200 -verbosity=0 || exit 1; done

demo: all
	@tests/e2e/demo.sh

bench: all
	@for chip in $(CHIPS); do tests/bench/otp_burn.sh $$chip; done

install: all
	install -D -m 755 build/fuseline $(DESTDIR)$(prefix)/bin/fuseline
	install -D -m 755 build/vchip $(DESTDIR)$(prefix)/bin/vchip

clean:
	rm -rf build

# ---- packages: asked once per change of the lists above ----
build/.packages: Makefile tests/packages
	@tests/packages $(BUILD_PACKAGES)
	@mkdir -p $(@D) && touch $@
build/.packages-check: Makefile tests/packages | build/.packages
	@tests/packages $(CHECK_PACKAGES)
	@mkdir -p $(@D) && touch $@

.PHONY: all check demo bench fuzz install clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
