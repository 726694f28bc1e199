#include "cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ini.h"
#include "base/suggest.h"
#include "cli/config_impl.h"
#include "cli/fault.h"

enum err_code config_no_memory(const struct ini_item *item, struct err *e)
{
    return err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", item->file);
}

enum err_code config_bad_value(const struct ini_item *item, const char *wanted, struct err *e)
{
    return err_set(e, &cli_fault[CLI_CONFIG_VALUE], "read", NULL, 0, "%s:%u: %s = '%s' is not %s", item->file, item->line,
                   item->key, item->value, wanted);
}

static struct slot *last_slot(struct load *l)
{
    return &l->c->slot[l->c->n_slots - 1];
}

static enum err_code set_openocd(struct load *l, const struct ini_item *item, struct err *e)
{
    if (item->value[0] != '/')
        return config_bad_value(item, "an absolute path", e);
    free(l->c->openocd);
    l->c->openocd = strdup(item->value);
    return l->c->openocd != NULL ? ERR_OK : config_no_memory(item, e);
}

bool config_number(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    char *end;

    *out = strtoul(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && *out >= min && *out <= max;
}

static enum err_code set_timeout(struct load *l, const struct ini_item *item, struct err *e)
{
    unsigned long ms;

    if (!config_number(item->value, 100, 600000, &ms))
        return config_bad_value(item, "a number of milliseconds in 100..600000", e);
    l->c->timeout_ms = (unsigned)ms;
    return ERR_OK;
}

static enum err_code set_station(struct load *l, const struct ini_item *item, struct err *e)
{
    unsigned long id;

    if (!config_number(item->value, 0, UINT16_MAX, &id))
        return config_bad_value(item, "a number in 0..65535", e);
    l->c->station = (uint16_t)id;
    return ERR_OK;
}

static enum err_code set_chip(struct load *l, const struct ini_item *item, struct err *e)
{
    char known[128] = "";
    struct suggest s;

    last_slot(l)->chip = chip_desc_find(item->value);
    if (last_slot(l)->chip != NULL)
        return ERR_OK;
    suggest_init(&s, item->value);
    for (size_t i = 0; i < chip_descs_n; i++) {
        size_t len = strlen(known);

        suggest_offer(&s, chip_descs[i]->name);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "", chip_descs[i]->name);
    }
    const char *best = suggest_best(&s);
    return err_set(e, &cli_fault[CLI_CONFIG_CHIP], "read", NULL, 0, "%s:%u: '%s'%s%s%s; known: %s", item->file, item->line,
                   item->value, best != NULL ? ", did you mean '" : "", best != NULL ? best : "", best != NULL ? "'?" : "",
                   known);
}

/* A path in the config counts from the config's directory. */
enum err_code config_set_path(struct load *l, const struct ini_item *item, char **out, struct err *e)
{
    int n;

    if (item->value[0] == '\0')
        return config_bad_value(item, "a path", e);
    free(*out);
    if (item->value[0] == '/')
        n = asprintf(out, "%s", item->value);
    else
        n = asprintf(out, "%s/%s", l->c->dir, item->value);
    if (n < 0) {
        *out = NULL;
        return config_no_memory(item, e);
    }
    return ERR_OK;
}

static enum err_code set_adapter(struct load *l, const struct ini_item *item, struct err *e)
{
    last_slot(l)->adapter_line = item->line;
    return config_set_path(l, item, &last_slot(l)->adapter, e);
}

static enum err_code set_console(struct load *l, const struct ini_item *item, struct err *e)
{
    return config_set_path(l, item, &last_slot(l)->console, e);
}

static enum err_code set_console_seconds(struct load *l, const struct ini_item *item, struct err *e)
{
    unsigned long seconds;

    if (!config_number(item->value, 1, 600, &seconds))
        return config_bad_value(item, "a number of seconds in 1..600", e);
    last_slot(l)->console_seconds = (unsigned)seconds;
    return ERR_OK;
}

static enum err_code set_registry(struct load *l, const struct ini_item *item, struct err *e)
{
    return config_set_path(l, item, &l->c->registry, e);
}

static enum err_code set_firmware(struct load *l, const struct ini_item *item, struct err *e)
{
    return config_set_path(l, item, &l->c->firmware, e);
}

