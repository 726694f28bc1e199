#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/cmd.h"
#include "cli/fault.h"
#include "cli/frames.h"
#include "cli/options.h"
#include "cli/ui/report.h"
#include "protocol/cose.h"
#include "protocol/crypto.h"
#include "protocol/scheme.h"

enum { DIAGNOSTIC_MAX = 2 * FRAME_MAX + 256 };

static const char *const kinds[] = {
    [FRAME_OPEN] = "OPEN", [FRAME_DATA] = "DATA", [FRAME_DOWN] = "DOWN", [FRAME_ROTATE] = "ROTATE", [FRAME_REKEY] = "REKEY",
};

/* A ROTATE: the signature is the last item, and begins behind the payload. */
static void diagnose_rotate(const struct frame *f, uint8_t suite, char out[static DIAGNOSTIC_MAX])
{
    uint8_t payload[COSE_ROTATE_MAX], cose[COSE_SIGN1_MAX];
    char payload_hex[2 * COSE_ROTATE_MAX + 1], sig[2 * FRAME_SIG_LEN + 1];
    size_t len = cose_expand(f, suite, cose, sizeof cose);

    hex_encode(payload, cose_rotate_payload(suite, *f->epoch, f->x, payload), payload_hex);
    hex_encode(cose + len - FRAME_SIG_LEN, FRAME_SIG_LEN, sig);
    (void)snprintf(out, DIAGNOSTIC_MAX, "[h'a10128', {}, h'%s', h'%s']", payload_hex, sig);
}

/* RFC 8949 s.8: diagnostic notation.  The protected header is {1: 10} or {1: 30}, as bytes. */
static void diagnose(const struct frame *f, char out[static DIAGNOSTIC_MAX])
{
    char kid[2 * (FRAME_SID_LEN + FRAME_BOOT_LEN) + 1], ctr[9] = "", x[2 * FRAME_X_LEN + 1] = "", ct[2 * FRAME_MAX + 1];

    hex_encode(f->kid != NULL ? f->kid : f->epoch, f->form->kid_len + f->form->epoch_len, kid);
    hex_encode(f->boot, f->form->boot_len, kid + strlen(kid));
    hex_encode(f->ctr, f->form->ctr_len, ctr);
    hex_encode(f->x, f->form->x_len, x);
    hex_encode(f->ct, f->data_len + f->form->tag_len, ct);
    (void)snprintf(out, DIAGNOSTIC_MAX, "[h'%s', {4: h'%s'%s%s%s%s%s%s}, h'%s']",
                   f->form->tag_len == CCM_TAG_SHORT ? "a1010a" : "a101181e", kid, ctr[0] != '\0' ? ", 6: h'" : "", ctr,
                   ctr[0] != '\0' ? "'" : "", x[0] != '\0' ? ", -4: h'" : "", x, x[0] != '\0' ? "'" : "", ct);
}

static enum err_code show(const struct app *app, const struct frame *f, uint8_t suite, struct err *e)
{
    uint8_t cose[COSE_EXPANDED_MAX];
    char hex[2 * COSE_EXPANDED_MAX + 1], diagnostic[DIAGNOSTIC_MAX], aad[2 * FRAME_MAX + 1];

    hex_encode(cose, cose_expand(f, suite, cose, sizeof cose), hex);
    hex_encode(f->bytes, f->head_len, aad);
    if (f->form->kind == FRAME_ROTATE)
        diagnose_rotate(f, suite, diagnostic);
    else
        diagnose(f, diagnostic);
    if (app->json)
        return report_object(json_pack("{s:s, s:s, s:s, s:s, s:i}", "frame", kinds[f->form->kind], "cose", hex, "diagnostic",
                                       diagnostic, "external_aad", aad, "data_bytes", (int)f->data_len),
                             e);
    printf("%s, %zu bytes of data\nexternal_aad  h'%s'\ndiagnostic    %s\n%s %s\n", kinds[f->form->kind], f->data_len, aad,
           diagnostic, f->form->kind == FRAME_ROTATE ? "COSE_Sign1   " : "COSE_Encrypt0", hex);
    return ERR_OK;
}

static enum err_code expand(const struct app *app, const uint8_t *bytes, size_t len, const char *bad, const char *where,
                            struct err *e)
{
    struct frame f;
    unsigned long suite = SUITE_P256_CCM;
    enum err_code rc;
    enum frame_result r = bad == NULL ? frame_parse(bytes, len, &f) : FRAME_OK;

    if (bad == NULL && r == FRAME_OK && !cose_has_form(f.form))
        bad = "no-cose-form";
    if (bad != NULL || r != FRAME_OK)
        return err_set(e, &cli_fault[CLI_NOT_A_FRAME], "parse", NULL, 0, "%s: %s", where,
                       bad != NULL ? bad : frame_result_name(r));
    if (app->opt[OPT_SUITE] != NULL && (rc = options_number(app, OPT_SUITE, SUITE_X25519_CCM, &suite, e)) != ERR_OK)
        return rc;
    return show(app, &f, (uint8_t)suite, e);
}

static enum err_code expand_each(const struct app *app, struct err *e)
{
    struct frames in;
    struct raw_frame raw;
    bool more = true;
    enum err_code rc = frames_open_file(&in, "-", FRAMES_AUTO, e);

    for (unsigned long n = 1; rc == ERR_OK && (rc = frames_next(&in, &raw, &more, e)) == ERR_OK && more; n++) {
        char where[48];

        (void)snprintf(where, sizeof where, "stdin, frame %lu", n);
        rc = expand(app, raw.bytes, raw.len, raw.bad, where, e);
    }
    return rc;
}

static enum err_code run(struct app *app, struct err *e)
{
    const char *text = app->opt[OPT_OPERAND];
    uint8_t bytes[FRAME_MAX + 1];

    if (text == NULL || strcmp(text, "-") == 0)
        return expand_each(app, e);
    long len = hex_decode(text, bytes, sizeof bytes);
    if (len < 0)
        return expand(app, NULL, 0, strlen(text) > 2 * sizeof bytes ? "frame-long" : "not-hex", "HEX", e);
    return expand(app, bytes, (size_t)len, NULL, "HEX", e);
}

static const struct cmd_opt options[] = {
    { "HEX", NULL, OPT_OPERAND, 0, false, "the frame; - or nothing: from standard input, one a line", false },
    { "suite", "N", OPT_SUITE, 0, false, "of a ROTATE, whose key it shows: 1 is P-256 (default), 2 is X25519", false },
    { 0 },
};

extern const struct cmd cmd_frame_expand;
const struct cmd cmd_frame_expand = {
    "frame expand",
    "[HEX] [--suite N]",
    "print a frame as the COSE_Encrypt0 that it stands for",
    "Needs no key and opens nothing: RFC 9052, in deterministic CBOR, as hexadecimal and in diagnostic notation.\n",
    options,
    0,
    run,
};
