#include "cli/fault.h"

#include <string.h>

#include "base/ini.h"
#include "db/fault.h"
#include "flash/fault.h"
#include "hsm/fault.h"
#include "server/fault.h"
#include "relay/fault.h"
#include "station/fault.h"
#include "verifier/fault.h"

#define SEE_HELP "see `fuseline --help`"

const struct fault cli_good[CLI_GOODS] = {
    [CLI_DONE] = { "done", ERR_OK, "the device is burned, proved, locked as its product asks, and recorded",
                   "take the board out, put in the next", FATE_BY_CODE },
    [CLI_ALREADY_DONE] = { "already-done", ERR_OK, "this board was done before, and is as the line left it",
                           "take the board out, put in the next", FATE_BY_CODE },
    [CLI_PLAN] = { "plan", ERR_OK, "nothing speaks against this board; nothing was burned or recorded", "repeat with --burn",
                   FATE_RETRY },
};

const struct fault cli_fault[CLI_FAULTS] = {
    [CLI_NO_COMMAND] = { "no-command", ERR_USAGE, "no command is given", SEE_HELP, FATE_BY_CODE },
    [CLI_UNKNOWN_COMMAND] = { "unknown-command", ERR_USAGE, "unknown command", SEE_HELP, FATE_BY_CODE },
    [CLI_UNKNOWN_OPTION] = { "unknown-option", ERR_USAGE, "unknown option", "see the command's --help", FATE_BY_CODE },
    [CLI_DOUBLED_OPTION] = { "doubled-option", ERR_USAGE, "an option is given twice", "give it once", FATE_BY_CODE },
    [CLI_OPTION_VALUE] = { "option-value", ERR_USAGE, "an option lacks its argument, or has one it does not take",
                           "see the command's --help", FATE_BY_CODE },
    [CLI_MISSING_OPTION] = { "missing-option", ERR_USAGE, "a required option is missing",
                             "give it, see the command's --help", FATE_BY_CODE },
    [CLI_OPERAND] = { "unexpected-operand", ERR_USAGE, "a word too many", "remove it", FATE_BY_CODE },
    [CLI_BAD_NUMBER] = { "bad-number", ERR_USAGE, "not a number that fits",
                         "give a decimal or 0x hexadecimal number in the range of the OTP area", FATE_BY_CODE },
    [CLI_BAD_HEX] = { "bad-hex", ERR_USAGE, "the bytes are not hexadecimal",
                      "give two digits 0-9 a-f per byte, nothing else", FATE_BY_CODE },
    [CLI_INPUT_CHOICE] = { "input-choice", ERR_USAGE, "the bytes must come from exactly one place",
                           "give --data or --file, one of them", FATE_BY_CODE },
    [CLI_INPUT_MISSING] = { "input-missing", ERR_NOINPUT, "the input file cannot be opened",
                            "give the name of a file that is there and may be read", FATE_BY_CODE },
    [CLI_INPUT_READ] = { "input-read", ERR_IO, "the input file cannot be read", "give a regular file on a disk that works",
                         FATE_BY_CODE },
    [CLI_INPUT_SIZE] = { "input-size", ERR_INPUT, "the input is empty, or longer than may be",
                         "give as many bytes as the message says", FATE_BY_CODE },
    [CLI_OUTPUT] = { "output-write", ERR_IO, "standard output cannot be written; what was burned, if anything, stays burned",
                     "repeat with an output that can be written: no cell is burned twice", FATE_BY_CODE },
    [CLI_NO_MEMORY] = { "no-memory", ERR_RETRY, "no memory is left", "end other programs and try again", FATE_BY_CODE },
    [CLI_INTERRUPTED] = { "interrupted", ERR_RETRY, "interrupted by a signal; nothing was burned",
                          "repeat the command when you are ready", FATE_BY_CODE },
    [CLI_INTERRUPTED_BURNED] = { "interrupted-burned", ERR_INCOMPLETE,
                                 "interrupted by a signal between two cells, after the first burned one",
                                 "leave the board in its slot and repeat the same command: it completes the burn",
                                 FATE_BY_CODE },
    [CLI_CONFIG_SECTION] = { "config-section", ERR_CONFIG, "unknown section",
                             "use [station], [registry], [firmware], [hsm ROLE], [serve] or [slot NAME]", FATE_BY_CODE },
    [CLI_CONFIG_KEY] = { "config-key", ERR_CONFIG, "unknown key", "mend its name: see fuseline(1), CONFIGURATION",
                         FATE_BY_CODE },
    [CLI_CONFIG_VALUE] = { "config-value", ERR_CONFIG, "a value does not fit its key",
                           "correct it: see fuseline(1), CONFIGURATION", FATE_BY_CODE },
    [CLI_CONFIG_CHIP] = { "config-chip", ERR_CONFIG, "unknown chip", "use a name that `fuseline chip list` shows",
                          FATE_BY_CODE },
    [CLI_CONFIG_NO_KEY] = { "config-missing-key", ERR_CONFIG, "a section lacks a required key",
                            "add the key below its section line", FATE_BY_CODE },
    [CLI_CONFIG_SLOT_NAME] = { "config-slot-name", ERR_CONFIG, "a slot's name is not usable",
                               "name it with 1 to 32 letters, digits, - and _", FATE_BY_CODE },
    [CLI_CONFIG_ADAPTER] = { "config-adapter", ERR_CONFIG, "a slot's adapter file cannot be read",
                             "name an OpenOCD adapter configuration, relative to the directory of fuseline.conf",
                             FATE_BY_CODE },
    [CLI_NO_SLOT] = { "no-slot", ERR_CONFIG, "the configuration has no such slot",
                      "name a slot that it has: `fuseline doctor` shows them", FATE_BY_CODE },
    [CLI_NO_SLOTS] = { "no-slots", ERR_CONFIG, "the configuration has no slot",
                       "add a section [slot NAME] with chip and adapter: see fuseline(1), CONFIGURATION", FATE_BY_CODE },
    [CLI_OPENOCD_VERSION] = { "openocd-version", ERR_CONFIG, "this is no OpenOCD 0.12",
                              "install OpenOCD 0.12 where `openocd` in [station] says", FATE_BY_CODE },
    [CLI_CONFIG_ROLE] = { "config-role", ERR_CONFIG, "unknown role of a token",
                          "use [hsm line], [hsm server], [hsm log] or [hsm vault]", FATE_BY_CODE },
    [CLI_CONFIG_TOKEN] = { "config-token", ERR_CONFIG, "a token is named in two ways",
                           "keep one: `uri`, or `token` and `module`", FATE_BY_CODE },
    [CLI_NO_TOKEN] = { "no-token", ERR_CONFIG, "the configuration names no token for this role",
                       "let `fuseline init DIR` make one and its section", FATE_BY_CODE },
    [CLI_NO_PIN] = { "no-pin", ERR_RIGHTS, "the token needs a PIN, and nothing says where it is",
                     "set `pin-source = file:PATH` in the role's section, or give --pin-source", FATE_BY_CODE },
    [CLI_PIN_SOURCE] = { "bad-pin-source", ERR_USAGE, "a PIN comes from file:PATH or fd:N",
                         "name a file of mode 0400, or an open descriptor", FATE_BY_CODE },
    [CLI_INIT_DIR] = { "init-folder", ERR_CREATE, "the folder can't be made or used",
                       "name a folder whose parent is there and writable", FATE_BY_CODE },
    [CLI_INIT_WRITE] = { "init-write", ERR_CREATE, "a file of the folder can't be written",
                         "check the folder's disk and rights, then repeat", FATE_BY_CODE },
    [CLI_PRODUCT_NAME] = { "product-name", ERR_USAGE, "a product's name is not usable",
                           "name it with 1 to 32 letters, digits, dots, - and _", FATE_BY_CODE },
    [CLI_UNKNOWN_CHIP] = { "unknown-chip", ERR_USAGE, "unknown chip", "use a name that `fuseline chip list` shows",
                           FATE_BY_CODE },
    [CLI_UNKNOWN_SCHEME] = { "unknown-scheme", ERR_USAGE, "unknown scheme",
                             "use a name that `fuseline product add --help` shows", FATE_BY_CODE },
    [CLI_SCHEME_NOT_READY] = { "scheme-later", ERR_USAGE, "this version does not speak that scheme yet",
                               "use a name that `fuseline product add --help` shows", FATE_BY_CODE },
    [CLI_LOCK_LEVEL] = { "lock-level", ERR_USAGE, "a lock is readout protection level 0, 1 or 2",
                         "see `fuseline product add --help` for what each protects", FATE_BY_CODE },
    [CLI_SERIAL_RANGE] = { "serial-range", ERR_USAGE, "not a range of serials",
                           "give FIRST-LAST, two numbers in 1..4294967295, or leave it out", FATE_BY_CODE },
    [CLI_SERIAL] = { "bad-serial", ERR_USAGE, "not a serial", "give all its 16 hexadecimal digits", FATE_BY_CODE },
    [CLI_DEVICE_STATE] = { "unknown-state", ERR_USAGE, "unknown state of a device", "use a state that `device list` shows",
                           FATE_BY_CODE },
    [CLI_PRODUCT_OTHER] = { "product-other", ERR_CONFLICT, "a product of that name is there, with other values",
                            "choose another name: a product is never changed", FATE_RETRY },
    [CLI_FIRMWARE] = { "firmware-file", ERR_CONFIG, "there is no firmware for this scheme and chip",
                       "set `path` in [firmware] to the folder that holds it", FATE_BY_CODE },
    [CLI_CRYPTO] = { "crypto-library", ERR_UNAVAILABLE, "the crypto library does not start",
                     "mend the installation of OpenSSL 3", FATE_BY_CODE },
    [CLI_FORMAT] = { "bad-format", ERR_USAGE, "frames come as hex or as cobs", "give --format hex or --format cobs",
                     FATE_BY_CODE },
    [CLI_SOURCE_CHOICE] = { "source-choice", ERR_USAGE, "the frames must come from exactly one place",
                            "give a file, - or --console, one of them", FATE_BY_CODE },
    [CLI_CONSOLE] = { "console-open", ERR_NOINPUT, "the console can't be opened",
                      "give a serial port, a pseudo-terminal or a socket that is there and may be opened", FATE_BY_CODE },
    [CLI_NOT_A_FRAME] = { "not-a-frame", ERR_INPUT, "these bytes are no frame",
                          "give a whole frame as hexadecimal digits, as it was received", FATE_BY_CODE },
    [CLI_OTP_IMAGE] = { "otp-image", ERR_NO, "this is no valid image of a device",
                        "offer the board to `fuseline provision`: it knows what this one needs", FATE_RETRY },
    [CLI_CONSOLE_BUSY] = { "console-busy", ERR_RETRY, "another fuseline listens on the console; nothing was burned",
                           "wait for it to end, then repeat", FATE_BY_CODE },
    [CLI_INPUT_SHORT] = { "input-short", ERR_INPUT, "the input is shorter than an image",
                          "give the first 176 bytes of an OTP area, or all of it", FATE_BY_CODE },
    [CLI_SHOW_CHOICE] = { "show-choice", ERR_USAGE, "the image must come from exactly one place",
                          "give --file or --slot, one of them", FATE_BY_CODE },
    [CLI_OTP_TORN] = { "otp-unreadable-image", ERR_NO, "the image can't be read: a cell is torn",
                       "quarantine the board: this cell can never be mended", FATE_SCRAP },
    [CLI_KEK_DIFFERS] = { "kek-differs", ERR_CONFLICT, "the line and the server token hold different keys of that name",
                          "let an officer find the right token: what this line wraps, that server can't open", FATE_RETRY },
    [CLI_UNKNOWN_CODE] = { "unknown-code", ERR_USAGE, "no such code", "use a code that `fuseline explain --all` shows",
                           FATE_BY_CODE },
    [CLI_EXPLAIN_CHOICE] = { "explain-choice", ERR_USAGE, "what to explain must be said in exactly one way",
                             "give one or more codes, or --all, or --man", FATE_BY_CODE },
    [CLI_DIFFERS] = { "registry-differs", ERR_CONFIG, "the registry contradicts itself; nothing was burned",
                      "see every difference with `fuseline reconcile`", FATE_BY_CODE },
    [CLI_REASON] = { "bad-reason", ERR_USAGE, "the reason is 1 to 200 bytes of text on one line", "say in a few words why",
                     FATE_BY_CODE },
    [CLI_NOTHING_ACCEPTED] = { "registry-not-older", ERR_NO, "the registry is no older copy: there is nothing to accept",
                               "go on without --accept-registry", FATE_RETRY },
    [CLI_ROLE] = { "unknown-role", ERR_USAGE, "no such role", "use line, server, log or vault", FATE_BY_CODE },
    [CLI_KEY_CHOICE] = { "key-choice", ERR_USAGE, "which key is to be made must be said in exactly one way",
                         "give one of --fleet, --rsa, --ra, --backup-ra and --tls", FATE_BY_CODE },
    [CLI_KEY_NEEDED] = { "key-needed", ERR_CONFLICT,
                         "devices may still need the key: without it what they send is never read",
                         "wait till every device has moved; or, by an officer's word, --force --reason TEXT", FATE_RETRY },
    [CLI_KEY_RETIRED] = { "key-retired", ERR_CONFLICT, "a key of that name was retired, and its number is never used again",
                          "make the key of the next epoch: --epoch N; of a certificate: another name", FATE_RETRY },
    [CLI_FORCE] = { "force-reason", ERR_USAGE, "the options --force and --reason go together",
                    "say in a few words why the key is to be destroyed all the same", FATE_BY_CODE },
    [CLI_SERVE_CERTIFICATE] = { "serve-certificate", ERR_CONFIG, "the server's certificate must come from exactly one place",
                                "set `certificate` and `key` in [serve], or give --self-signed", FATE_BY_CODE },
    [CLI_SERVE_PIN] = { "serve-pin", ERR_RIGHTS, "each worker logs in by itself: the PIN must be in a file",
                        "set `pin-source = file:PATH` in [hsm server], or give --pin-source file:PATH", FATE_BY_CODE },
    [CLI_NO_CONSOLE] = { "no-console", ERR_CONFIG, "the slot has no console",
                         "add console = PATH to its section, or give --console a path with a slash", FATE_BY_CODE },
    [CLI_PROBABILITY] = { "bad-probability", ERR_USAGE, "not a probability", "give a number in 0..1, such as 0.05",
                          FATE_BY_CODE },
    [CLI_RELAY_SOURCE] = { "relay-source", ERR_USAGE, "the frames must come from exactly one place",
                           "give --console or --from, one of them", FATE_BY_CODE },
    [CLI_TRUST_CHOICE] = { "relay-trust", ERR_USAGE, "the server is trusted in one way",
                           "give --cacert or --pin-sha256, not both", FATE_BY_CODE },
    [CLI_PRODUCT_OPTION] = { "product-option", ERR_USAGE, "this option does not go with the scheme",
                             "see `fuseline product add --help` for what each scheme takes", FATE_BY_CODE },
    [CLI_NO_COMPACT] = { "no-compact-form", ERR_USAGE, "first frames of such a product have no compact form",
                         "leave out --compact: sealed, sealed-fleet, session and, with every frame signed, identity and signup have one",
                         FATE_BY_CODE },
    [CLI_NO_RA] = { "no-rotation-authority", ERR_CONFIG,
                    "the vault token has no rotation authority, and devices of this scheme hold one for ever",
                    "make it once, with the vault at hand: `fuseline key new --ra`; then repeat", FATE_BY_CODE },
    [CLI_NO_BACKUP_RA] = { "no-backup-authority", ERR_CONFIG,
                           "the vault token has no backup authority, and devices of this scheme hold one for ever",
                           "make it once, with the vault at hand: `fuseline key new --backup-ra`; then repeat",
                           FATE_BY_CODE },
    [CLI_NO_MASTER] = { "no-master", ERR_CONFIG, "the server token has no master of this line to derive keys from",
                        "let `fuseline init` make it and copy it, or copy the line's own at a ceremony", FATE_BY_CODE },
    [CLI_NO_ROTATION] = { "no-rotation", ERR_CONFLICT, "the devices of this fleet take no new fleet key; nothing was made",
                          "rotate fleets of sealed-fleet, identity, session (not RSA), certificate and signup", FATE_RETRY },
    [CLI_NO_KEY_ROTATION] = { "no-key-rotation", ERR_USAGE, "a key like this is never followed by another",
                              "give fleet/F/N, as `fuseline key list` shows it; docs/keys.md has what other keys have instead",
                              FATE_BY_CODE },
    [CLI_NO_AUTHORITY] = { "no-authority", ERR_CONFLICT,
                           "the devices of this fleet have no such rotation authority; nothing was made",
                           "let the authority sign that `fuseline product show` names: a backup is in sealed-fleet alone",
                           FATE_RETRY },
    [CLI_RA_OTHER] = { "ra-other", ERR_CONFLICT,
                       "the vault's rotation authority is not the one in the fleet's devices; nothing was made",
                       "open the vault that holds the fleet's own authority: `fuseline product show` has its x",
                       FATE_RETRY },
    [CLI_EPOCH_NOT_NEXT] = { "epoch-not-next", ERR_CONFLICT, "the fleet's next epoch is another one; nothing was made",
                             "look how far it is with `fuseline rotate status`, and give that number or none", FATE_RETRY },
    [CLI_ROTATE_UNVERIFIED] = { "rotate-unverified", ERR_UNAVAILABLE,
                                "the signature does not verify as the devices will; nothing was recorded",
                                "repeat; if it stays, the vault token signs wrong: have it looked at", FATE_BY_CODE },
    [CLI_NO_REKEY] = { "no-rekey", ERR_CONFLICT, "only devices of scheme `derived` have generations; nothing was announced",
                       "give serials of a product of scheme derived: `fuseline product list`", FATE_RETRY },
    [CLI_REKEY_STATE] = { "rekey-state", ERR_CONFLICT, "the device is not DONE; nothing was announced",
                          "finish it first: `fuseline status` says where it is", FATE_RETRY },
    [CLI_REKEY_CHOICE] = { "rekey-choice", ERR_USAGE, "which devices must be said in exactly one way",
                           "give serials, or --product NAME", FATE_BY_CODE },
    [CLI_TLS_LABEL] = { "tls-label", ERR_USAGE, "this is no key of a certificate",
                        "give tls/NAME, as `fuseline key list` shows it", FATE_BY_CODE },
    [CLI_KEY_SERVED] = { "key-served", ERR_CONFLICT, "the server's certificate needs the key: without it `serve` ends",
                         "give [serve] another key and certificate first; or, by an officer's word, --force --reason TEXT",
                         FATE_RETRY },
    [CLI_NO_DOWN] = { "no-down", ERR_CONFLICT, "nothing can be sent to this device; nothing was queued",
                      "give a device of a two-way product whose frames name it: `fuseline product list`", FATE_RETRY },
    [CLI_DOWN_STATE] = { "down-state", ERR_CONFLICT, "the device is not DONE; nothing was queued",
                         "finish it first: `fuseline status` says where it is", FATE_RETRY },
    [CLI_RSA_NATIVE] = { "rsa-padding-inside", ERR_UNAVAILABLE,
                         "the server's token takes the padding off RSA itself, which this version can't use",
                         "take scheme session, or a token that does raw RSA: see docs/hsm.md", FATE_BY_CODE },
    [CLI_KEY_LOST] = { "key-lost", ERR_UNAVAILABLE, "the log knows that key, and its token has it no more",
                       "restore tokens/ from a backup, or its file from keep/; else make a key of another name or --epoch",
                       FATE_BY_CODE },
};

const struct fault *fault_walk(size_t i)
{
    static const struct {
        const struct fault *first;
        size_t n;
    } rooms[] = {
        { ini_fault, INI_FAULTS },       { flash_fault, FLASH_FAULTS },     { hsm_fault, HSM_FAULTS },
        { db_fault, DB_FAULTS },         { station_fault, STATION_FAULTS }, { verifier_fault, VERIFIER_FAULTS },
        { server_fault, SERVER_FAULTS }, { relay_fault, RELAY_FAULTS },     { cli_fault, CLI_FAULTS },
    };

    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        if (i < rooms[r].n)
            return &rooms[r].first[i];
        i -= rooms[r].n;
    }
    return NULL;
}

const struct fault *code_walk(size_t i)
{
    return i < CLI_GOODS ? &cli_good[i] : fault_walk(i - CLI_GOODS);
}

const struct fault *code_find(const char *name)
{
    const struct fault *f;

    for (size_t i = 0; (f = code_walk(i)) != NULL; i++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}