static enum err_code set_uri(struct load *l, const struct ini_item *item, struct err *e)
{
    struct token *t = &l->c->token[l->role];

    if (strncmp(item->value, "pkcs11:", strlen("pkcs11:")) != 0)
        return config_bad_value(item, "a PKCS#11 URI (RFC 7512)", e);
    t->uri = strdup(item->value);
    return t->uri != NULL ? ERR_OK : config_no_memory(item, e);
}

static enum err_code set_token(struct load *l, const struct ini_item *item, struct err *e)
{
    struct token *t = &l->c->token[l->role];
    size_t len = strlen(item->value);

    if (len == 0 || len > TOKEN_LABEL_MAX)
        return config_bad_value(item, "a label of 1 to 32 bytes", e);
    t->label = strdup(item->value);
    return t->label != NULL ? ERR_OK : config_no_memory(item, e);
}

static enum err_code set_module(struct load *l, const struct ini_item *item, struct err *e)
{
    return config_set_path(l, item, &l->c->token[l->role].module, e);
}

static enum err_code set_pin_source(struct load *l, const struct ini_item *item, struct err *e)
{
    struct ini_item path = *item;

    if (strncmp(item->value, "file:", strlen("file:")) != 0 || item->value[strlen("file:")] == '\0')
        return err_set(e, &cli_fault[CLI_CONFIG_VALUE], "read", NULL, 0, "%s:%u: %s is not file:PATH", item->file,
                       item->line, item->key); /* not quoted: it may be a PIN */
    path.value += strlen("file:");
    return config_set_path(l, &path, &l->c->token[l->role].pin_file, e);
}

static const struct key station_keys[] = {
    { "id", false, set_station },
    { "openocd", false, set_openocd },
    { "timeout_ms", false, set_timeout },
};
static const struct key registry_keys[] = {
    { "path", false, set_registry },
};
static const struct key firmware_keys[] = {
    { "path", false, set_firmware },
};
static const struct key token_keys[] = {
    { "uri", false, set_uri },
    { "token", false, set_token },
    { "module", false, set_module },
    { "pin-source", false, set_pin_source },
};
static const struct key slot_keys[] = {
    { "chip", true, set_chip },
    { "adapter", true, set_adapter },
    { "console", false, set_console },
    { "console-seconds", false, set_console_seconds },
};

static enum err_code begin_nameless(struct load *l, const char *name, const struct ini_item *item, struct err *e);
static enum err_code begin_token(struct load *l, const char *name, const struct ini_item *item, struct err *e);
static enum err_code begin_slot(struct load *l, const char *name, const struct ini_item *item, struct err *e);

static const struct kind {
    const char *word;
    enum err_code (*begin)(struct load *l, const char *name, const struct ini_item *item, struct err *e);
    const struct key *key;
    size_t n_keys;
} kinds[] = {
    { "station", begin_nameless, station_keys, sizeof station_keys / sizeof *station_keys },
    { "registry", begin_nameless, registry_keys, sizeof registry_keys / sizeof *registry_keys },
    { "firmware", begin_nameless, firmware_keys, sizeof firmware_keys / sizeof *firmware_keys },
    { "hsm", begin_token, token_keys, sizeof token_keys / sizeof *token_keys },
    { "serve", begin_nameless, serve_keys, SERVE_KEYS },
    { "slot", begin_slot, slot_keys, sizeof slot_keys / sizeof *slot_keys },
};

static enum err_code unknown(const struct ini_item *item, enum cli_fault_id id, const char *word, const struct suggest *s,
                             struct err *e)
{
    const char *best = suggest_best(s);

    return err_set(e, &cli_fault[id], "read", NULL, 0, "%s:%u: '%s'%s%s%s", item->file, item->line, word,
                   best != NULL ? ", did you mean '" : "", best != NULL ? best : "", best != NULL ? "'?" : "");
}

static enum err_code begin_nameless(struct load *l, const char *name, const struct ini_item *item, struct err *e)
{
    if (*name != '\0')
        return err_set(e, &cli_fault[CLI_CONFIG_SECTION], "read", NULL, 0, "%s:%u: '%s': a %s has no name", item->file,
                       item->line, item->section, l->kind->word);
    return ERR_OK;
}

const char *config_role_name(enum role role)
{
    static const char *const names[ROLES] = { "line", "server", "log", "vault" };

    return names[role];
}

