/* tests/station/line.h - a whole line in one process: SoftHSM2, SQLite, an in-process chip, and in it a firmware that
 * answers the mailbox and sends frames through protocol/.  One token for all tests of a program; registry and chip are each
 * test's own. */
#ifndef TESTS_STATION_LINE_H
#define TESTS_STATION_LINE_H

#include "tests/hsm/workspace.h"

#include <elf.h>

#include "flash/elf.h"
#include "flash/fault.h"
#include "flash/inproc.h"
#include "flash/otp.h"
#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/local.h"
#include "protocol/mailbox.h"
#include "protocol/device.h"
#include "protocol/session_rsa.h"
#include "station/fault.h"
#include "station/station.h"
#include "verifier/verifier.h"

enum firmware_mood {
    FW_GOOD,
    FW_SILENT,
    FW_SAYS_ERROR,
    FW_OTHER_CHALLENGE,
    FW_GARBAGE,
    FW_SENDS_OPEN,
    FW_NO_MAGIC,
    FW_OLD_NOTE
};

struct line {
    struct hsm *h;
    struct crypto crypto;
    struct hpke_host *host;
    struct registry *registry;
    struct verifier *verifier;
    char db[300];
    struct product product;
    const struct device_scheme *device; /* what its firmware speaks */
    struct chip *chip;
    struct fw_image *fw;
    struct station station;
    enum firmware_mood mood;
    uint8_t challenge[32]; /* the last that was asked */
    uint32_t boot;         /* last boot number of the board; its flash outlives power cuts */
    unsigned runs;
    struct provision_result r;
    /* Schemes 3 and 8: the firmware is asked to make its key; before its image is complete. */
    void (*make_key)(struct chip *c, uint8_t *box, const struct mailbox_view *v);
};

static struct line line;

/* ---- firmware ---- */

enum {
    ELF_LEN = 3072,
    ELF_CODE_AT = 512,
    ELF_CODE_LEN = 104,
    ELF_SECTIONS_AT = 2048,
    ELF_SYMBOLS_AT = 2560,
    ELF_STRINGS_AT = 2688,
    MAILBOX_AT = 0x20010000,
    RSA_KEY_AT = 0x08000000 + ELF_CODE_LEN
};

/* rsa: what lies in the place for an RSA key; NULL: there is none. */
static inline void write_elf(const char *path, uint32_t mailbox, uint8_t fill, const char *symbol, const uint8_t *rsa)
{
    uint8_t f[ELF_LEN] = { 0 };
    const uint32_t len = ELF_CODE_LEN + (rsa != NULL ? SESSION_RSA_KEY_LEN : 0);
    const char strings[] = "\0fl_mailbox\0other_name\0fl_rsa_key";
    const Elf32_Ehdr eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                            .e_type = ET_EXEC,
                            .e_machine = EM_ARM,
                            .e_version = EV_CURRENT,
                            .e_phoff = 64,
                            .e_shoff = ELF_SECTIONS_AT,
                            .e_ehsize = sizeof eh,
                            .e_phentsize = sizeof(Elf32_Phdr),
                            .e_phnum = 1,
                            .e_shentsize = sizeof(Elf32_Shdr),
                            .e_shnum = 3 };
    const Elf32_Phdr ph = { PT_LOAD, ELF_CODE_AT, 0x08000000, 0x08000000, len, len, PF_R | PF_X, 1 };
    const Elf32_Sym sym[3] = { { 0 },
                               { .st_name = strcmp(symbol, "fl_mailbox") == 0 ? 1 : 12,
                                 .st_value = mailbox,
                                 .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                 .st_shndx = 1 },
                               { .st_name = 23,
                                 .st_value = RSA_KEY_AT,
                                 .st_size = SESSION_RSA_KEY_LEN,
                                 .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                 .st_shndx = rsa != NULL ? 1 : SHN_UNDEF } };
    const Elf32_Shdr sh[3] = {
        { 0 },
        { .sh_type = SHT_SYMTAB,
          .sh_offset = ELF_SYMBOLS_AT,
          .sh_size = sizeof sym,
          .sh_link = 2,
          .sh_entsize = sizeof *sym,
          .sh_addralign = 4 },
        { .sh_type = SHT_STRTAB, .sh_offset = ELF_STRINGS_AT, .sh_size = sizeof strings, .sh_addralign = 1 }
    };
    FILE *out = fopen(path, "wb");

    memcpy(f, &eh, sizeof eh);
    memcpy(f + 64, &ph, sizeof ph);
    memset(f + ELF_CODE_AT, fill, ELF_CODE_LEN);
    if (rsa != NULL)
        memcpy(f + ELF_CODE_AT + ELF_CODE_LEN, rsa, SESSION_RSA_KEY_LEN);
    memcpy(f + ELF_SECTIONS_AT, sh, sizeof sh);
    memcpy(f + ELF_SYMBOLS_AT, sym, sizeof sym);
    memcpy(f + ELF_STRINGS_AT, strings, sizeof strings);
    assert_non_null(out);
    assert_int_equal(fwrite(f, sizeof f, 1, out), 1);
    assert_int_equal(fclose(out), 0);
}

