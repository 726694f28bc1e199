/* tests/station/far_end.h - the far end of the slot's console: a device made of protocol/, on a pseudo-terminal, that knows
 * the board of tests/station/line.h.  No thread: it lives in station.stopped, which the station calls while it waits.  As
 * the firmware stub does, it answers one challenge a start; as silicon demands, it starts only if the flash is open to its
 * core: at level 1 not before a power cycle.
 *   far_up();                 line.station.console is there; far_down() at the end
 *   far.cycle_at = 3;         the board is power-cycled at the station's third look
 *   far_start();              power came, or a reset, by other hands
 *   far.mood = FAR_GARBAGE;   what it answers */
#ifndef TESTS_STATION_FAR_END_H
#define TESTS_STATION_FAR_END_H

#include "tests/station/line.h"

#include <fcntl.h>
#include <unistd.h>

#include "protocol/cobs.h"

enum far_mood {
    FAR_GOOD,
    FAR_SILENT,
    FAR_GARBAGE,   /* no COBS, no record, a proof that is no frame */
    FAR_OTHER,     /* proves another device, far.other */
    FAR_REPLAYS,   /* the proof of an earlier challenge, far.replay */
    FAR_SAYS_CODE, /* a record 01 */
    FAR_CHATS      /* telemetry, pieces and noise around the good answer */
};

static struct far_end {
    int master, slave; /* slave: held open, so that the port stays when the station leaves it */
    char path[320];    /* a link to it, as udev makes them */
    enum far_mood mood;
    unsigned says_rdp; /* level + 1; 0: as it is */
    unsigned level;    /* at its start: whoever sets another one has stopped the core */
    bool running, spent;
    unsigned cycle_at, looks; /* cycle_at 0: never */
    bool port_goes;           /* with the board's power */
    bool stop;                /* the user's Ctrl-C */
    unsigned challenges, proofs;
    uint8_t line[256];
    size_t len;
    uint8_t other[OTP_IMAGE_LEN];
    uint8_t replay[FRAME_MAX];
    size_t replay_len;
} far = { .master = -1, .slave = -1 };

static inline void far_open(void)
{
    char name[64];

    far.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(far.master >= 0 && grantpt(far.master) == 0 && unlockpt(far.master) == 0);
    assert_int_equal(ptsname_r(far.master, name, sizeof name), 0);
    far.slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(far.slave >= 0);
    (void)unlink(far.path);
    assert_int_equal(symlink(name, far.path), 0);
}

static inline void far_close(void)
{
    if (far.master >= 0)
        assert_int_equal(close(far.master) | close(far.slave), 0);
    far.master = far.slave = -1;
}

static inline void far_start(void)
{
    far.running = true;
    far.level = silicon_rdp(inproc_silicon(line.chip));
    far.spent = false;
    far.len = 0;
}

static inline void far_cycle(void)
{
    uint8_t lost[256]; /* what was sent to a board without power */

    power_cycle();
    while (read(far.master, lost, sizeof lost) > 0)
        ;
    if (far.port_goes) {
        far_close();
        far_open();
    }
    far_start();
}

static inline void far_send(const uint8_t *record, size_t len)
{
    uint8_t out[COBS_MAX(1 + FRAME_MAX)];
    const size_t n = cobs_encode(record, len, out, sizeof out);

    assert_int_equal(write(far.master, out, n), n);
}

static inline void far_says(uint8_t code, const char *text)
{
    uint8_t record[2 + LOCAL_TEXT_MAX];

    far_send(record, local_error(code, text, record, sizeof record));
}

static inline void far_noise(void)
{
    static const uint8_t bytes[] = { 0, 9, 1, 0, 0, 2, 0xC0, 0, 4, LOCAL_PROOF, 1, 0x20, 0, 2, LOCAL_PROOF, 0 };

    assert_int_equal(write(far.master, bytes, sizeof bytes), sizeof bytes);
}

