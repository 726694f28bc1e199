/* flash/vchip/core_impl.h - private to core.c, exception.c, nvic.c, systick.c, scs.c, debug.c, fpb_dwt.c, romtable.c.
 * Section numbers: ARMv7-M Architecture Reference Manual, DDI 0403E. */
#ifndef VCHIP_CORE_IMPL_H
#define VCHIP_CORE_IMPL_H

#include "flash/vchip/core.h"

enum { /* exception numbers: B1.5.2 */
       EXC_THREAD = 0,
       EXC_NMI = 2,
       EXC_HARDFAULT = 3,
       EXC_MEMMANAGE = 4,
       EXC_BUSFAULT = 5,
       EXC_USAGEFAULT = 6,
       EXC_SVCALL = 11,
       EXC_DEBUGMON = 12,
       EXC_PENDSV = 14,
       EXC_SYSTICK = 15,
       EXC_IRQ0 = 16,
       EXC_IRQS = 96,
       EXCEPTIONS = EXC_IRQ0 + EXC_IRQS,
       EXC_WORDS = (EXCEPTIONS + 31) / 32
};

enum { /* CFSR: B3.2.15 */
       CFSR_IACCVIOL = 1 << 0,
       CFSR_IBUSERR = 1 << 8,
       CFSR_PRECISERR = 1 << 9,
       CFSR_UNSTKERR = 1 << 11,
       CFSR_STKERR = 1 << 12,
       CFSR_BFARVALID = 1 << 15,
       CFSR_UNDEFINSTR = 1 << 16,
       CFSR_INVSTATE = 1 << 17,
       CFSR_INVPC = 1 << 18,
       CFSR_NOCP = 1 << 19,
       CFSR_UNALIGNED = 1 << 24
};

#define HFSR_VECTTBL (1u << 1)
#define HFSR_FORCED (1u << 30)
#define HFSR_DEBUGEVT (1u << 31)

enum { DFSR_HALTED = 1, DFSR_BKPT = 2, DFSR_DWTTRAP = 4, DFSR_VCATCH = 8 }; /* C1.6.1 */
enum { DHCSR_C_DEBUGEN = 1, DHCSR_C_HALT = 2, DHCSR_C_STEP = 4, DHCSR_C_MASKINTS = 8, DHCSR_C_SNAPSTALL = 32 };
enum { DEMCR_VC_CORERESET = 1, DEMCR_VC_HARDERR = 1 << 10, DEMCR_MON_EN = 1 << 16 };
enum { CCR_NONBASETHRDENA = 1, CCR_USERSETMPEND = 2, CCR_STKALIGN = 1 << 9 };
enum { SCR_SLEEPONEXIT = 2, SCR_SEVONPEND = 16 };
enum { XPSR_IPSR = 0x1ff, XPSR_T = 1 << 24, XPSR_IT = 0x0600fc00 };
enum { CONTROL_NPRIV = 1, CONTROL_SPSEL = 2, CONTROL_FPCA = 4 };

enum { FPB_CODE = 6, FPB_COMPARATORS = 8, BLOCK_WORDS = 0x1000 / 4 };

struct systick {
    uint32_t ctrl, load, val; /* SYST_CSR bits 2:0, SYST_RVR, SYST_CVR at last_ns */
    bool countflag;
    uint64_t last_ns, fraction; /* ticks * 1e9 not yet counted */
};

struct core {
    struct cpu *cpu;
    struct core_port port;

    bool running;                    /* inside cpu_run */
    bool reset_requested;            /* by code: the board hears of it after cpu_run */
    bool reset_put_off, reset_power; /* core_reset was called from inside cpu_run */
    bool stop_requested;             /* core_request_stop was called in this core_run */
    bool halted, sleeping, lockup;

    uint32_t pending[EXC_WORDS], active[EXC_WORDS], enabled[EXC_WORDS]; /* bit sets by exception number */
    bool level[EXC_IRQS];
    uint8_t priority[EXCEPTIONS];

    uint32_t actlr, vtor, prigroup, scr, ccr, cfsr, hfsr, dfsr, mmfar, bfar, afsr, cpacr;
    uint32_t fpccr, fpcar, fpdscr, mpu[5]; /* MPU_TYPE's followers: stored, not enforced */
    struct systick systick;

