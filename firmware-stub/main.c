/* A device: checks itself, proves itself once on request, sends its telemetry, and takes orders.  Its scheme is product.h's.
 * One proof per start.  After a proof through the mailbox it is silent until a reset: on the line nothing but the proof goes
 * out. A device that failed sends nothing but its code, to the console, again and again, and to whoever asks. */
#include <string.h>

#include "firmware-stub/boot_number.h"
#include "firmware-stub/chip.h"
#include "firmware-stub/clock.h"
#include "firmware-stub/console.h"
#include "firmware-stub/fault.h"
#include "firmware-stub/identity.h"
#include "firmware-stub/product.h"
#include "firmware-stub/startup.h"
#include "firmware-stub/telemetry.h"
#include "protocol/bytes.h"
#include "protocol/mailbox.h"

enum { PROOF_MAX = FL_FRAME_MAX, REPEAT_MS = 5000 };
#define MODE_WORK UINT32_C(0x3CA5965A) /* not 1: a flipped bit must not make a failed device work */

static struct firmware {
    struct crypto crypto;
    struct identity id;
    struct telemetry telemetry;
    uint32_t mode;         /* MODE_WORK; anything else: failed */
    enum device_code code; /* why it failed */
    char text[FAULT_TEXT_LEN];
    uint32_t told_ms;
    bool proved, quiet;
} fw;

static uint8_t out[2 + PROOF_MAX]; /* a proof on its way */

volatile struct mailbox fl_mailbox __attribute__((section(".mailbox"), used));

/* ---- failing ---- */

static void tell(enum device_code code, const char *text)
{
    uint8_t record[2 + LOCAL_TEXT_MAX];
    console_send(record, local_error((uint8_t)code, text, record, sizeof record));
}

static void fail(enum device_code code, const char *text)
{
    fw.mode = 0;
    fw.code = code;
    if (text != fw.text)
        memcpy(fw.text, text, strlen(text) + 1); /* device_code_name: short */
    fw.told_ms = clock_ms();
    tell(code, fw.text);
}

/* ---- the proof ---- */

static enum device_code prove(const uint8_t challenge[CHALLENGE_LEN], uint8_t frame[PROOF_MAX], size_t *len)
{
    uint8_t digest[SHA256_LEN];
    struct counter_record taken;
    if (fw.mode != MODE_WORK)
        return fw.code;
    if (fw.proved)
        return DEVICE_REQUEST;
    fw.proved = true;
    enum device_code code = boot_number_take(NULL, &taken);
    if (code != DEVICE_OK)
        return code;
    if (!otp_image_digest(&fw.crypto, fw.id.image, digest))
        return DEVICE_CRYPTO;
    enum sealed_result r =
        product->scheme->proof(&fw.crypto, &fw.id.device, taken.boot, challenge, digest, frame, PROOF_MAX, len);
    return r == SEALED_OK ? DEVICE_OK : r == SEALED_RANDOM ? DEVICE_RANDOM : DEVICE_CRYPTO;
}

/* A request that failed has broken nothing; anything else has. */
static void after(enum device_code code)
{
    if (code != DEVICE_OK && code != DEVICE_REQUEST && fw.mode == MODE_WORK)
        fail(code, device_code_name((uint8_t)code));
}

/* ---- mailbox ---- */

static void mailbox_answer(enum mailbox_state state, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fl_mailbox.data[i] = data[i];
    fl_mailbox.len = len;
    __asm__ volatile("dmb" ::: "memory");
    fl_mailbox.state = state; /* last: the station reads the rest once it sees this */
}

static void mailbox_refuse(enum device_code code)
{
    const char *text = code == fw.code && fw.mode != MODE_WORK ? fw.text : device_code_name((uint8_t)code);
    uint8_t answer[1 + LOCAL_TEXT_MAX];
    size_t len = strlen(text);
    if (len > LOCAL_TEXT_MAX)
        len = LOCAL_TEXT_MAX;
    answer[0] = (uint8_t)code;
    memcpy(answer + 1, text, len);
    mailbox_answer(MAILBOX_ERROR, answer, 1 + len);
}

static void mailbox_take(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = fl_mailbox.data[i];
}

static enum device_code mailbox_proof(size_t *len)
{
    uint8_t challenge[CHALLENGE_LEN];
    mailbox_take(challenge, sizeof challenge);
    return prove(challenge, out, len);
}

