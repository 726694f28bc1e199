#include "tests/sweep/core.h"

#include <setjmp.h>
#include <string.h>

#include "firmware-stub/boot_number.h"
#include "firmware-stub/make_key.h"
#include "firmware-stub/obey_rekey.h"
#include "firmware-stub/obey_rotate.h"
#include "protocol/counter.h"
#include "protocol/otp_cells.h"

/* ---- firmware-stub/chip.h: what is a constant of the one chip there is a variable here, for both are in this program ----
 */

uint32_t chip_otp, chip_records[COUNTER_PAGES], chip_rotate[2];
unsigned chip_record_slots;
const struct otp_cells *chip_cells;

bool chip_read(uint32_t addr, void *out, size_t len);
bool chip_program(uint32_t addr, const void *bytes, size_t len);
bool chip_erase(uint32_t addr);

static const struct part {
    uint32_t otp, records[COUNTER_PAGES], rotate[2];
    const struct otp_cells *cells;
    uint32_t keyr, sr, cr, eccr; /* 0: no ECC */
    uint32_t errors;
    unsigned width, access; /* bytes of a pulse, of a write */
} l4 = { 0x1FFF7000,
         { 0x0807F000, 0x0807F800 },
         { 0x0807E000, 0x0807E800 },
         &otp_cells_l4,
         0x40022008,
         0x40022010,
         0x40022014,
         0x40022018,
         0xC3FA,
         8,
         4 },
  f4 = { 0x1FFF7800,
         { 0x08008000, 0x0800C000 },
         { 0x08010000, 0x08020000 },
         &otp_cells_f407,
         0x40023C04,
         0x40023C0C,
         0x40023C10,
         0,
         0xF2,
         1,
         1 };
enum { FLASH_BASE = 0x08000000, PAGE = 2048, KB = 1024, RECORD_SLOTS = 128 };
static const uint32_t CR_PG = 1u << 0, CR_ERASE = 1u << 1 /* PER, SER */, CR_STRT = 1u << 16, CR_LOCK = 1u << 31,
                      ECCR_ECCD = 1u << 31;

static struct silicon *silicon;
static const struct part *part;
static jmp_buf dies;
static bool works;

void core_of(struct silicon *s, const struct chip_desc *d)
{
    silicon = s;
    part = d->controller == FLASH_STM32L4 ? &l4 : &f4;
    chip_otp = part->otp;
    memcpy(chip_records, part->records, sizeof chip_records);
    memcpy(chip_rotate, part->rotate, sizeof chip_rotate);
    chip_record_slots = RECORD_SLOTS;
    chip_cells = part->cells;
}

bool core_works(void (*work)(void *io), void *io)
{
    works = true;
    if (setjmp(dies) == 0)
        work(io);
    else
        works = false;
    const bool lived = works;
    works = false;
    return lived;
}

static void must(enum bus_status s)
{
    if (s != BUS_OK && works)
        longjmp(dies, 1);
}

static void put(uint32_t addr, unsigned size, uint32_t value)
{
    must(silicon_write(silicon, BUS_CPU_FLASH, addr, size, value));
}

static uint32_t get(uint32_t addr)
{
    uint32_t value = 0;

    must(silicon_read(silicon, BUS_CPU_FLASH, addr, 4, &value));
    return value;
}

bool chip_read(uint32_t addr, void *out, size_t len)
{
    for (size_t i = 0; i < len; i += 4) {
        const uint32_t word = get(addr + (uint32_t)i);

        memcpy((uint8_t *)out + i, &word, len - i < 4 ? len - i : 4);
    }
    if (part->eccr == 0 || (get(part->eccr) & ECCR_ECCD) == 0)
        return true;
    put(part->eccr, 4, get(part->eccr) | ECCR_ECCD);
    return false;
}

static void unlock(void)
{
    put(part->keyr, 4, 0x45670123);
    put(part->keyr, 4, 0xCDEF89AB);
    put(part->sr, 4, part->errors);
}

