/* Any bytes as a frame to a server that waits for one device: nothing opens but the two frames that the device made. */
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/p256.h"
#include "protocol/sealed.h"
#include "tests/fuzz/fuzz.h"

struct side {
    struct crypto c;
    struct sealed_peer peer;
    struct sealed_session session;
    uint8_t skR[P256_LEN], open[FRAME_MAX], data[FRAME_MAX];
    size_t open_len, data_len;
};

static void begin(struct side *s)
{
    uint8_t image[OTP_IMAGE_LEN];
    struct otp_image in = { .scheme = 1, .suite = 1, .serial = "TEST0001", .policy = POLICY_NVM_REQUIRED };
    struct sealed_device d;
    require(hpke_host_open(&s->c) != NULL);
    memset(s->skR, 1, sizeof s->skR);
    require(s->c.p256_public(s->c.io, s->skR, s->peer.pkRm));
    p256_even_y(s->peer.pkRm);
    memset(in.slot, 0xFF, sizeof in.slot);
    memcpy(in.slot[0], s->peer.pkRm + 1, SLOT_LEN);
    require(otp_image_encode(&s->c, &in, image) == OTP_OK);
    require(sealed_device_init(&s->c, image, 2, 1, &d) == SEALED_OK);
    s->peer.profile = d.profile;
    memcpy(s->peer.serial, in.serial, sizeof in.serial);
    require(sealed_make_open(&s->c, &d, 1, (const uint8_t *)"one", 3, s->open, FRAME_MAX, &s->open_len, &s->session) ==
            SEALED_OK);
    require(sealed_make_data(&s->c, &d.profile, &s->session, 1, (const uint8_t *)"two", 3, s->data, FRAME_MAX,
                             &s->data_len) == SEALED_OK);
}

static bool same(const uint8_t *in, size_t len, const uint8_t *frame, size_t frame_len)
{
    return len == frame_len && memcmp(in, frame, len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct side s;
    struct sealed_session server;
    struct sealed_secrets secrets = { { 0 }, { 0 } };
    struct frame f;
    uint8_t enc[P256_PK_LEN], data[FRAME_DATA_MAX], mixed[FRAME_MAX];
    size_t n;
    if (!s.c.io)
        begin(&s);
    if (len > 1 && in[0] == 'O') { /* the device's own OPEN with the input laid over it */
        memcpy(mixed, s.open, s.open_len);
        for (size_t i = 1; i < len && i <= s.open_len; i++)
            mixed[i - 1] ^= in[i];
        in = mixed;
        len = s.open_len;
    } else if (len > 1 && in[0] == 'D') {
        memcpy(mixed, s.data, s.data_len);
        for (size_t i = 1; i < len && i <= s.data_len; i++)
            mixed[i - 1] ^= in[i];
        in = mixed;
        len = s.data_len;
    }
    if (frame_parse(in, len, &f) != FRAME_OK)
        return 0;
    if (sealed_check_open(&s.c, &s.peer, &f, enc) == SEALED_OK) {
        require(s.c.p256_ecdh(s.c.io, s.skR, enc, secrets.dh));
        require(sealed_session_make(&s.c, &s.peer.profile, s.peer.serial, enc, s.peer.pkRm, &secrets, &server) == SEALED_OK);
        bool opened = sealed_read_open(&s.c, &s.peer, &server, &f, data, &n) == SEALED_OK;
        require(opened == same(in, len, s.open, s.open_len));
    }
    bool opened = sealed_read_data(&s.c, &s.peer.profile, &s.session, &f, data, &n) == SEALED_OK;
    require(opened == same(in, len, s.data, s.data_len));
    return 0;
}
