/* base/err.h - why a call failed: a code to branch on, a fault to explain, a subject to read.
 * Boundary: modules fill a struct err where the failure is seen and return its code; callers pass it on; only cli/ prints.
 * Memory: caller's, nothing allocated.  Threads: any, one struct err per thread. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* Classes of failure.  Extend-only: each one is an exit status that factory scripts know (err_exit_status). */
enum err_code {
    ERR_OK,          /*  0 done, or already exactly so */
    ERR_NO,          /*  1 checked, and the answer is no */
    ERR_USAGE,       /* 64 the command line is wrong */
    ERR_INPUT,       /* 65 the input's content is wrong */
    ERR_NOINPUT,     /* 66 the input is not there */
    ERR_UNAVAILABLE, /* 69 no token, probe, chip or registry */
    ERR_INTERNAL,    /* 70 our own bug */
    ERR_CREATE,      /* 73 an output cannot be created */
    ERR_IO,          /* 74 reading or writing failed */
    ERR_RETRY,       /* 75 failed for now; nothing irreversible happened */
    ERR_PROTOCOL,    /* 76 the peer said something it must not say */
    ERR_RIGHTS,      /* 77 PIN or permission */
    ERR_CONFIG,      /* 78 configuration */
    ERR_CONFLICT,    /* 80 another identity is there; nothing was written */
    ERR_INCOMPLETE,  /* 81 interrupted after the first irreversible step: repeat */
    ERR_DAMAGED,     /* 82 the part is damaged: quarantine it */
    ERR_CODES
};

/* What becomes of the board: the four bins at the operator's hand.  Only RETRY sends it back into the slot, so only a fault
 * after which a repeat can do no harm may say so. */
enum board_fate {
    FATE_BY_CODE, /* in a fault's row: what its code says */
    FATE_SHIP,    /* done: next board */
    FATE_RETRY,   /* nothing speaks against this board: take the action, then the same board again */
    FATE_REWORK,  /* to the repair bench; it may come back, with the same identity */
    FATE_SCRAP,   /* never shipped, never in a slot again: set aside */
    BOARD_FATES
};

/* One way to fail, known for ever by its name.  Each room lists its own (flash/fault.h); texts are lower case, no full stop.
 */
struct fault {
    const char *name; /* stable, for machines: "wrong-idcode" */
    enum err_code code;
    const char *cause;    /* what is wrong, in the user's words */
    const char *action;   /* the one next thing to do */
    enum board_fate fate; /* left out: that of its code */
};

struct err {
    enum err_code code;
    const struct fault *fault; /* never NULL after err_set */
    const char *op;            /* literal: the call that failed, e.g. "reset halt", "open" */
    const char *source;        /* literal: "errno", "openocd"; NULL if none */
    long native;               /* that source's own number */
    char subject[256];         /* slot, path, cell; never key, PIN or plaintext; control bytes replaced by '?' */
};

/* Fill *e and return f->code, so that a failing function ends in `return err_set(...)`.
 * fmt makes the subject; it is cut at the end of the array, never refused. */
enum err_code err_set(struct err *e, const struct fault *f, const char *op, const char *source, long native, const char *fmt,
                      ...) __attribute__((format(printf, 6, 7)));

/* err_set with source "errno" and the present errno. */
enum err_code err_errno(struct err *e, const struct fault *f, const char *op, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The process exit status that belongs to a code: see the list above. */
int err_exit_status(enum err_code code);

/* A code's one-line meaning, as in `fuseline --help`; never NULL. */
const char *err_code_meaning(enum err_code code);

/* What becomes of a board that failed so; never FATE_BY_CODE. */
enum board_fate fault_fate(const struct fault *f);

/* "ship", "retry", "rework", "scrap": for screens and JSON, for ever. */
const char *board_fate_name(enum board_fate fate);

/* The worse of two codes, for a command that works on several boards:
 * DAMAGED, CONFLICT, INCOMPLETE before all others, OK last; else the first. */
enum err_code err_worse(enum err_code a, enum err_code b);

#endif