static bool done(void)
{
    const bool ok = (get(part->sr) & part->errors) == 0;

    put(part->sr, 4, part->errors);
    return ok;
}

static bool pulse(uint32_t addr, const uint8_t *bytes)
{
    put(part->cr, 4, CR_PG); /* PSIZE 0 */
    for (unsigned i = 0; i < part->width; i += part->access) {
        uint32_t value = 0;

        memcpy(&value, bytes + i, part->access);
        put(addr + i, part->access, value);
    }
    return done();
}

bool chip_program(uint32_t addr, const void *bytes, size_t len)
{
    bool ok = true;

    unlock();
    for (size_t i = 0; i < len; i += part->width)
        ok = pulse(addr + (uint32_t)i, (const uint8_t *)bytes + i) && ok;
    put(part->cr, 4, CR_LOCK);
    return ok;
}

bool chip_erase(uint32_t addr)
{
    const uint32_t at = addr - FLASH_BASE;
    const uint32_t number = part == &l4 ? at / PAGE : at < 64 * KB ? at / (16 * KB) : 4 + at / (128 * KB);

    unlock();
    put(part->cr, 4, CR_ERASE | number << 3);
    put(part->cr, 4, CR_ERASE | number << 3 | CR_STRT);
    const bool ok = done();
    put(part->cr, 4, CR_LOCK);
    return ok;
}

/* ---- what the firmware does ---- */

struct call {
    struct core_device *d;
    const struct crypto *crypto;
    uint8_t scheme;
    const uint8_t *bytes;
    size_t len;
    uint8_t *answer;
    enum device_code code;
};

static void work_key(void *io)
{
    struct call *k = io;

    k->code = make_key(k->crypto, k->scheme, k->bytes, k->answer);
}

enum device_code core_makes_key(const struct crypto *c, uint8_t scheme, const uint8_t *draft, uint8_t *answer)
{
    struct call k = { .crypto = c, .scheme = scheme, .bytes = draft, .answer = answer };

    return core_works(work_key, &k) ? k.code : DEVICE_OTP_WRITE;
}

static bool is_derived(const struct core_device *d)
{
    return d->scheme == &device_derived;
}

static void work_start(void *io)
{
    struct call *k = io;
    struct core_device *d = k->d;

    k->code = DEVICE_OTP_READ;
    boot_number_floor(0, 0); /* RAM is new */
    if (!chip_read(chip_otp, d->image, sizeof d->image) || otp_image_check(d->crypto, d->image, false, NULL) != OTP_OK ||
        d->scheme->init(d->crypto, d->image, 2, 1, &d->side) != SEALED_OK)
        return;
    k->code = is_derived(d) ? rekey_recall(d->crypto, &d->side) : rotate_recall(d->crypto, &d->side);
}

bool core_starts(struct core_device *d, const struct crypto *c, const struct device_scheme *scheme)
{
    struct call k = { .d = d };

    d->crypto = c;
    d->scheme = scheme;
    return core_works(work_start, &k) && k.code == DEVICE_OK;
}

static void work_boot(void *io)
{
    struct call *k = io;
    struct counter_record taken;

    k->code = boot_number_take(NULL, &taken);
    if (k->code == DEVICE_OK)
        k->d->boot = taken.boot;
}

enum device_code core_takes_boot(struct core_device *d)
{
    struct call k = { .d = d };

    return core_works(work_boot, &k) ? k.code : DEVICE_BOOT_WRITE;
}

static void work_obey(void *io)
{
    struct call *k = io;
    struct core_device *d = k->d;
    uint32_t taken = 0;

    k->code = (is_derived(d) ? rekey_obey : rotate_obey)(d->crypto, &d->side, k->bytes, k->len, &taken);
    if (k->code == DEVICE_OK)
        d->boot = taken;
}

enum device_code core_obeys(struct core_device *d, const uint8_t *frame, size_t len)
{
    struct call k = { .d = d, .bytes = frame, .len = len };

    return core_works(work_obey, &k) ? k.code : DEVICE_BOOT_WRITE;
}