static inline struct fw_image *firmware_with(uint32_t mailbox, uint8_t fill, const char *symbol, const uint8_t *rsa)
{
    struct fw_image *fw = NULL;
    char path[300];

    (void)snprintf(path, sizeof path, "%s/firmware.elf", ws);
    write_elf(path, mailbox, fill, symbol, rsa);
    assert_ok(fw_image_open(&fw, path, chip_desc_find(line.product.chip), &e));
    return fw;
}

/* As the build makes it: of the RSA form its key is blank. */
static inline struct fw_image *firmware(uint32_t mailbox, uint8_t fill, const char *symbol)
{
    uint8_t blank[SESSION_RSA_KEY_LEN];

    memset(blank, 0xFF, sizeof blank);
    return firmware_with(mailbox, fill, symbol, line.product.suite == SUITE_RSA ? blank : NULL);
}

static inline void otp_of(struct chip *c, uint8_t image[OTP_IMAGE_LEN])
{
    assert_true(silicon_peek(inproc_silicon(c), c->desc->otp.base, image, OTP_IMAGE_LEN));
}

static inline bool flash_is_right(struct chip *c)
{
    const struct fw_segment *seg;
    uint8_t flash[1024];

    fw_image_segments(line.fw, &seg);
    assert_true(seg->len <= sizeof flash);
    return silicon_peek(inproc_silicon(c), seg->addr, flash, seg->len) && memcmp(flash, seg->data, seg->len) == 0;
}

/* The board's view of itself; false: it does not start. */
static inline bool board_starts(struct chip *c, uint8_t image[OTP_IMAGE_LEN], struct device_side *d)
{
    static uint8_t rsa[SESSION_RSA_KEY_LEN];

    otp_of(c, image);
    if (line.product.suite == SUITE_RSA) /* in the place that the station fills */
        assert_true(silicon_peek(inproc_silicon(c), RSA_KEY_AT, rsa, sizeof rsa));
    d->rsa = rsa;
    return flash_is_right(c) && otp_image_check(&line.crypto, image, false, NULL) == OTP_OK &&
           line.device->init(&line.crypto, image, 2, 1, d) == SEALED_OK;
}

static inline void answer(uint8_t *box, enum mailbox_state state, const uint8_t *data, size_t len)
{
    (void)mailbox_put(box, MAILBOX_PROOF, data, len);
    box[MAILBOX_OFF_STATE] = (uint8_t)state;
}

/* Stands for firmware-stub: one look at the mailbox after each reset. */
static inline void firmware_runs(void *io, struct chip *c)
{
    uint8_t *box = inproc_ram(c, MAILBOX_AT, MAILBOX_LEN);
    uint8_t image[OTP_IMAGE_LEN], frame[FRAME_MAX], challenge[32], digest[32];
    struct mailbox_view v;
    struct device_side d;
    struct device_session s;
    size_t len = 0;

    (void)io;
    line.runs++;
    if (line.make_key != NULL && flash_is_right(c) && mailbox_get(box, MAILBOX_LEN, &v) && v.state == MAILBOX_REQUEST &&
        v.cmd == MAILBOX_MAKE_KEY) {
        line.make_key(c, box, &v);
        return;
    }
    if (!board_starts(c, image, &d) || line.mood == FW_SILENT || !mailbox_get(box, MAILBOX_LEN, &v) ||
        v.state != MAILBOX_REQUEST || v.cmd != MAILBOX_PROOF || v.len != sizeof challenge)
        return;
    memcpy(challenge, v.data, sizeof challenge);
    memcpy(line.challenge, challenge, sizeof challenge);
    challenge[0] ^= line.mood == FW_OTHER_CHALLENGE;
    assert_true(otp_image_digest(&line.crypto, image, digest));
    if (line.mood == FW_SENDS_OPEN)
        assert_int_equal(line.device->open(&line.crypto, &d, ++line.boot, NULL, 0, frame, sizeof frame, &len, &s),
                         SEALED_OK);
    else
        assert_int_equal(line.device->proof(&line.crypto, &d, ++line.boot, challenge, digest, frame, sizeof frame, &len),
                         SEALED_OK);
    if (line.mood == FW_OLD_NOTE) { /* told once, and then gone */
        line.mood = FW_GOOD;
        answer(box, MAILBOX_ERROR, (const uint8_t[]){ DEVICE_FAULT, 'p', 'c' }, 3);
    } else if (line.mood == FW_SAYS_ERROR)
        answer(box, MAILBOX_ERROR, (const uint8_t[]){ DEVICE_RANDOM, 'r', 'n', 'g' }, 4);
    else if (line.mood == FW_GARBAGE)
        answer(box, MAILBOX_ANSWER, (const uint8_t *)"\x20junk", 5);
    else
        answer(box, MAILBOX_ANSWER, frame, len);
}

