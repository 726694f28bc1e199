/* The stub as the station meets it: flashed, asked and read through unmodified OpenOCD on the simulated board, as two
 * processes with nothing of this test inside. */
#include "tests/firmware-stub/dut.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flash/openocd/openocd.h"

struct bench {
    char dir[64];
    pid_t vchip;
    struct rig rig;
    const struct chip_desc *desc;
    struct chip *chip;
    struct fw_image *fw;
    int usart;
    uint8_t line[DUT_LINE];
    size_t line_len;
};

static void path_in(const struct bench *b, const char *name, char out[108])
{
    snprintf(out, 108, "%s/%s", b->dir, name);
}

/* One command to the board's control socket; it must answer ok. */
static void hand(const struct bench *b, const char *command)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char answer[256] = "";
    path_in(b, "hand", at.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0);
    assert_int_equal(write(fd, command, strlen(command)), (ssize_t)strlen(command));
    assert_true(read(fd, answer, sizeof answer - 1) > 1);
    assert_memory_equal(answer, "ok", 2);
    close(fd);
}

static void start_vchip(struct bench *b, const char *chip)
{
    char state[108], jtag[108], control[108], usart[108], ready[6] = "";
    int out[2];
    path_in(b, "board", state);
    path_in(b, "jtag", jtag);
    path_in(b, "hand", control);
    path_in(b, "usart", usart);
    assert_int_equal(pipe(out), 0);
    b->vchip = fork();
    assert_true(b->vchip >= 0);
    if (b->vchip == 0) {
        dup2(out[1], STDOUT_FILENO);
        execl("build/vchip", "vchip", "--chip", chip, "--state", state, "--jtag", jtag, "--control", control, "--usart",
              usart, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    assert_int_equal(read(out[0], ready, 5), 5);
    assert_string_equal(ready, "ready");
    close(out[0]);
    b->usart = open(usart, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(b->usart >= 0);
}

static void plant_image(const struct bench *b)
{
    char command[2 * OTP_IMAGE_LEN + 64];
    int n = snprintf(command, sizeof command, "plant 0x%08x ", (unsigned)b->desc->otp.base);
    for (unsigned i = 0; i < OTP_IMAGE_LEN; i++)
        n += snprintf(command + n, sizeof command - (size_t)n, "%02x", b->rig.image[i]);
    snprintf(command + n, sizeof command - (size_t)n, "\n");
    hand(b, command);
}

static void open_bench(struct bench *b, const char *chip)
{
    static char adapter[108];
    struct err e;
    char jtag[108], elf[256];
    memset(b, 0, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/fl-line-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->desc = chip_desc_find(chip);
    rig_init(&b->rig, true, true, 2, 1);
    start_vchip(b, chip);
    plant_image(b);
    path_in(b, "adapter.cfg", adapter);
    path_in(b, "jtag", jtag);
    FILE *f = fopen(adapter, "w");
    assert_non_null(f);
    fprintf(f, "adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n", jtag);
    assert_int_equal(fclose(f), 0);
    const struct openocd_slot slot = {
        .name = "bench", .desc = b->desc, .adapter = adapter, .start_ms = DUT_WAIT_MS, .call_ms = DUT_WAIT_MS
    };
    assert_int_equal(openocd_open(&b->chip, &slot, &e), ERR_OK);
    const char *dir = getenv("FL_FIRMWARE");
    snprintf(elf, sizeof elf, "%s/sealed-%s.elf", dir != NULL ? dir : "build/firmware", chip);
    assert_int_equal(fw_image_open(&b->fw, elf, b->desc, &e), ERR_OK);
}

static void close_bench(struct bench *b)
{
    static const char *const files[] = { "board", "jtag", "hand", "usart", "adapter.cfg" };
    char path[108];
    chip_close(b->chip);
    fw_image_close(b->fw);
    close(b->usart);
    kill(b->vchip, SIGTERM);
    assert_int_equal(waitpid(b->vchip, NULL, 0), b->vchip);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        path_in(b, files[i], path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(b->dir), 0);
    rig_fini(&b->rig);
}

/* Ask through the debug port and wait for the answer. */
static struct mailbox_view ask(struct bench *b, const uint8_t *challenge, uint8_t bytes[MAILBOX_LEN])
{
    static const uint8_t request[4] = { MAILBOX_REQUEST };
    struct mailbox_view v = { .state = MAILBOX_IDLE };
    struct err e;
    uint32_t at = 0;
    assert_int_equal(fw_image_symbol(b->fw, MAILBOX_SYMBOL, &at, &e), ERR_OK);
    assert_true(at >= b->desc->ram.base + b->desc->openocd.work_area);
    size_t n = mailbox_put(bytes, MAILBOX_PROOF, challenge, CHALLENGE_LEN);
    assert_int_equal(chip_mem_write(b->chip, at, bytes, n, &e), ERR_OK);
    assert_int_equal(chip_mem_write(b->chip, at + MAILBOX_OFF_STATE, request, sizeof request, &e), ERR_OK);
    assert_int_equal(chip_run(b->chip, &e), ERR_OK);
    const uint64_t until = clock_mono_ns() + (uint64_t)DUT_WAIT_MS * 1000000;
    do {
        assert_int_equal(chip_mem_read(b->chip, at, bytes, MAILBOX_OFF_DATA + 128, &e), ERR_OK);
        assert_true(mailbox_get(bytes, MAILBOX_OFF_DATA + 128, &v));
    } while (v.state < MAILBOX_ANSWER && clock_mono_ns() < until);
    return v;
}

static size_t receive(struct bench *b, uint8_t *record, size_t max)
{
    struct pollfd p = { .fd = b->usart, .events = POLLIN };
    for (;;) {
        uint8_t *end = memchr(b->line, 0, b->line_len);
        if (end != NULL) {
            size_t n = (size_t)(end - b->line);
            long len = cobs_decode(b->line, n, record, max);
            b->line_len -= n + 1;
            memmove(b->line, end + 1, b->line_len);
            if (n == 0)
                continue;
            return len > 0 ? (size_t)len : 0;
        }
        if (poll(&p, 1, DUT_WAIT_MS) != 1)
            return 0;
        ssize_t n = read(b->usart, b->line + b->line_len, sizeof b->line - b->line_len);
        assert_true(n > 0);
        b->line_len += (size_t)n;
    }
}

static void through_openocd(const char *chip)
{
    static const uint8_t challenge[CHALLENGE_LEN] = "TEST challenge of thirty-two by";
    struct bench b;
    struct chip_identity id;
    struct err e;
    struct peer_session s;
    struct frame f;
    const struct fw_segment *seg;
    uint8_t bytes[MAILBOX_LEN], digest[SHA256_LEN], frame[FRAME_MAX], data[FRAME_DATA_MAX];
    size_t len;
    open_bench(&b, chip);
    assert_int_equal(chip_probe(b.chip, &id, &e), ERR_OK);
    size_t n = fw_image_segments(b.fw, &seg);
    assert_int_equal(chip_flash_write(b.chip, seg, n, &e), ERR_OK);
    struct mailbox_view v = ask(&b, challenge, bytes);
    assert_int_equal(v.state, MAILBOX_ANSWER);
    assert_true(otp_image_digest(&b.rig.c, b.rig.image, digest));
    assert_int_equal(frame_parse(v.data, v.len, &f), FRAME_OK);
    assert_int_equal(rig_session(&b.rig, &f, &s), SEALED_OK);
    assert_int_equal(rig_read_proof(&b.rig, &s, &f, challenge, digest), SEALED_OK);

    hand(&b, "power cycle\n"); /* in the field */
    n = receive(&b, frame, sizeof frame);
    assert_true(rig_receive_open(&b.rig, frame, n, &s, data, &len));
    n = receive(&b, frame, sizeof frame);
    assert_true(rig_receive_data(&b.rig, &s.keys, frame, n, data, &len));

    assert_int_equal(chip_probe(b.chip, &id, &e), ERR_OK); /* flashing again keeps the boot records */
    n = fw_image_segments(b.fw, &seg);
    assert_int_equal(chip_flash_write(b.chip, seg, n, &e), ERR_OK);
    uint8_t record[COUNTER_RECORD_LEN * 3];
    struct counter_record r;
    const uint32_t at = b.desc->controller == FLASH_STM32L4 ? 0x0807F000 : 0x08008000;
    assert_int_equal(chip_mem_read(b.chip, at, record, sizeof record, &e), ERR_OK);
    assert_true(counter_decode(record, &r) && r.boot == 1);                      /* the proof's */
    assert_true(counter_decode(record + COUNTER_RECORD_LEN, &r) && r.boot == 2); /* the session's */
    close_bench(&b);
}

static void test_l476_is_flashed_proved_and_heard_through_openocd(void **state)
{
    (void)state;
    through_openocd("stm32l476");
}

static void test_f407_is_flashed_proved_and_heard_through_openocd(void **state)
{
    (void)state;
    through_openocd("stm32f407");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_l476_is_flashed_proved_and_heard_through_openocd),
        cmocka_unit_test(test_f407_is_flashed_proved_and_heard_through_openocd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