/* Only in a chip that waits for it: nothing is wrong with it but that its image is not complete. */
static enum device_code mailbox_make_key(size_t *len)
{
    uint8_t draft[MAILBOX_KEY_REQUEST_LEN];
    bool waits =
        fw.code == (enum device_code)OTP_BLANK || fw.code == (enum device_code)OTP_MAGIC || fw.code == DEVICE_OTP_READ;
    if (fw.mode == MODE_WORK || !waits || !identity_unfinished())
        return DEVICE_REQUEST;
    if (!product->self_test())
        return DEVICE_SELF_TEST;
    mailbox_take(draft, sizeof draft);
    if (draft[OTP_OFF_SUITE] != product->suite) /* before a seed is burned for it */
        return DEVICE_REQUEST;
    *len = MAILBOX_KEY_ANSWER_LEN;
    return product->make_key(&fw.crypto, product->scheme->id, draft, out);
}

static void mailbox_step(void)
{
    size_t len = 0;
    if (fl_mailbox.magic != MAILBOX_MAGIC || fl_mailbox.state != MAILBOX_REQUEST)
        return;
    fl_mailbox.state = MAILBOX_BUSY;
    fw.quiet = true;
    enum device_code code = fw.mode == MODE_WORK ? DEVICE_REQUEST : fw.code;
    if (fl_mailbox.cmd == MAILBOX_PROOF && fl_mailbox.len == MAILBOX_PROOF_REQUEST_LEN)
        code = mailbox_proof(&len);
    else if (product->make_key != NULL && fl_mailbox.cmd == MAILBOX_MAKE_KEY && fl_mailbox.len == MAILBOX_KEY_REQUEST_LEN)
        code = mailbox_make_key(&len);
    if (code == DEVICE_OK)
        mailbox_answer(MAILBOX_ANSWER, out, len);
    else
        mailbox_refuse(code);
    after(code);
}

/* ---- console ---- */

static void console_local(const uint8_t *record, size_t n)
{
    struct local in;
    size_t len = 0;
    enum device_code code = DEVICE_REQUEST;
    if (local_parse(record, n, &in) && in.type == LOCAL_CHALLENGE)
        code = prove(in.body, out + 2, &len);
    if (code == DEVICE_OK) {
        out[0] = LOCAL_PROOF;
        out[1] = chip_rdp();
        console_send(out, 2 + len);
    } else {
        tell(code, code == fw.code && fw.mode != MODE_WORK ? fw.text : device_code_name((uint8_t)code));
    }
    after(code);
}

/* DOWN, ROTATE or REKEY.  One that is refused is not answered: whoever sends old ones learns nothing, and the line stays
 * free. */
static void console_frame(const uint8_t *frame, size_t n)
{
    uint32_t taken = 0;
    if (fw.mode != MODE_WORK || fw.quiet || telemetry_hear(&fw.telemetry, &fw.crypto, &fw.id, frame, n) ||
        product->obey == NULL)
        return;
    enum device_code code = product->obey(&fw.crypto, &fw.id.device, frame, n, &taken);
    if (code == DEVICE_OK)
        telemetry_restart(&fw.telemetry, taken, clock_ms());
    after(code);
}

static void console_step(void)
{
    static uint8_t record[CONSOLE_RECORD_MAX];
    size_t n = console_receive(record);
    if (n > 0 && local_is(record, n))
        console_local(record, n);
    else if (n > 0)
        console_frame(record, n);
}

/* ---- */

static void work_step(void)
{
    if (fw.quiet)
        return;
    enum device_code code = telemetry_step(&fw.telemetry, &fw.crypto, &fw.id, clock_ms());
    if (code != DEVICE_OK)
        fail(code, device_code_name((uint8_t)code));
}

static void failed_step(void)
{
    if (clock_ms() - fw.told_ms < REPEAT_MS)
        return;
    fw.told_ms = clock_ms();
    tell(fw.code, fw.text);
}

static void check_self(void)
{
    enum device_code code = fault_last(fw.text);
    if (code != DEVICE_OK) {
        fail(code, fw.text);
        return;
    }
    fw.crypto = product->crypto(rng_read);
    code = identity_load(&fw.crypto, &fw.id);
    if (code == DEVICE_OK)
        fw.mode = MODE_WORK;
    else
        fail(code, device_code_name((uint8_t)code));
}

int main(void)
{
    clock_start(chip_start());
    console_start();
    check_self();
    if (fl_mailbox.magic == MAILBOX_MAGIC && fl_mailbox.state == MAILBOX_BUSY)
        mailbox_refuse(fw.mode == MODE_WORK ? DEVICE_REQUEST : fw.code); /* a reset came in between */
    for (;;) {
        fault_check_stack();
        mailbox_step();
        console_step();
        if (fw.mode == MODE_WORK)
            work_step();
        else
            failed_step();
        clock_sleep();
    }
}