/* ---- a message of the board, as it would come over its USART ---- */

struct message {
    uint8_t open[FRAME_MAX], data[FRAME_MAX];
    size_t open_len, data_len;
    struct device_session session;
    struct device_side device;
    uint8_t image[OTP_IMAGE_LEN];
};

static inline void board_sends(struct chip *c, const char *first, const char *second, struct message *m)
{
    assert_true(board_starts(c, m->image, &m->device));
    assert_int_equal(line.device->open(&line.crypto, &m->device, ++line.boot, (const uint8_t *)first, strlen(first), m->open,
                                       sizeof m->open, &m->open_len, &m->session),
                     SEALED_OK);
    assert_int_equal(line.device->data(&line.crypto, &m->device, &m->session, 1, (const uint8_t *)second, strlen(second),
                                       m->data, sizeof m->data, &m->data_len),
                     SEALED_OK);
}

/* ---- the line ---- */

static inline uint64_t test_day(void *io)
{
    (void)io;
    return 1795248000123; /* 2026-11-21 */
}

static inline void ensure(enum hsm_key_kind kind, const char *label)
{
    struct hsm_key *k = NULL;

    assert_ok(hsm_key_ensure(line.h, kind, label, &k, NULL, &e));
    hsm_key_free(k);
}

static inline int line_group_up(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    line.h = open_line();
    ensure(HSM_KEK, "kek");
    ensure(HSM_KEK_SECRET, "kek-secret");
    line.host = hpke_host_open(&line.crypto);
    assert_non_null(line.host);
    return 0;
}

static inline int line_group_down(void **state)
{
    hpke_host_close(line.host);
    hsm_close(line.h);
    return remove_workspace(state);
}

static inline void open_registry(enum registry_mode mode)
{
    assert_ok(registry_open(&line.registry, line.db, mode, &e));
    registry_clock(line.registry, test_day, NULL);
    line.station.registry = line.registry;
}

static inline void open_verifier(void)
{
    assert_ok(verifier_open(&line.verifier, line.registry, line.h, &line.crypto, &e));
    line.station.prove_io = line.verifier;
}

static inline void new_board(void)
{
    chip_close(line.chip);
    assert_ok(inproc_open(&line.chip, chip_desc_find(line.product.chip), NULL, &e));
    silicon_busy_scale(inproc_silicon(line.chip), 0);
    inproc_on_run(line.chip, firmware_runs, NULL);
    line.station.chip = line.chip;
}

/* Blank flash and OTP, but the same UID: what a thief or a soldering iron makes. */
static inline void same_uid_blank_board(void)
{
    uint8_t uid[CHIP_UID_LEN];

    memcpy(uid, silicon_uid(inproc_silicon(line.chip)), sizeof uid);
    silicon_new_part(inproc_silicon(line.chip), uid);
    inproc_power(line.chip, false);
    inproc_power(line.chip, true);
}

/* A registry, the product in it, a firmware that speaks its scheme, and a blank board. */
static inline void line_start(const struct product *product, const struct device_scheme *device)
{
    static unsigned n;
    struct hsm *h = line.h;
    struct crypto crypto = line.crypto;
    struct hpke_host *host = line.host;

    line = (struct line){ .h = h, .crypto = crypto, .host = host, .product = *product, .device = device };
    (void)snprintf(line.db, sizeof line.db, "%s/registry-%u.db", ws, ++n);
    line.station = (struct station){ .id = 3,
                                     .line = h,
                                     .product = &line.product,
                                     .crypto = &line.crypto,
                                     .prove = verifier_prove,
                                     .now_ms = test_day,
                                     .answer_ms = 40 };
    open_registry(REGISTRY_CREATE);
    assert_ok(registry_product_add(line.registry, &line.product, &e));
    open_verifier();
    line.fw = firmware(MAILBOX_AT, 0x5A, "fl_mailbox");
    line.station.firmware = line.fw;
    new_board();
}

