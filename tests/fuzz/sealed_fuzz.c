/* Any bytes as a frame to a server that waits for one device: nothing opens but the two frames that the device made. */
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/device.h"
#include "protocol/p256.h"
#include "protocol/peer.h"
#include "tests/fuzz/fuzz.h"

struct side {
    struct crypto c;
    struct peer_side peer;
    struct device_session session;
    struct peer_session server; /* the same, over there */
    uint8_t skR[P256_LEN], open[FRAME_MAX], data[FRAME_MAX];
    size_t open_len, data_len;
};

static bool ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct side *s = io;
    return s->c.p256_ecdh(s->c.io, s->skR, enc, z);
}

static void begin(struct side *s)
{
    uint8_t image[OTP_IMAGE_LEN];
    struct otp_image in = { .scheme = 1, .suite = 1, .serial = "TEST0001", .policy = POLICY_NVM_REQUIRED };
    struct device_side d;
    require(hpke_host_open(&s->c) != NULL);
    memset(s->skR, 1, sizeof s->skR);
    require(s->c.p256_public(s->c.io, s->skR, s->peer.pkRm));
    p256_even_y(s->peer.pkRm);
    memset(in.slot, 0xFF, sizeof in.slot);
    memcpy(in.slot[0], s->peer.pkRm + 1, SLOT_LEN);
    require(otp_image_encode(&s->c, &in, image) == OTP_OK);
    require(device_sealed.init(&s->c, image, 2, 1, &d) == SEALED_OK);
    s->peer.profile = d.profile;
    memcpy(s->peer.serial, in.serial, sizeof in.serial);
    require(device_sealed.open(&s->c, &d, 1, (const uint8_t *)"one", 3, s->open, FRAME_MAX, &s->open_len, &s->session) ==
            SEALED_OK);
    require(device_sealed.data(&s->c, &d, &s->session, 1, (const uint8_t *)"two", 3, s->data, FRAME_MAX, &s->data_len) ==
            SEALED_OK);
    s->server.keys = s->session.keys;
}

static bool same(const uint8_t *in, size_t len, const uint8_t *frame, size_t frame_len)
{
    return len == frame_len && memcmp(in, frame, len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct side s;
    struct peer_session server;
    struct peer_text text;
    struct frame f;
    uint8_t mixed[FRAME_MAX];
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
    const struct peer_token token = { .ecdh = ecdh, .io = &s };
    if (peer_sealed.session(&s.c, &s.peer, &token, &f, &server) == SEALED_OK) {
        bool opened = peer_sealed.open(&s.c, &s.peer, &server, &f, NULL, &text) == SEALED_OK;
        require(opened == same(in, len, s.open, s.open_len));
    }
    bool opened = peer_sealed.data(&s.c, &s.peer, &s.server, &f, &text) == SEALED_OK;
    require(opened == same(in, len, s.data, s.data_len));
    return 0;
}
