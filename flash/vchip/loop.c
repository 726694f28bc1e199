#include "flash/vchip/loop.h"

#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"

/* While a debugger talks, the core runs in small steps between its accesses, but never so little that a flash loader
 * starves: a real core does some 8 instructions per JTAG clock.  Left alone, it runs in slices that still let a debugger in
 * quickly. */
enum { PER_CLOCK = 8, STEP_MIN = 400, SLICE = 20000 };
/* An answer is usually followed by the next question at once: wait for it awake before going to sleep. */
static const uint64_t spin_ns = 60000, busy_link_ns = 500000;
/* Then the code on the core, a loader mostly, waits for the debugger too, and where there are more of us than processors the
 * debugger waits for this one: let it go, as long as somebody has taken it from us of late. */
static const uint64_t nap_ns = 50000, naps_end_ns = 200000, crowd_ns = 20000000;

enum { FD_JTAG, FD_SIGNAL, FD_PTY, FD_CTL, FDS = FD_CTL + CTL_FDS };

static void serial_line(struct loop *l, bool readable)
{
    struct usart *u = periph_usart(board_periph(l->board));
    uint8_t bytes[256];
    size_t n;

    if (l->pty == NULL)
        return;
    while ((n = usart_take(u, bytes, sizeof bytes)) > 0)
        pty_write(l->pty, bytes, n);
    if (readable && usart_wants(u) && pty_read(l->pty, bytes, 1) == 1)
        usart_give(u, bytes[0]);
}

static bool crowded(struct loop *l, uint64_t now)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) == 0 && u.ru_nivcsw != l->displaced) {
        l->displaced = u.ru_nivcsw;
        l->crowd_ends_ns = now + crowd_ns;
    }
    return now < l->crowd_ends_ns;
}

/* How long poll may sleep; ns. */
static uint64_t patience(struct loop *l, uint64_t now, uint64_t last_traffic)
{
    uint64_t next = board_next_ns(l->board);

    if (now - last_traffic < spin_ns)
        return 0;
    if (next <= now)
        return now - last_traffic < naps_end_ns && crowded(l, now) ? nap_ns : 0;
    return next == UINT64_MAX ? UINT64_MAX : next - now;
}

static void wait_for(struct pollfd fds[static FDS], uint64_t ns)
{
    const struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

    if (ppoll(fds, FDS, ns == UINT64_MAX ? NULL : &t, NULL) < 0) /* EINTR: nothing is ready, look again */
        for (unsigned i = 0; i < FDS; i++)
            fds[i].revents = 0;
}

static void fill(struct loop *l, struct pollfd fds[static FDS])
{
    bool wants = l->pty != NULL && usart_wants(periph_usart(board_periph(l->board)));

    fds[FD_JTAG] = (struct pollfd){ .fd = rbb_fd(l->rbb), .events = POLLIN };
    fds[FD_SIGNAL] = (struct pollfd){ .fd = l->signal_fd, .events = POLLIN };
    fds[FD_PTY] = (struct pollfd){ .fd = wants ? pty_fd(l->pty) : -1, .events = POLLIN };
    ctl_poll(l->ctl, fds + FD_CTL);
}

/* Instructions for the core in this round. */
static uint32_t quota(uint64_t clocks, bool link_busy)
{
    uint64_t n = clocks * PER_CLOCK;

    if (!link_busy)
        return SLICE;
    return n < STEP_MIN ? STEP_MIN : n > SLICE ? SLICE : (uint32_t)n;
}

void loop_run(struct loop *l)
{
    struct jtag *jtag = board_jtag(l->board);
    uint64_t now = clock_mono_ns(), last_traffic = 0, clocks = jtag_clocks(jtag);
    struct pollfd fds[FDS];

    while (!l->quit) {
        fill(l, fds);
        wait_for(fds, patience(l, now, last_traffic));
        now = clock_mono_ns();
        if (fds[FD_JTAG].revents != 0 && rbb_serve(l->rbb) > 0)
            last_traffic = now = clock_mono_ns();
        if (fds[FD_SIGNAL].revents != 0)
            l->quit = true;
        ctl_serve(l->ctl, fds + FD_CTL);
        uint64_t clocks_now = jtag_clocks(jtag);
        board_run(l->board, quota(clocks_now - clocks, now - last_traffic < busy_link_ns));
        clocks = clocks_now;
        serial_line(l, fds[FD_PTY].revents != 0);
    }
}
