/* senders FRAMES [CUT [BOOT [SEED]]] <IMAGES - simulated devices of scheme 1, for `fuseline relay --from -`.
 * IMAGES: OTP images of 176 bytes in hexadecimal, one a line, as the registry has them:
 *     sqlite3 registry.db "SELECT hex(image) FROM device WHERE state = 'DONE'"
 * Prints FRAMES frames in hexadecimal, one a line, each of a device drawn at random: OPEN, then DATA, as the firmware makes
 * them, from the same code.  Each frame is with probability CUT (default 0.01) the first after a power cut: a new boot
 * number, from BOOT (default 1000) on, and a new OPEN.  On standard error one JSON object with frames per second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "hsm/hpke_host.h"
#include "protocol/sealed.h"
#include "relay/chaos.h"

enum { DATA_LEN = 16, SID_LEN = 2, CTR_LEN = 1, CTR_LAST = 0xFF, FRAME_ROOM = 256 };

struct sender {
    uint8_t image[OTP_IMAGE_LEN];
    struct sealed_device device;
    struct sealed_session session;
    uint32_t boot, counter; /* counter 0: no session yet */
};

static struct crypto crypto;
static struct sender *sender;
static size_t senders;

static void die(const char *what)
{
    fprintf(stderr, "senders: %s\n", what);
    exit(1);
}

static void read_images(uint32_t boot)
{
    char line[2 * OTP_IMAGE_LEN + 8];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct sender *s;

        line[strcspn(line, "\r\n")] = '\0';
        /* a device keeps a pointer into its image: all of them move before any is made */
        if ((sender = reallocarray(sender, senders + 1, sizeof *sender)) == NULL)
            die("no memory");
        s = &sender[senders++];
        *s = (struct sender){ .boot = boot };
        if (hex_decode(line, s->image, OTP_IMAGE_LEN) != OTP_IMAGE_LEN)
            die("a line is no image");
    }
    for (size_t i = 0; i < senders; i++)
        if (sealed_device_init(&crypto, sender[i].image, SID_LEN, CTR_LEN, &sender[i].device) != SEALED_OK)
            die("an image is none of scheme 1");
    if (senders == 0)
        die("no image");
}

static size_t next_frame(struct sender *s, bool cut, uint8_t *frame)
{
    uint8_t data[DATA_LEN] = { 0 };
    enum sealed_result r;
    size_t len = 0;

    memcpy(data, &s->boot, sizeof s->boot);
    memcpy(data + 4, &s->counter, sizeof s->counter);
    if (cut || s->counter == 0 || s->counter > CTR_LAST) {
        s->counter = 1;
        r = sealed_make_open(&crypto, &s->device, s->boot++, data, sizeof data, frame, FRAME_ROOM, &len, &s->session);
    } else {
        r = sealed_make_data(&crypto, &s->device.profile, &s->session, s->counter++, data, sizeof data, frame, FRAME_ROOM,
                             &len);
    }
    if (r != SEALED_OK)
        die(sealed_result_name(r));
    return len;
}

int main(int argc, char *argv[])
{
    if (argc < 2)
        die("how many frames?");
    unsigned long frames = strtoul(argv[1], NULL, 10), opens = 0;
    struct chaos chance = { .p = { [TRICK_DROP] = argc > 2 ? strtod(argv[2], NULL) : 0.01 },
                            .state = argc > 4 ? strtoul(argv[4], NULL, 10) : 1 };
    struct hpke_host *host = hpke_host_open(&crypto);
    uint8_t frame[FRAME_ROOM];
    char hex[2 * FRAME_ROOM + 1];

    if (host == NULL)
        die("OpenSSL does not start");
    read_images(argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1000);
    uint64_t begin = clock_mono_ns();
    for (unsigned long i = 0; i < frames; i++) {
        struct sender *s = &sender[chaos_below(&chance, senders)];
        size_t len = next_frame(s, chaos_strikes(&chance, TRICK_DROP), frame);

        opens += s->counter == 1;
        hex_encode(frame, len, hex);
        if (puts(hex) == EOF)
            die("can't write");
    }
    double seconds = (double)(clock_mono_ns() - begin) * 1e-9;
    fprintf(stderr, "{\"devices\":%zu,\"frames\":%lu,\"opens\":%lu,\"per_second\":%.0f}\n", senders, frames, opens,
            (double)frames / seconds);
    hpke_host_close(host);
    free(sender);
    return fflush(stdout) == 0 ? 0 : 1;
}
