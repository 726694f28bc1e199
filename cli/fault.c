#include "cli/fault.h"

#include "base/ini.h"
#include "flash/fault.h"

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
    [CLI_CONFIG_SECTION] = { "config-section", ERR_CONFIG, "unknown section", "use [station] or [slot NAME]" },
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
};

const struct fault *fault_walk(size_t i)
{
    static const struct {
        const struct fault *first;
        size_t n;
    } rooms[] = {
        { ini_fault, INI_FAULTS },
        { flash_fault, FLASH_FAULTS },
        { cli_fault, CLI_FAULTS },
    };

    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        if (i < rooms[r].n)
            return &rooms[r].first[i];
        i -= rooms[r].n;
    }
    return NULL;
}
