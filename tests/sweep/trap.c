#include "tests/sweep/trap.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)

/* Names of <linux/prctl.h> and <asm/signal.h>, which Debian 12's libc headers do not have. */
enum { DISPATCH = 59, DISPATCH_OFF = 0, DISPATCH_ON = 1, LET_PASS = 0, CATCH = 1, HAS_RESTORER = 0x04000000 };

/* The only calls that the kernel lets pass while the selector says CATCH are those made between trap_gate and
 * trap_gate_end: the call itself, and the return from the signal handler. */
__asm__(".text\n"
        "trap_gate:\n"
        "    mov %rdi, %rax\n"
        "    mov %rsi, %rdi\n"
        "    mov %rdx, %rsi\n"
        "    mov %rcx, %rdx\n"
        "    mov %r8, %r10\n"
        "    mov %r9, %r8\n"
        "    mov 8(%rsp), %r9\n"
        "    syscall\n"
        "    ret\n"
        "trap_return:\n"
        "    mov $15, %rax\n" /* rt_sigreturn; encoded as libc does it, for debuggers know the frame by it */
        "    syscall\n"
        "    ud2\n"
        "trap_gate_end:\n");
long trap_gate(long nr, long a, long b, long c, long d, long e, long f);
void trap_return(void);
extern const char trap_gate_end[];

static struct {
    trap_fn *fn;
    void *io;
    volatile char selector;
} trap;

long trap_pass(const struct trap_call *c)
{
    return trap_gate(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

/* A direct child of the call: the kernel has undone it, and RAX is where its result belongs. */
static void caught(int sig, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const struct trap_call c = { info->si_syscall,
                                 { r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9] } };

    (void)sig;
    trap.selector = LET_PASS;
    r[REG_RAX] = trap.fn != NULL ? trap.fn(trap.io, &c) : trap_pass(&c);
    if (trap.fn != NULL) /* it may have been trap_off */
        trap.selector = CATCH;
}

bool trap_on(trap_fn *fn, void *io)
{
    struct { /* as the kernel has it: libc would put its own return into it */
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = { caught, SA_SIGINFO | HAS_RESTORER, trap_return, 0 };

    trap.fn = fn;
    trap.io = io;
    trap.selector = LET_PASS;
    if (syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, sizeof action.mask) != 0 ||
        prctl(DISPATCH, DISPATCH_ON, (uintptr_t)trap_gate, (uintptr_t)trap_gate_end - (uintptr_t)trap_gate,
              &trap.selector) != 0)
        return false;
    trap.selector = CATCH;
    return true;
}

void trap_off(void)
{
    trap.selector = LET_PASS;
    trap.fn = NULL;
    (void)prctl(DISPATCH, DISPATCH_OFF, 0, 0, 0);
}

#else

bool trap_on(trap_fn *fn, void *io)
{
    (void)fn;
    (void)io;
    return false;
}

void trap_off(void)
{
}

long trap_pass(const struct trap_call *c)
{
    return syscall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

#endif