static inline void far_telemetry(void)
{
    struct message m;

    board_sends(line.chip, "first", "second", &m);
    far_send(m.open, m.open_len);
    far_send(m.data, m.data_len);
}

static inline void far_proves(const uint8_t *image, const uint8_t challenge[32])
{
    struct device_side d;
    uint8_t digest[32], frame[FRAME_MAX], record[2 + FRAME_MAX];
    const uint8_t rdp = far.says_rdp != 0 ? (uint8_t)(far.says_rdp - 1) : (uint8_t)silicon_rdp(inproc_silicon(line.chip));
    size_t len = 0;

    assert_int_equal(line.device->init(&line.crypto, image, 2, 1, &d), SEALED_OK);
    assert_true(otp_image_digest(&line.crypto, image, digest));
    assert_int_equal(line.device->proof(&line.crypto, &d, ++line.boot, challenge, digest, frame, sizeof frame, &len),
                     SEALED_OK);
    if (far.mood == FAR_REPLAYS && far.replay_len > 0) {
        far_send(record, local_proof(rdp, far.replay, far.replay_len, record, sizeof record));
        return;
    }
    memcpy(far.replay, frame, len);
    far.replay_len = len;
    far_send(record, local_proof(rdp, frame, len, record, sizeof record));
    far.proofs++;
}

static inline void far_answers(const uint8_t challenge[32])
{
    uint8_t image[OTP_IMAGE_LEN];
    struct device_side d;

    far.challenges++;
    if (!board_starts(line.chip, image, &d) || far.mood == FAR_SILENT)
        return;
    if (far.mood == FAR_GARBAGE) {
        far_noise();
        return;
    }
    if (far.mood == FAR_SAYS_CODE || far.spent) {
        far_says(far.spent ? DEVICE_REQUEST : DEVICE_RANDOM, far.spent ? "request" : "rng\x1b");
        return;
    }
    if (far.mood == FAR_CHATS) {
        far_noise();
        far_telemetry();
    }
    far_proves(far.mood == FAR_OTHER ? far.other : image, challenge);
    far.spent = true;
}

static inline bool far_is_awake(void)
{
    struct silicon *s = inproc_silicon(line.chip);

    return far.running && silicon_flash_open(s) && silicon_rdp(s) == far.level;
}

static inline void far_hears(uint8_t byte)
{
    uint8_t record[sizeof far.line];
    struct local l;

    if (byte != 0) {
        if (far.len < sizeof far.line)
            far.line[far.len++] = byte;
        return;
    }
    const long n = cobs_decode(far.line, far.len, record, sizeof record);
    far.len = 0;
    if (n > 0 && local_parse(record, (size_t)n, &l) && l.type == LOCAL_CHALLENGE && far_is_awake())
        far_answers(l.body);
}

/* station.stopped: one look of the station's is one moment of the device's life. */
static inline bool far_lives(void *io)
{
    uint8_t in[256];
    ssize_t n;

    (void)io;
    if (++far.looks == far.cycle_at)
        far_cycle();
    while ((n = read(far.master, in, sizeof in)) > 0)
        for (ssize_t i = 0; i < n; i++)
            far_hears(in[i]);
    return far.stop;
}

/* What chip_run starts: first the mailbox, as ever. */
static inline void far_runs(void *io, struct chip *c)
{
    firmware_runs(io, c);
    far_start();
}

static inline void far_up(void)
{
    far = (struct far_end){ .master = -1, .slave = -1 };
    (void)snprintf(far.path, sizeof far.path, "%s/console", ws);
    far_open();
    inproc_on_run(line.chip, far_runs, NULL);
    line.station.console = far.path;
    line.station.stopped = far_lives;
    line.station.console_ms = 20000; /* tests that wait for its end say less */
    line.station.silent_ms = 10000;
    line.station.again_ms = 40;
}

static inline void far_down(void)
{
    far_close();
    (void)unlink(far.path);
}

#endif
