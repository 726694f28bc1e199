#include "cli/help.h"

#include <stdbool.h>
#include <string.h>

#include "base/version.h"

static void command_line(FILE *out, const char *lead, const struct cmd *c)
{
    fprintf(out, "%s fuseline [-C DIR] [--json] %s%s%s\n", lead, c->name, c->synopsis[0] != '\0' ? " " : "", c->synopsis);
}

static void program_line(FILE *out)
{
    fputs("usage: fuseline [-C DIR] [--json] COMMAND ...\n"
          "       fuseline [COMMAND] --help\n"
          "       fuseline --version\n",
          out);
}

static void option_lines(FILE *out, const struct cmd_opt *opts)
{
    for (; opts->name != NULL; opts++) {
        char names[48];
        char letter[] = { '-', opts->letter, ',', ' ', '\0' };

        (void)snprintf(names, sizeof names, "%s%s%s%s%s", opts->letter != 0 ? letter : "",
                       opts->id != OPT_OPERAND ? "--" : "", opts->name, opts->arg != NULL ? " " : "",
                       opts->arg != NULL ? opts->arg : "");
        fprintf(out, "  %-20s  %s%s\n", names, opts->help, opts->required ? " (required)" : "");
    }
}

static void exit_lines(FILE *out)
{
    for (int code = 0; code < ERR_CODES; code++)
        fprintf(out, "  %2d  %s\n", err_exit_status((enum err_code)code), err_code_meaning((enum err_code)code));
}

static void program_help(FILE *out)
{
    program_line(out);
    fputs("\nThe provisioning line for devices that are programmed once.\n\ncommands:\n", out);
    for (size_t i = 0; i < cmds_n; i++)
        fprintf(out, "  %-20s  %s\n", cmds[i]->name, cmds[i]->summary);
    fputs("\noptions, before or behind the command:\n", out);
    option_lines(out, common_opts);
    fputs("\nexit status:\n", out);
    exit_lines(out);
    fputs("\nThe configuration is DIR/fuseline.conf: see fuseline(1).\n", out);
}

void help_version(FILE *out)
{
    fputs("fuseline " FUSELINE_VERSION "\n", out);
}

void help_print(FILE *out, const struct cmd *cmd)
{
    if (cmd == NULL) {
        program_help(out);
        return;
    }
    command_line(out, "usage:", cmd);
    fprintf(out, "\n%s\n", cmd->summary);
    if (cmd->details != NULL)
        fprintf(out, "\n%s", cmd->details);
    fputs("\noptions:\n", out);
    option_lines(out, cmd->opts);
    option_lines(out, common_opts);
}

void help_synopsis(FILE *out, const struct cmd *cmd, const char *word)
{
    const char *lead = "usage:";

    if (cmd != NULL) {
        command_line(out, lead, cmd);
        return;
    }
    size_t len = word != NULL ? strlen(word) : 0;
    for (size_t i = 0; i < cmds_n && len > 0; i++)
        if (strncmp(cmds[i]->name, word, len) == 0 && cmds[i]->name[len] == ' ') {
            command_line(out, lead, cmds[i]);
            lead = "      ";
        }
    if (lead[0] == 'u')
        program_line(out);
}
