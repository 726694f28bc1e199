#include "flash/openocd/classify.h"

#include <string.h>

/* Texts of OpenOCD 0.12.0, from the source file named; the first row that matches wins. */
static const struct {
    const char *text;
    enum flash_fault_id fault;
    bool even_if_ok; /* `init` succeeds in spite of it */
} rows[] = {
    { "UNEXPECTED: ", FLASH_WRONG_IDCODE, true },                                 /* jtag/core.c */
    { "scan chain interrogation failed", FLASH_NO_CHIP, true },                   /* jtag/core.c */
    { "IR capture error", FLASH_NO_CHIP, true },                                  /* jtag/core.c */
    { "Error on socket", FLASH_PROBE_MISSING, false },                            /* helper/log.c: remote_bitbang */
    { "getaddrinfo", FLASH_PROBE_MISSING, false },                                /* remote_bitbang.c */
    { "unable to open ftdi device", FLASH_PROBE_MISSING, false },                 /* mpsse.c */
    { "no device found", FLASH_PROBE_MISSING, false },                            /* mpsse.c */
    { "open failed", FLASH_PROBE_MISSING, false },                                /* stlink_usb.c */
    { "no ST-LINK detected", FLASH_PROBE_MISSING, false },                        /* stlink_usb.c */
    { "ST-LINK open failed", FLASH_PROBE_MISSING, false },                        /* stlink_usb.c */
    { "unable to find a matching CMSIS-DAP device", FLASH_PROBE_MISSING, false }, /* cmsis_dap.c */
    { "unable to open CMSIS-DAP device", FLASH_PROBE_MISSING, false },            /* cmsis_dap_usb_hid.c */
    { "No J-Link device found", FLASH_PROBE_MISSING, false },                     /* jlink.c */
    { "libusb_open() failed", FLASH_PROBE_MISSING, false },                       /* libusb_helper.c: no rights */
    { "unable to connect to the target", FLASH_NO_CHIP, false },                  /* stlink_usb.c */
    { "Error connecting DP: cannot read IDR", FLASH_NO_CHIP, true },              /* target/adi_v5_swd.c */
    { "Invalid ACK", FLASH_NO_CHIP, false },                                      /* target/adi_v5_jtag.c */
    { "JTAG-DP STICKY ERROR", FLASH_NO_CHIP, false },                             /* target/adi_v5_jtag.c */
    { "DP initialisation failed", FLASH_NO_CHIP, true },                          /* target/arm_adi_v5.c */
};

enum flash_fault_id classify_attach(const char *log, bool failed, const char **line)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = strstr(log, rows[i].text);
        if ((!failed && !rows[i].even_if_ok) || at == NULL)
            continue;
        while (at > log && at[-1] != '\n')
            at--;
        *line = at;
        return rows[i].fault;
    }
    return FLASH_FAULTS;
}
