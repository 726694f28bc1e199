/* flash/vchip/model.h - inside the silicon: what the dispatcher (silicon.c), the two controllers (flash_l4.c, flash_f4.c),
 * the option bytes (optbytes.c) and the array operations (operation.c) share.  Included by nobody else. */
#ifndef VCHIP_MODEL_H
#define VCHIP_MODEL_H

#include "flash/vchip/nvm.h"
#include "flash/vchip/silicon.h"

/* KEYR or OPTKEYR: two keys in order unlock; anything else is a bus error and locks until the next system reset. */
struct key_lock {
    uint32_t key[2];
    unsigned step;
    bool locked, dead;
};
void key_reset(struct key_lock *k, uint32_t key1, uint32_t key2);
enum bus_status key_write(struct key_lock *k, uint32_t value);

enum op_kind { OP_NONE, OP_PROGRAM, OP_ERASE, OP_OPTIONS };

/* What keeps the array busy.  Its effect is in the cells from the start; power that goes before until_ns tears it. */
struct operation {
    enum op_kind kind;
    uint64_t until_ns;
    struct nvm_area *area;
    uint32_t off, len;
    uint64_t old; /* OP_PROGRAM */
    bool eop;     /* FLASH_SR.EOP is due when it is over */
    bool load;    /* OP_OPTIONS: in force when it is over */
};

struct addr_range {
    uint32_t base, size;
};

struct flash_model {
    void (*reset)(struct silicon *s);
    uint32_t (*reg_read)(struct silicon *s, uint32_t offset);
    /* value has the written lanes, lanes the mask of them: a byte write to a register leaves the other bytes. */
    enum bus_status (*reg_write)(struct silicon *s, uint32_t offset, uint32_t value, uint32_t lanes);
    /* A write to a cell of flash, OTP or lock bytes that RDP lets through, the array not busy. */
    enum bus_status (*program)(struct silicon *s, struct nvm_area *a, uint32_t off, unsigned size, uint32_t value);
    /* Power went (the cells hold what would have come of it): in a pulse that was turning `old` into what is there now; in
     * an erase of that range. */
    void (*tear_pulse)(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t old);
    void (*tear_erase)(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len);
    void (*ecc_error)(struct silicon *s, const struct nvm_area *a, uint32_t off); /* NULL: no ECC */
    uint8_t (*option_byte)(const struct silicon *s, uint32_t addr);
    uint8_t (*rdp_byte)(const uint32_t options[NVM_OPTIONS]);
    struct addr_range system[3], options[2]; /* size 0: none */
    const uint32_t *factory;                 /* [NVM_OPTIONS] as delivered */
    const uint32_t *mismatch;                /* [NVM_OPTIONS] loaded when the stored words are torn */
    uint64_t options_ns, mass_erase_ns;
    bool options_at_once; /* in force when OPTSTRT is done, without a load */
};

extern const struct flash_model flash_l4_model, flash_f4_model;

struct silicon {
    const struct chip_desc *desc;
    const struct flash_model *model;
    struct silicon_port port;
    void (*ram_erased)(void *io);
    struct nvm nvm;
    bool powered, intrusion, options_bad; /* options_bad: the last load found them torn */
    unsigned rdp;                         /* in force */
    struct key_lock keyr, optkeyr;
    uint32_t acr, pdkeyr, sr, cr, eccr;
    uint32_t opt[NVM_OPTIONS];    /* option registers, as software wrote them */
    uint32_t active[NVM_OPTIONS]; /* as last loaded: protection follows these */
    struct {                      /* L4: the even word waits for the odd one */
        bool waiting;
        uint32_t off, value;
        struct nvm_area *area;
    } half;
    struct operation op;
    enum bus_master master; /* of the register access under way */
    struct {
        uint64_t left; /* pulses until the cut; 0 = not armed */
        enum silicon_tear tear;
    } cut[2];
    unsigned scale; /* per mille */
    struct silicon_stats stats;
};

/* ---- operation.c ---- */

/* One program pulse of `len` bytes to `want`, the controller's checks passed.  BUS_FAULT: an armed cut took the power. */
enum bus_status op_program(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t want, uint64_t ns);
/* Erase part of the main array; off and len in whole sectors. */
void op_erase(struct silicon *s, uint32_t off, uint32_t len, uint64_t ns);
/* Keep the array busy for ns of the data sheet's time. */
void op_start(struct silicon *s, struct operation op, uint64_t ns);
/* Power or a reset ends what is under way: if its time is not over, its cells are torn. */
void op_abort(struct silicon *s);
/* Let what is over end: FLASH_SR.EOP if FLASH_CR.EOPIE asked for it (bits 0 and 24 on both controllers), options in force.
 */
void op_settle(struct silicon *s);
/* Deterministic disorder for undefined contents. */
uint64_t op_noise(uint32_t addr);

/* ---- optbytes.c ---- */

unsigned opt_rdp_level(uint8_t rdp_byte);
/* What RDP lets this master do with flash and OTP. */
bool opt_array_open(const struct silicon *s, enum bus_master m);
/* Stored option bytes -> registers and protection in force: power-on reset, OBL_LAUNCH, or OPTSTRT on F4. */
void opt_load(struct silicon *s);
/* OPTSTRT: option registers -> storage, with the mass erase that leaving level 1 costs.  False at level 2: nothing done. */
bool opt_program(struct silicon *s);

#endif
