/* The board's own side: a firmware that answers the mailbox and makes frames through protocol/, and the ELF file of it. */
#include "tests/sweep/world.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/local.h"
#include "protocol/mailbox.h"
#include "protocol/otp_image.h"
#include "tests/sweep/core.h"

enum { ELF_LEN = 2048, CODE_AT = 512, CODE_LEN = 104, CODE_FILL = 0x5A, FLASH = 0x08000000, MAILBOX_AT = 0x20010000 };

bool board_write_firmware(const char *path)
{
    uint8_t f[ELF_LEN] = { 0 };
    const char strings[] = "\0fl_mailbox";
    const Elf32_Ehdr eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                            .e_type = ET_EXEC,
                            .e_machine = EM_ARM,
                            .e_version = EV_CURRENT,
                            .e_phoff = 64,
                            .e_shoff = 1024,
                            .e_ehsize = sizeof eh,
                            .e_phentsize = sizeof(Elf32_Phdr),
                            .e_phnum = 1,
                            .e_shentsize = sizeof(Elf32_Shdr),
                            .e_shnum = 3 };
    const Elf32_Phdr ph = { PT_LOAD, CODE_AT, FLASH, FLASH, CODE_LEN, CODE_LEN, PF_R | PF_X, 1 };
    const Elf32_Sym sym[2] = {
        { 0 }, { .st_name = 1, .st_value = MAILBOX_AT, .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = 1 }
    };
    const Elf32_Shdr sh[3] = {
        { 0 },
        { .sh_type = SHT_SYMTAB, .sh_offset = 1536, .sh_size = sizeof sym, .sh_link = 2, .sh_entsize = sizeof *sym },
        { .sh_type = SHT_STRTAB, .sh_offset = 1664, .sh_size = sizeof strings },
    };
    FILE *out = fopen(path, "wb");

    memcpy(f, &eh, sizeof eh);
    memcpy(f + 64, &ph, sizeof ph);
    memset(f + CODE_AT, CODE_FILL, CODE_LEN);
    memcpy(f + 1024, sh, sizeof sh);
    memcpy(f + 1536, sym, sizeof sym);
    memcpy(f + 1664, strings, sizeof strings);
    return out != NULL && fwrite(f, sizeof f, 1, out) == 1 && fclose(out) == 0;
}

struct started { /* a board that has started */
    struct crypto crypto;
    struct hpke_host *host;
    const struct device_scheme *scheme;
    struct device_side side;
    uint8_t image[OTP_IMAGE_LEN];
};

/* false: its core finds no firmware, or not all of it. */
static bool runs(struct chip *c, struct started *d)
{
    uint8_t code[CODE_LEN];

    d->scheme = world_now->board->device;
    d->host = hpke_host_open(&d->crypto);
    return d->host != NULL && silicon_peek(inproc_silicon(c), FLASH, code, sizeof code) &&
           bytes_all(code, sizeof code, CODE_FILL);
}

/* false: it does not start, for its OTP is not whole. */
static bool starts(struct chip *c, struct started *d)
{
    return silicon_peek(inproc_silicon(c), c->desc->otp.base, d->image, OTP_IMAGE_LEN) &&
           otp_image_check(&d->crypto, d->image, false, NULL) == OTP_OK &&
           d->scheme->init(&d->crypto, d->image, 2, 1, &d->side) == SEALED_OK;
}

static void answer(uint8_t *box, uint8_t cmd, enum mailbox_state state, const uint8_t *data, size_t len)
{
    (void)mailbox_put(box, cmd, data, len);
    box[MAILBOX_OFF_STATE] = (uint8_t)state;
}

static void proves(struct started *d, uint8_t *box, const struct mailbox_view *v)
{
    uint8_t frame[FRAME_MAX], digest[32];
    size_t len = 0;

    if (otp_image_digest(&d->crypto, d->image, digest) &&
        d->scheme->proof(&d->crypto, &d->side, (uint32_t)++world_now->shared->boot, v->data, digest, frame, sizeof frame,
                         &len) == SEALED_OK)
        answer(box, MAILBOX_PROOF, MAILBOX_ANSWER, frame, len);
}

/* The seed is a secret of this case: nobody but the chip may hold it. */
static void remember_seed(struct chip *c, const struct scheme *s)
{
    uint8_t *secret = world_now->shared->secret;

    world_now->shared->has_secret =
        silicon_peek(inproc_silicon(c), c->desc->otp.base + OTP_OFF_SLOT + s->secret * (uint32_t)SLOT_LEN, secret, SLOT_LEN);
}

static void makes_key(struct started *d, struct chip *c, uint8_t *box, const struct mailbox_view *v)
{
    uint8_t draft[MAILBOX_KEY_REQUEST_LEN], out[MAILBOX_KEY_ANSWER_LEN];

    memcpy(draft, v->data, sizeof draft);
    core_of(inproc_silicon(c), c->desc);
    const uint8_t code = (uint8_t)core_makes_key(&d->crypto, d->scheme->id, draft, out);
    if (code == DEVICE_OK)
        remember_seed(c, scheme_by_id(d->scheme->id));
    if (code == DEVICE_OK)
        answer(box, MAILBOX_MAKE_KEY, MAILBOX_ANSWER, out, sizeof out);
    else
        answer(box, MAILBOX_MAKE_KEY, MAILBOX_ERROR, &code, 1);
}

/* A board that is whole proves itself; one that is not takes a draft: firmware-stub/main.c. */
static void answers(struct started *d, struct chip *c, uint8_t *box)
{
    struct mailbox_view v;

    if (box == NULL || !mailbox_get(box, MAILBOX_LEN, &v) || v.state != MAILBOX_REQUEST)
        return;
    const bool whole = starts(c, d);
    if (whole && v.cmd == MAILBOX_PROOF && v.len == MAILBOX_PROOF_REQUEST_LEN)
        proves(d, box, &v);
    else if (!whole && v.cmd == MAILBOX_MAKE_KEY && v.len == MAILBOX_KEY_REQUEST_LEN)
        makes_key(d, c, box, &v);
}

void board_boots(void *io, struct chip *c)
{
    struct started d;
    const bool outside = world_now->outside;

    (void)io;
    world_now->outside = true;
    if (runs(c, &d))
        answers(&d, c, inproc_ram(c, MAILBOX_AT, MAILBOX_LEN));
    hpke_host_close(d.host);
    world_now->outside = outside;
}

bool board_sends(struct chip *c, const char *first, const char *second, struct board_frames *f)
{
    struct started d;
    struct device_session s;
    const bool made = runs(c, &d) && starts(c, &d) &&
                      d.scheme->open(&d.crypto, &d.side, (uint32_t)++world_now->shared->boot, (const uint8_t *)first,
                                     strlen(first), f->open, sizeof f->open, &f->open_len, &s) == SEALED_OK &&
                      d.scheme->data(&d.crypto, &d.side, &s, d.scheme->sid ? 1 : 2, (const uint8_t *)second, strlen(second),
                                     f->data, sizeof f->data, &f->data_len) == SEALED_OK;

    hpke_host_close(d.host);
    return made;
}