static enum err_code begin_token(struct load *l, const char *name, const struct ini_item *item, struct err *e)
{
    struct suggest s;

    suggest_init(&s, name);
    for (l->role = 0; l->role < ROLES && strcmp(name, config_role_name(l->role)) != 0; l->role++)
        suggest_offer(&s, config_role_name(l->role));
    if (l->role == ROLES)
        return unknown(item, CLI_CONFIG_ROLE, name, &s, e);
    if (l->c->token[l->role].line != 0) /* also when the sections differ in blanks */
        return err_set(e, &ini_fault[INI_DOUBLED_SECTION], "read", NULL, 0, "%s:%u: 'hsm %s' was given in line %u",
                       item->file, item->line, name, l->c->token[l->role].line);
    l->c->token[l->role].line = item->line;
    return ERR_OK;
}

static bool is_slot_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return len > 0 && len <= SLOT_NAME_MAX;
}

static enum err_code begin_slot(struct load *l, const char *name, const struct ini_item *item, struct err *e)
{
    if (!is_slot_name(name))
        return err_set(e, &cli_fault[CLI_CONFIG_SLOT_NAME], "read", NULL, 0, "%s:%u: '%s'", item->file, item->line, name);
    for (size_t i = 0; i < l->c->n_slots; i++) /* also when the sections differ in blanks */
        if (strcmp(l->c->slot[i].name, name) == 0)
            return err_set(e, &ini_fault[INI_DOUBLED_SECTION], "read", NULL, 0, "%s:%u: 'slot %s' was given in line %u",
                           item->file, item->line, name, l->c->slot[i].line);
    struct slot *more = realloc(l->c->slot, (l->c->n_slots + 1) * sizeof *more);
    if (more == NULL)
        return config_no_memory(item, e);
    l->c->slot = more;
    l->c->n_slots++;
    *last_slot(l) = (struct slot){ .line = item->line };
    (void)snprintf(last_slot(l)->name, sizeof last_slot(l)->name, "%s", name);
    return ERR_OK;
}

/* A token is named by uri, or by token and module. */
static enum err_code check_token(const struct load *l, struct err *e)
{
    const struct token *t = &l->c->token[l->role];

    if (t->uri != NULL && (t->label != NULL || t->module != NULL))
        return err_set(e, &cli_fault[CLI_CONFIG_TOKEN], "read", NULL, 0, "%s:%u: [%s] has a uri and a %s", l->c->path,
                       l->at.line, l->section, t->label != NULL ? "token" : "module");
    if (t->uri == NULL && (t->label == NULL || t->module == NULL))
        return err_set(e, &cli_fault[CLI_CONFIG_NO_KEY], "read", NULL, 0, "%s:%u: [%s] has no '%s'", l->c->path, l->at.line,
                       l->section, t->label == NULL ? "token' and no 'uri" : "module");
    return ERR_OK;
}

/* What the section that ends here lacks. */
static enum err_code end_section(const struct load *l, struct err *e)
{
    if (l->kind == NULL)
        return ERR_OK;
    for (size_t i = 0; i < l->kind->n_keys; i++)
        if (l->kind->key[i].required && !l->given[i])
            return err_set(e, &cli_fault[CLI_CONFIG_NO_KEY], "read", NULL, 0, "%s:%u: [%s] has no '%s'", l->c->path,
                           l->at.line, l->section, l->kind->key[i].name);
    return l->kind->begin == begin_token ? check_token(l, e) : ERR_OK;
}

static enum err_code begin_section(struct load *l, const struct ini_item *item, struct err *e)
{
    enum err_code rc = end_section(l, e);
    size_t word = strcspn(item->section, " \t");
    struct suggest s;
    char first[64];

    if (rc != ERR_OK)
        return rc;
    (void)snprintf(first, sizeof first, "%.*s", (int)word, item->section);
    l->kind = NULL;
    suggest_init(&s, first);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        suggest_offer(&s, kinds[i].word);
        if (strcmp(first, kinds[i].word) == 0)
            l->kind = &kinds[i];
    }
    if (l->kind == NULL)
        return unknown(item, CLI_CONFIG_SECTION, item->section, &s, e);
    l->at = *item;
    (void)snprintf(l->section, sizeof l->section, "%s", item->section);
    memset(l->given, 0, sizeof l->given);
    const char *name = item->section + word;
    return l->kind->begin(l, name + strspn(name, " \t"), item, e);
}