    uint32_t dhcsr, dcrdr, demcr; /* dhcsr: the C_ bits */
    bool reset_st;
    uint64_t retired; /* cpu_instructions at the last read of DHCSR */
    uint32_t fp_ctrl, fp_remap, fp_comp[FPB_COMPARATORS];
    uint64_t cyccnt_ns; /* time at which CYCCNT was cyccnt */
    uint32_t cyccnt;
    uint32_t dwt[BLOCK_WORDS], itm[BLOCK_WORDS], tpiu[BLOCK_WORDS]; /* what is written is read back */
};

/* ---- bits by exception number ---- */
static inline bool exc_in(const uint32_t *set, unsigned n)
{
    return (set[n / 32] >> n % 32 & 1) != 0;
}

static inline void exc_put(uint32_t *set, unsigned n, bool on)
{
    set[n / 32] = (set[n / 32] & ~(1u << n % 32)) | (uint32_t)on << n % 32;
}

/* ---- exception.c ---- */
void exc_reset(struct core *c);
void exc_pend(struct core *c, unsigned n, bool on); /* and have cpu_run end if it is running */
/* The exception that would be taken now, 0: none.  unmasked: as if PRIMASK were 0, which is what wakes from WFI (B1.5.17).
 */
unsigned exc_next(struct core *c, bool unmasked);
unsigned exc_highest_pending(const struct core *c); /* ICSR.VECTPENDING */
bool exc_would_preempt(struct core *c, unsigned n, bool unmasked);
bool exc_take_pending(struct core *c);
/* A synchronous exception at the present PC; escalates to HardFault, or to lockup. */
void exc_raise(struct core *c, unsigned n);
void exc_return(struct core *c, uint32_t exc_return);
void exc_lockup(struct core *c);
bool exc_any_active(const struct core *c, unsigned but);

/* ---- core.c ---- */
void core_run_slice(struct core *c, uint32_t n); /* at least one instruction, at most n, and what they lead to */
void core_request_reset(struct core *c);

/* ---- debug.c ---- */
void debug_reset(struct core *c, bool power_on);
void debug_halt(struct core *c, uint32_t dfsr);
void debug_exception_taken(struct core *c, unsigned n); /* vector catch */
bool debug_masks(const struct core *c, unsigned n);     /* C_MASKINTS */
void debug_update_breakpoints(struct core *c);

/* ---- systick.c ---- */
void systick_reset(struct core *c);
void systick_sync(struct core *c);   /* count up to now, pend the exception if it is due */
void systick_resume(struct core *c); /* forget the time spent halted */
uint64_t systick_due_ns(struct core *c);
/* Cycles of hz in ns, kept exact over days. */
uint64_t cycles_of(uint64_t ns, uint32_t hz);

/* ---- registers: off is the word's offset in its 4 KiB block, value only counts where mask is set ---- */
uint32_t scs_read(struct core *c, enum bus_master m, uint32_t off);
void scs_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
void scs_reset(struct core *c);
uint32_t systick_read(struct core *c, enum bus_master m, uint32_t off);
void systick_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
uint32_t nvic_read(struct core *c, enum bus_master m, uint32_t off);
void nvic_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
uint32_t debug_read(struct core *c, enum bus_master m, uint32_t off);
void debug_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
uint32_t fpb_read(struct core *c, enum bus_master m, uint32_t off);
void fpb_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
uint32_t dwt_read(struct core *c, enum bus_master m, uint32_t off);
void dwt_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
void fpb_dwt_reset(struct core *c);
uint32_t itm_read(struct core *c, enum bus_master m, uint32_t off);
void itm_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
uint32_t tpiu_read(struct core *c, enum bus_master m, uint32_t off);
void tpiu_write(struct core *c, enum bus_master m, uint32_t off, uint32_t value, uint32_t mask);
uint32_t romtable_read(struct core *c, enum bus_master m, uint32_t off);
uint32_t etm_read(struct core *c, enum bus_master m, uint32_t off);
/* Component and peripheral ID registers, off 0xFD0..0xFFC: class, 12-bit part, 8-bit JEP106 (bank << 7 | id), revision. */
struct coresight_id {
    uint8_t class, bank, id;
    uint16_t part;
    uint8_t revision;
};
uint32_t coresight_id_read(const struct coresight_id *id, uint32_t off);
extern const struct coresight_id coresight_scs, coresight_dwt, coresight_fpb;

#endif
