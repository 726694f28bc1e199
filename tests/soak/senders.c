/* senders FRAMES CUT SEED FILE... <IMAGES - simulated devices of any scheme, and the phones that they talk to.
 * IMAGES: whole OTP images in hexadecimal, one a line, behind it an RSA key if it has one, as tests/soak/devices prints
 * them. Writes FRAMES frames in hexadecimal, one a line, each of a device drawn at random: first frames, then DATA, as the
 * firmware makes them, from the same code.  A FILE is what one phone hears: a device talks to one of them, but one frame in
 * 20 is heard by another.  Each frame is with probability CUT the first after a power cut: a new boot number, a new session.
 * Each frame's data is its number, 8 bytes, and 8 more: no two are equal.
 * On standard error one JSON object: {"devices","frames","opens","per_second"}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/device.h"
#include "protocol/otp_image.h"
#include "protocol/session_rsa.h"
#include "relay/chaos.h"

enum { DATA_LEN = 16, SID_LEN = 2, CTR_LEN = 1, FRAME_ROOM = SESSION_RSA_FRAME_LEN, PHONES_MAX = 8, ROAMS = 20 };

struct sender {
    uint8_t image[OTP_IMAGE_LEN], rsa[SESSION_RSA_KEY_LEN];
    const struct device_scheme *scheme;
    struct device_side side;
    struct device_session session;
    uint32_t boot, counter; /* counter 0: no session yet */
};

static const struct device_scheme *const schemes[] = {
    &device_sealed,  &device_fleet,   &device_identity,    &device_secret,
    &device_derived, &device_session, &device_session_rsa, &device_signup,
};
static struct crypto crypto;
static struct sender *sender;
static size_t senders;
static FILE *phone[PHONES_MAX];
static size_t phones;

static void die(const char *what)
{
    fprintf(stderr, "senders: %s\n", what);
    exit(1);
}

static bool speaks(const struct device_scheme *d, const uint8_t image[OTP_IMAGE_LEN])
{
    const uint8_t suite = image[OTP_OFF_SUITE];

    return d->id == image[OTP_OFF_SCHEME] && (d->suite[0] == suite || d->suite[1] == suite);
}

static void start(struct sender *s)
{
    s->side.rsa = s->rsa;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (speaks(schemes[i], s->image))
            s->scheme = schemes[i];
    if (s->scheme == NULL || s->scheme->init(&crypto, s->image, SID_LEN, CTR_LEN, &s->side) != SEALED_OK)
        die("an image that no scheme takes");
}

static void read_images(void)
{
    char line[2 * (OTP_IMAGE_LEN + SESSION_RSA_KEY_LEN) + 8];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct sender *s;

        line[strcspn(line, "\r\n")] = '\0';
        char *key = strchr(line, ' ');
        if (key != NULL)
            *key++ = '\0';
        if ((sender = reallocarray(sender, senders + 1, sizeof *sender)) == NULL)
            die("no memory");
        s = &sender[senders++];
        *s = (struct sender){ .boot = 0 };
        if (hex_decode(line, s->image, OTP_IMAGE_LEN) != OTP_IMAGE_LEN)
            die("a line is no image");
        if (key != NULL && hex_decode(key, s->rsa, sizeof s->rsa) != (long)sizeof s->rsa)
            die("behind an image is no RSA key");
    }
    /* a device keeps a pointer into its image: all of them stand still now */
    for (size_t i = 0; i < senders; i++)
        start(&sender[i]);
    if (senders == 0)
        die("no image");
}

static enum sealed_result open_again(struct sender *s, const uint8_t *data, uint8_t *frame, size_t *len)
{
    s->counter = s->scheme->sid ? 1 : 2; /* 4, 5: the first frame is DATA 1 */
    return s->scheme->open(&crypto, &s->side, ++s->boot, data, DATA_LEN, frame, FRAME_ROOM, len, &s->session);
}

/* True: it opened a session. */
static bool next_frame(struct sender *s, bool cut, const uint8_t *data, uint8_t *frame, size_t *len)
{
    enum sealed_result r = SEALED_RANGE;
    bool opens = false;

    if (!cut && s->counter > 0)
        r = s->scheme->data(&crypto, &s->side, &s->session, s->counter++, data, DATA_LEN, frame, FRAME_ROOM, len);
    if (r == SEALED_RANGE) { /* a cut, or the counter is used up */
        r = open_again(s, data, frame, len);
        opens = true;
    }
    if (r != SEALED_OK)
        die(sealed_result_name(r));
    return opens;
}

static unsigned long send_all(unsigned long frames, struct chaos *chance)
{
    uint8_t frame[FRAME_ROOM], data[DATA_LEN] = { 0 };
    char hex[2 * FRAME_ROOM + 1];
    unsigned long opens = 0;
    size_t len;

    for (unsigned long i = 0; i < frames; i++) {
        size_t who = chaos_below(chance, senders), roams = chaos_below(chance, ROAMS) == 0;

        put32(data, (uint32_t)((uint64_t)i >> 32));
        put32(data + 4, (uint32_t)i);
        opens += next_frame(&sender[who], chaos_strikes(chance, TRICK_DROP), data, frame, &len);
        hex_encode(frame, len, hex);
        if (fprintf(phone[(who + roams) % phones], "%s\n", hex) < 0)
            die("can't write");
    }
    return opens;
}

int main(int argc, char *argv[])
{
    if (argc < 5 || argc > 4 + PHONES_MAX)
        die("FRAMES CUT SEED FILE...");
    const unsigned long frames = strtoul(argv[1], NULL, 10);
    struct chaos chance = { .p = { [TRICK_DROP] = strtod(argv[2], NULL) }, .state = strtoul(argv[3], NULL, 10) };
    struct hpke_host *host = hpke_host_open(&crypto);

    if (host == NULL)
        die("OpenSSL does not start");
    read_images();
    for (; phones < (size_t)argc - 4; phones++)
        if ((phone[phones] = fopen(argv[4 + phones], "we")) == NULL)
            die("can't write");
    const uint64_t begin = clock_mono_ns();
    const unsigned long opens = send_all(frames, &chance);
    for (size_t i = 0; i < phones; i++)
        if (fclose(phone[i]) != 0)
            die("can't write");
    fprintf(stderr, "{\"devices\":%zu,\"frames\":%lu,\"opens\":%lu,\"per_second\":%.0f}\n", senders, frames, opens,
            (double)frames * 1e9 / (double)(clock_mono_ns() - begin));
    hpke_host_close(host);
    free(sender);
    return 0;
}