static enum err_code take_item(void *io, const struct ini_item *item, struct err *e)
{
    struct load *l = io;
    struct suggest s;

    if (item->key == NULL)
        return begin_section(l, item, e);
    suggest_init(&s, item->key);
    for (size_t i = 0; i < l->kind->n_keys; i++) {
        suggest_offer(&s, l->kind->key[i].name);
        if (strcmp(item->key, l->kind->key[i].name) == 0) {
            l->given[i] = true;
            return l->kind->key[i].set(l, item, e);
        }
    }
    return unknown(item, CLI_CONFIG_KEY, item->key, &s, e);
}

static bool defaults(struct config *c, const char *dir)
{
    c->station = 1;
    c->dir = strdup(dir);
    c->openocd = strdup("/usr/bin/openocd");
    if (asprintf(&c->path, "%s/fuseline.conf", dir) < 0)
        c->path = NULL; /* asprintf leaves it undefined */
    if (asprintf(&c->registry, "%s/registry.db", dir) < 0)
        c->registry = NULL;
    if (!serve_defaults(&c->serve))
        return false;
    return c->dir != NULL && c->openocd != NULL && c->path != NULL && c->registry != NULL;
}

enum err_code config_load(struct config **out, const char *dir, struct err *e)
{
    struct config *c = calloc(1, sizeof *c);
    struct load l = { .c = c };
    enum err_code rc = ERR_RETRY;

    if (c == NULL || !defaults(c, dir)) {
        rc = err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", dir);
        goto out;
    }
    rc = ini_walk(c->path, take_item, &l, e);
    if (rc == ERR_OK)
        rc = end_section(&l, e);
    if (rc == ERR_OK) {
        *out = c;
        c = NULL;
    }
out:
    config_free(c);
    return rc;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_slots; i++) {
        free(c->slot[i].adapter);
        free(c->slot[i].console);
    }
    for (enum role r = 0; r < ROLES; r++) {
        free(c->token[r].uri);
        free(c->token[r].label);
        free(c->token[r].module);
        free(c->token[r].pin_file);
    }
    free(c->slot);
    free(c->serve.listen);
    free(c->serve.certificate);
    free(c->serve.key);
    free(c->serve.key_label);
    free(c->registry);
    free(c->firmware);
    free(c->openocd);
    free(c->path);
    free(c->dir);
    free(c);
}

enum err_code config_slot(const struct config *c, const char *name, const struct slot **out, struct err *e)
{
    char known[160] = "";
    struct suggest s;

    suggest_init(&s, name);
    for (size_t i = 0; i < c->n_slots; i++) {
        size_t len = strlen(known);

        if (strcmp(c->slot[i].name, name) == 0) {
            *out = &c->slot[i];
            return ERR_OK;
        }
        suggest_offer(&s, c->slot[i].name);
        (void)snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "", c->slot[i].name);
    }
    if (c->n_slots == 0)
        return err_set(e, &cli_fault[CLI_NO_SLOTS], "read", NULL, 0, "%s", c->path);
    const char *best = suggest_best(&s);
    return err_set(e, &cli_fault[CLI_NO_SLOT], "read", NULL, 0, "%s: '%.*s'%s%s%s; it has: %s", c->path, SLOT_NAME_MAX, name,
                   best != NULL ? ", did you mean '" : "", best != NULL ? best : "", best != NULL ? "'?" : "", known);
}

enum err_code config_check_adapter(const struct config *c, const struct slot *s, struct err *e)
{
    struct stat st;

    if (stat(s->adapter, &st) != 0 || access(s->adapter, R_OK) != 0)
        return err_errno(e, &cli_fault[CLI_CONFIG_ADAPTER], "open", "%s:%u: slot '%s': %s", c->path, s->adapter_line,
                         s->name, s->adapter);
    if (!S_ISREG(st.st_mode))
        return err_set(e, &cli_fault[CLI_CONFIG_ADAPTER], "open", NULL, 0, "%s:%u: slot '%s': %s is no regular file",
                       c->path, s->adapter_line, s->name, s->adapter);
    return ERR_OK;
}