static inline void line_up(const char *chip, bool psk, uint8_t lock)
{
    struct product p = { .scheme = 1, .suite = 1, .model = 7, .sid_len = 2, .ctr_len = 1, .lock = lock };

    p.policy = (uint16_t)(POLICY_NVM_REQUIRED | POLICY_TAG16 | (psk ? POLICY_PSK : 0));
    (void)snprintf(p.name, sizeof p.name, "TEST-meter");
    (void)snprintf(p.chip, sizeof p.chip, "%s", chip);
    line_start(&p, &device_sealed);
}

static inline void line_close(void)
{
    chip_close(line.chip);
    fw_image_close(line.fw);
    verifier_close(line.verifier);
    registry_close(line.registry);
    line.chip = NULL;
}

static inline int line_down(void **state)
{
    (void)state;
    line_close();
    return 0;
}

static inline int up_l4(void **state)
{
    (void)state;
    line_up("stm32l476", false, 0);
    return 0;
}
static inline int up_f4(void **state)
{
    (void)state;
    line_up("stm32f407", false, 0);
    return 0;
}
static inline int up_l4_psk(void **state)
{
    (void)state;
    line_up("stm32l476", true, 1);
    return 0;
}
static inline int up_f4_psk(void **state)
{
    (void)state;
    line_up("stm32f407", true, 1);
    return 0;
}

#define ON_L4(test)                                        \
    {                                                      \
#test " [stm32l476]", test, up_l4, line_down, NULL \
    }
#define ON_F4(test)                                        \
    {                                                      \
#test " [stm32f407]", test, up_f4, line_down, NULL \
    }
#define ON_BOTH(test) ON_L4(test), ON_F4(test)
/* Both chips, with and without a secret; with it, locked at level 1. */
#define ON_ALL(test)                                                               \
    ON_BOTH(test), { #test " [stm32l476 psk]", test, up_l4_psk, line_down, NULL }, \
    {                                                                              \
#test " [stm32f407 psk]", test, up_f4_psk, line_down, NULL                 \
    }

static inline enum err_code provision(bool burn)
{
    return station_provision(&line.station, burn, &line.r, &e);
}

static inline void power_cycle(void)
{
    inproc_power(line.chip, false);
    inproc_power(line.chip, true);
}

static inline uint64_t pulses(void)
{
    struct silicon_stats s;

    silicon_stats_get(inproc_silicon(line.chip), &s);
    return s.otp_pulses + s.otp_refused + s.flash_pulses + s.erases;
}

static inline void expect_pass(void)
{
    struct device d;

    if (provision(true) != ERR_OK)
        fail_msg("%s: %s %s", e.fault->name, e.op, e.subject);
    assert_int_equal(line.r.verdict, VERDICT_PASS);
    assert_true(line.r.has_device);
    assert_int_equal(line.r.state, DEV_DONE);
    assert_ok(registry_device(line.registry, line.r.serial, &d, &e));
    assert_int_equal(d.state, DEV_DONE);
}

static inline void expect_fault(bool burn, const struct fault *f, enum verdict verdict)
{
    enum err_code rc = provision(burn);

    if (rc == ERR_OK || e.fault != f)
        fail_msg("%s, not %s: %s", rc == ERR_OK ? "OK" : e.fault->name, f->name, rc == ERR_OK ? "" : e.subject);
    assert_int_equal(rc, f->code);
    assert_int_equal(line.r.verdict, verdict);
    assert_string_equal(line.r.code, f->name);
}

/* The journal's row of the board that was last in work. */
static inline struct device row(void)
{
    struct device d;

    assert_ok(registry_device(line.registry, line.r.serial, &d, &e));
    return d;
}

static inline enum err_code count_kind(void *io, const struct event_row *ev, struct err *err)
{
    const char *const *kind = io;

    (void)err;
    return strstr(ev->canonical, kind[0]) != NULL ? ERR_NO : ERR_OK;
}

static inline bool happened(const char *kind)
{
    return registry_events(line.registry, 0, count_kind, &kind, &e) == ERR_NO;
}

#endif
