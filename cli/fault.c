#include "cli/fault.h"

#include "base/ini.h"
#include "db/fault.h"
#include "flash/fault.h"
#include "hsm/fault.h"
#include "station/fault.h"
#include "verifier/fault.h"

#define SEE_HELP "see `fuseline --help`"

const struct fault cli_fault[CLI_FAULTS] = {
    [CLI_NO_COMMAND] = { "no-command", ERR_USAGE, "no command is given", SEE_HELP },
    [CLI_UNKNOWN_COMMAND] = { "unknown-command", ERR_USAGE, "unknown command", SEE_HELP },
    [CLI_UNKNOWN_OPTION] = { "unknown-option", ERR_USAGE, "unknown option", "see the command's --help" },
    [CLI_DOUBLED_OPTION] = { "doubled-option", ERR_USAGE, "an option is given twice", "give it once" },
    [CLI_OPTION_VALUE] = { "option-value", ERR_USAGE, "an option lacks its argument, or has one it does not take",
                           "see the command's --help" },
    [CLI_MISSING_OPTION] = { "missing-option", ERR_USAGE, "a required option is missing",
                             "give it, see the command's --help" },
    [CLI_OPERAND] = { "unexpected-operand", ERR_USAGE, "a word too many", "remove it, or put -- and its option before it" },
    [CLI_BAD_NUMBER] = { "bad-number", ERR_USAGE, "not a number that fits",
                         "give a decimal or 0x hexadecimal number in the range of the OTP area" },
    [CLI_BAD_HEX] = { "bad-hex", ERR_USAGE, "the bytes are not hexadecimal",
                      "give two digits 0-9 a-f per byte, nothing else" },
    [CLI_INPUT_CHOICE] = { "input-choice", ERR_USAGE, "the bytes must come from exactly one place",
                           "give --data or --file, one of them" },
    [CLI_INPUT_MISSING] = { "input-missing", ERR_NOINPUT, "the input file cannot be opened", "check its name and its mode" },
    [CLI_INPUT_READ] = { "input-read", ERR_IO, "the input file cannot be read",
                         "check that it is a file and that its disk works" },
    [CLI_INPUT_SIZE] = { "input-size", ERR_INPUT, "the input is empty, or longer than any OTP area",
                         "give as many bytes as are to be burned: see `fuseline chip list`" },
    [CLI_OUTPUT] = { "output-write", ERR_IO, "standard output cannot be written; what was burned, if anything, stays burned",
                     "make room or mend the pipe, and look at the part with `fuseline chip show`" },
    [CLI_NO_MEMORY] = { "no-memory", ERR_RETRY, "no memory is left", "end other programs and try again" },
    [CLI_INTERRUPTED] = { "interrupted", ERR_RETRY, "interrupted by a signal; nothing was burned",
                          "repeat the command when you are ready" },
    [CLI_INTERRUPTED_BURNED] = { "interrupted-burned", ERR_INCOMPLETE,
                                 "interrupted by a signal between two cells, after the first burned one",
                                 "leave the board in its slot and repeat the same command: it completes the burn" },
    [CLI_CONFIG_SECTION] = { "config-section", ERR_CONFIG, "unknown section",
                             "use [station], [registry], [firmware], [hsm ROLE] or [slot NAME]" },
    [CLI_CONFIG_KEY] = { "config-key", ERR_CONFIG, "unknown key", "correct or remove it: see fuseline(1), CONFIGURATION" },
    [CLI_CONFIG_VALUE] = { "config-value", ERR_CONFIG, "a value does not fit its key",
                           "correct it: see fuseline(1), CONFIGURATION" },
    [CLI_CONFIG_CHIP] = { "config-chip", ERR_CONFIG, "unknown chip", "use a name that `fuseline chip list` shows" },
    [CLI_CONFIG_NO_KEY] = { "config-missing-key", ERR_CONFIG, "a section lacks a required key",
                            "add the key below its section line" },
    [CLI_CONFIG_SLOT_NAME] = { "config-slot-name", ERR_CONFIG, "a slot's name is not usable",
                               "name it with 1 to 32 letters, digits, - and _" },
    [CLI_CONFIG_ADAPTER] = { "config-adapter", ERR_CONFIG, "a slot's adapter file cannot be read",
                             "name an OpenOCD adapter configuration, relative to the directory of fuseline.conf" },
    [CLI_NO_SLOT] = { "no-slot", ERR_CONFIG, "the configuration has no such slot",
                      "name one of its slots, or add the section" },
    [CLI_NO_SLOTS] = { "no-slots", ERR_CONFIG, "the configuration has no slot",
                       "add a section [slot NAME] with chip and adapter: see fuseline(1), CONFIGURATION" },
    [CLI_OPENOCD_VERSION] = { "openocd-version", ERR_CONFIG, "this is no OpenOCD 0.12",
                              "install OpenOCD 0.12, or set `openocd` in [station] to its absolute path" },
    [CLI_CONFIG_ROLE] = { "config-role", ERR_CONFIG, "unknown role of a token",
                          "use [hsm line], [hsm server], [hsm log] or [hsm vault]" },
    [CLI_CONFIG_TOKEN] = { "config-token", ERR_CONFIG, "a token is named in two ways",
                           "keep `uri`, or keep `token` and `module`" },
    [CLI_NO_TOKEN] = { "no-token", ERR_CONFIG, "the configuration names no token for this role",
                       "run `fuseline init DIR`, or add the section: see fuseline(1), CONFIGURATION" },
    [CLI_NO_PIN] = { "no-pin", ERR_RIGHTS, "the token needs a PIN, and nothing says where it is",
                     "set `pin-source = file:PATH` in the role's section, or give --pin-source" },
    [CLI_PIN_SOURCE] = { "bad-pin-source", ERR_USAGE, "a PIN comes from file:PATH or fd:N",
                         "name a file of mode 0400, or an open descriptor" },
    [CLI_INIT_DIR] = { "init-folder", ERR_CREATE, "the folder can't be made or used",
                       "name a folder whose parent is there and writable" },
    [CLI_INIT_WRITE] = { "init-write", ERR_CREATE, "a file of the folder can't be written",
                         "check the folder's disk and rights, then repeat" },
    [CLI_PRODUCT_NAME] = { "product-name", ERR_USAGE, "a product's name is not usable",
                           "name it with 1 to 32 letters, digits, dots, - and _" },
    [CLI_UNKNOWN_CHIP] = { "unknown-chip", ERR_USAGE, "unknown chip", "use a name that `fuseline chip list` shows" },
    [CLI_UNKNOWN_SCHEME] = { "unknown-scheme", ERR_USAGE, "unknown scheme", "use `sealed`" },
    [CLI_SCHEME_NOT_READY] = { "scheme-later", ERR_USAGE, "this version does not speak that scheme yet", "use `sealed`" },
    [CLI_LOCK_LEVEL] = { "lock-level", ERR_USAGE, "a lock is readout protection level 0, 1 or 2",
                         "see `fuseline product add --help` for what each protects" },
    [CLI_SERIAL_RANGE] = { "serial-range", ERR_USAGE, "not a range of serials",
                           "give FIRST-LAST, two numbers in 1..4294967295, or leave it out" },
    [CLI_SERIAL] = { "bad-serial", ERR_USAGE, "not a serial", "give all its 16 hexadecimal digits" },
    [CLI_DEVICE_STATE] = { "unknown-state", ERR_USAGE, "unknown state of a device", "use a state that `device list` shows" },
    [CLI_PRODUCT_OTHER] = { "product-other", ERR_CONFLICT, "a product of that name is there, with other values",
                            "choose another name: a product is never changed" },
    [CLI_FIRMWARE] = { "firmware-file", ERR_CONFIG, "there is no firmware for this scheme and chip",
                       "build or install it, or set `path` in [firmware]" },
    [CLI_CRYPTO] = { "crypto-library", ERR_UNAVAILABLE, "the crypto library does not start",
                     "check the installation of OpenSSL 3" },
    [CLI_FORMAT] = { "bad-format", ERR_USAGE, "frames come as hex or as cobs", "give --format hex or --format cobs" },
    [CLI_SOURCE_CHOICE] = { "source-choice", ERR_USAGE, "the frames must come from exactly one place",
                            "give a file, - or --console, one of them" },
    [CLI_CONSOLE] = { "console-open", ERR_NOINPUT, "the console can't be opened",
                      "check its path and rights: a serial port, a pseudo-terminal or a socket" },
    [CLI_NOT_A_FRAME] = { "not-a-frame", ERR_INPUT, "these bytes are no frame",
                          "give a whole frame as hexadecimal digits, as it was received" },
    [CLI_OTP_IMAGE] = { "otp-image", ERR_NO, "this is no valid image of a device",
                        "see docs/protocol.md, boot checks, for what the name means" },
    [CLI_CONSOLE_BUSY] = { "console-busy", ERR_RETRY, "another fuseline listens on the console; nothing was burned",
                           "end it, or wait for it" },
    [CLI_INPUT_SHORT] = { "input-short", ERR_INPUT, "the input is shorter than an image",
                          "give the first 176 bytes of an OTP area, or all of it" },
    [CLI_SHOW_CHOICE] = { "show-choice", ERR_USAGE, "the image must come from exactly one place",
                          "give --file or --slot, one of them" },
    [CLI_OTP_TORN] = { "otp-unreadable-image", ERR_NO, "the image can't be read: a cell is torn",
                       "quarantine the board if it was cut in its burn" },
    [CLI_KEK_DIFFERS] = { "kek-differs", ERR_CONFLICT, "the line and the server token hold different keys of that name",
                          "stop: what the line wraps, the server can't open; let an officer find the right one" },
};

const struct fault *fault_walk(size_t i)
{
    static const struct {
        const struct fault *first;
        size_t n;
    } rooms[] = {
        { ini_fault, INI_FAULTS }, { flash_fault, FLASH_FAULTS },     { hsm_fault, HSM_FAULTS },
        { db_fault, DB_FAULTS },   { station_fault, STATION_FAULTS }, { verifier_fault, VERIFIER_FAULTS },
        { cli_fault, CLI_FAULTS },
    };

    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        if (i < rooms[r].n)
            return &rooms[r].first[i];
        i -= rooms[r].n;
    }
    return NULL;
}
