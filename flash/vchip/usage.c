#include "flash/vchip/usage.h"

#include <string.h>

#include "flash/vchip/command.h"

const char usage_synopsis[] = "usage: vchip --chip CHIP --state FILE --jtag SOCKET --control SOCKET [--usart PATH]\n"
                              "       vchip --help | --version\n";

static const char intro[] = "\n"
                            "A simulated board with one STM32 on it, to practise on before real parts are burned.\n"
                            "Unmodified OpenOCD talks to its JTAG port; its flash, OTP, option bytes, readout\n"
                            "protection and unique ID obey the part's reference manual, and forget nothing; its core\n"
                            "runs the firmware that is written into it.\n"
                            "\n"
                            "Options\n"
                            "  --chip CHIP       the part on the board:";
static const char options[] =
    "\n"
    "  --state FILE      what the part holds, kept for ever; made when absent: a blank part with\n"
    "                    a random unique ID.  Another chip's file is refused and not changed.\n"
    "                    One vchip at a time may use it.\n"
    "  --jtag SOCKET     unix socket for OpenOCD's remote_bitbang adapter\n"
    "  --control SOCKET  unix socket for the commands below\n"
    "  --usart PATH      symlink to a terminal that is the far end of USART2 (raw, any speed)\n"
    "  --help            this text            --version   the release\n"
    "When it is listening it prints 'ready' on stdout.  The board is then inserted and powered.\n"
    "It ends on SIGTERM, SIGINT or the command quit, removes its sockets, and keeps the state.\n"
    "\n"
    "A first session\n"
    "  vchip --chip stm32l476 --state board.bin --jtag jtag.sock --control hand.sock --usart tty &\n"
    "  openocd -c 'adapter driver remote_bitbang' -c 'remote_bitbang port 0' \\\n"
    "          -c 'remote_bitbang host jtag.sock' -f target/stm32l4x.cfg \\\n"
    "          -c 'adapter srst delay 0; jtag_ntrst_delay 0' \\\n"
    "          -c 'stm32l4x.cpu configure -event reset-start {}' \\\n"
    "          -c 'stm32l4x.cpu configure -event reset-init {}' \\\n"
    "          -c 'init; reset halt; flash write_image erase firmware.elf; reset run; shutdown'\n"
    "  cat tty                                          # what the firmware says on USART2\n"
    "  echo 'peek 0x08000000 16' | socat -t5 - UNIX-CONNECT:hand.sock\n"
    "  echo 'cut otp 3 partial'  | socat -t5 - UNIX-CONNECT:hand.sock   # and burn OTP now\n"
    "  echo 'power on'           | socat -t5 - UNIX-CONNECT:hand.sock   # see what is left\n"
    "For stm32f407 it is target/stm32f4x.cfg and stm32f4x.cpu.  (The two 'configure' lines only\n"
    "silence 'Translation from khz to adapter speed not implemented'.)\n"
    "\n"
    "Control commands: one per line; the answer is one line, 'ok ...', or 'error: ...' and then\n"
    "nothing has changed.  Numbers are decimal or 0x...  Faults stay until taken back or `new`.\n";
static const char silicon[] =
    "\n"
    "What the part can do: Cortex-M4 with FPU, exceptions, NVIC, SysTick, WFI, debug; flash and OTP\n"
    "with the controller's rules, errors and busy times (wall clock); RDP 0, 1, 2; RCC (all\n"
    "oscillators ready at once), USART2 (irq 38), RNG, IWDG; GPIO, PWR, SYSCFG as plain registers.\n"
    "A peripheral whose clock is off in RCC reads 0; the RNG needs its 48 MHz clock; addresses\n"
    "where nothing is, are bus faults.  Not there: DMA, timers, MPU, bit-banding, alternate\n"
    "function switching, the baud rate on the wire, memory remapping, instruction timing.\n"
    "SRAM comes up with a pattern after power-on, and keeps its contents through resets.\n"
    "\n"
    "Exit status\n"
    "   0  ended as asked\n"
    "  64  the command line is wrong\n"
    "  65  the state file is another chip's, cut short, or of another release\n"
    "  69  no memory, or the state file is in use\n"
    "  73  a socket, the serial line or the state file cannot be made, or is taken\n"
    "  74  the state file cannot be read or written\n";

/* Help of several lines is indented throughout. */
static void print_lines(FILE *out, const char *text)
{
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        fprintf(out, "      %.*s\n", (int)(end - text), text);
    fprintf(out, "      %s\n", text);
}

void usage_print(FILE *out)
{
    fputs(usage_synopsis, out);
    fputs(intro, out);
    for (size_t i = 0; i < chip_descs_n; i++)
        fprintf(out, "%s %s (%s)", i > 0 ? "," : "", chip_descs[i]->name, chip_descs[i]->title);
    fputs(options, out);
    for (size_t i = 0; i < commands_n; i++) {
        fprintf(out, "  %s%s%s\n", commands[i].name, *commands[i].args != '\0' ? " " : "", commands[i].args);
        print_lines(out, commands[i].help);
    }
    fputs(silicon, out);
}
