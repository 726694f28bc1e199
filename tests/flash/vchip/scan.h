/* tests/flash/vchip/scan.h - a debugger's hands: drives TCK, TMS and TDI of one debug port with a fake bus behind it, and
 * believes only TDO.  Header only, so that a test stays one file; brings cmocka.h along. */
#ifndef TESTS_SCAN_H
#define TESTS_SCAN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/flash/vchip/fake_bus.h"

enum { IR_ABORT = 0x8, IR_DPACC = 0xA, IR_APACC = 0xB, IR_IDCODE = 0xE, IR_BYPASS = 0xF };
enum { BS_BYPASS = 0x1F };
enum { WAIT = 1, OK = 2 };
enum { CTRL_STAT = 4, SELECT = 8, RDBUFF = 12 };
enum { CSW = 0x00, TAR = 0x04, DRW = 0x0C, BD0 = 0x10, CFG = 0xF4, BASE = 0xF8, IDR = 0xFC };
enum { BYTE = 0, HALF = 1, WORD = 2, SINGLE = 0x10, PACKED = 0x20 };

enum { ORUNDETECT = 1, STICKYORUN = 2, STICKYERR = 0x20 };
#define POWER_UP UINT32_C(0x50000000) /* both requests */
#define POWERED UINT32_C(0xF0000000)  /* and both acknowledged */
#define RAM UINT32_C(0x20000000)      /* of the fake bus */

static struct fake_bus scan_bus;
static struct jtag *scan_port;

/* ---- pins and scans ---- */

static inline bool tick(bool tms, bool tdi)
{
    jtag_pins(scan_port, false, tms, tdi);
    bool tdo = jtag_tdo(scan_port);
    jtag_pins(scan_port, true, tms, tdi);
    return tdo;
}

static inline void tms_path(const char *bits)
{
    for (; *bits != '\0'; bits++)
        (void)tick(*bits == '1', false);
}

/* Shift n bits, the last one with TMS = 1, and go to Run-Test/Idle. */
static inline uint64_t shift(unsigned n, uint64_t out)
{
    uint64_t in = 0;

    for (unsigned i = 0; i < n; i++)
        in |= (uint64_t)tick(i == n - 1, out >> i & 1) << i;
    tms_path("10");
    return in;
}

static inline uint64_t ir_scan(unsigned bs, unsigned dp)
{
    tms_path("1100");
    return shift(9, (uint64_t)bs << 4 | dp);
}

static inline uint64_t dr_scan(unsigned n, uint64_t out)
{
    tms_path("100");
    return shift(n, out);
}

/* One DAP scan with the boundary-scan TAP in BYPASS; what it captured goes to *data unless NULL.  Returns the ACK. */
static inline unsigned dap_scan(unsigned ir, unsigned a, bool read, uint32_t out, uint32_t *data)
{
    ir_scan(BS_BYPASS, ir);
    /* TDI passes the one BYPASS bit first: what goes in reaches the DP one clock later. */
    uint64_t in = dr_scan(36, (uint64_t)out << 3 | (a & 12) >> 1 | read);
    if (data != NULL)
        *data = (uint32_t)(in >> 3);
    return in & 7;
}

static inline void dp_write(unsigned a, uint32_t value)
{
    assert_int_equal(dap_scan(IR_DPACC, a, false, value, NULL), OK);
}

static inline uint32_t read_buffer(void)
{
    uint32_t v = 0;

    assert_int_equal(dap_scan(IR_DPACC, RDBUFF, true, 0, &v), OK);
    return v;
}

static inline uint32_t dp_read(unsigned a)
{
    assert_int_equal(dap_scan(IR_DPACC, a, true, 0, NULL), OK);
    return read_buffer();
}

static inline void ap_write(unsigned reg, uint32_t value)
{
    dp_write(SELECT, reg & 0xF0);
    assert_int_equal(dap_scan(IR_APACC, reg, false, value, NULL), OK);
}

static inline uint32_t ap_read(unsigned reg)
{
    dp_write(SELECT, reg & 0xF0);
    assert_int_equal(dap_scan(IR_APACC, reg, true, 0, NULL), OK);
    return read_buffer();
}

static inline void power(void)
{
    dp_write(CTRL_STAT, POWER_UP);
}

static inline void transfer(unsigned csw, uint32_t addr)
{
    ap_write(CSW, csw);
    ap_write(TAR, addr);
}

static inline uint32_t ram_word(uint32_t offset)
{
    uint32_t v = 0;

    assert_int_equal(fake_bus_read(&scan_bus, RAM + offset, 4, &v), BUS_OK);
    return v;
}

static inline int scan_setup(void **state)
{
    (void)state;
    fake_bus_init(&scan_bus);
    struct jtag_port port = fake_bus_port(&scan_bus);
    scan_port = jtag_new(chip_desc_find("stm32l476"), &port);
    if (scan_port == NULL)
        return -1;
    tms_path("111110");
    return 0;
}

static inline int scan_teardown(void **state)
{
    (void)state;
    jtag_free(scan_port);
    return 0;
}

#endif
