#include "base/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct fault ini_fault[INI_FAULTS] = {
    [INI_MISSING] = { "config-missing", ERR_NOINPUT, "there is no configuration file",
                      "name its folder with -C DIR: `fuseline init DIR` makes one", FATE_BY_CODE },
    [INI_UNREADABLE] = { "config-unreadable", ERR_IO, "the configuration cannot be read",
                         "make it a regular file under 64 KiB that this user may read", FATE_BY_CODE },
    [INI_RIGHTS] = { "config-rights", ERR_RIGHTS, "the configuration may not be read by this user",
                     "give this user the right to read it", FATE_BY_CODE },
    [INI_LONG_LINE] = { "config-long-line", ERR_CONFIG, "a line is longer than 199 bytes", "shorten the line",
                        FATE_BY_CODE },
    [INI_CONTROL_BYTE] = { "config-control-byte", ERR_CONFIG, "a line holds a control byte",
                           "write the file as plain text: the byte is invisible in most editors", FATE_BY_CODE },
    [INI_SYNTAX] = { "config-syntax", ERR_CONFIG, "a line is neither [section], nor key = value, nor a comment",
                     "mend the line", FATE_BY_CODE },
    [INI_OUTSIDE] = { "config-key-outside", ERR_CONFIG, "a key stands before the first section",
                      "move it below its [station] or [slot NAME] line", FATE_BY_CODE },
    [INI_DOUBLED_KEY] = { "config-doubled-key", ERR_CONFIG, "a key is given twice in one section", "remove one of the two",
                          FATE_BY_CODE },
    [INI_DOUBLED_SECTION] = { "config-doubled-section", ERR_CONFIG, "a section is given twice", "make them one",
                              FATE_BY_CODE },
    [INI_NO_MEMORY] = { "config-no-memory", ERR_RETRY, "no memory is left to read the configuration",
                        "end other programs and try again", FATE_BY_CODE },
};

struct seen { /* names met before, to find doubled ones */
    struct {
        char *name;
        unsigned line;
    } * at;
    size_t n;
};

struct walk {
    FILE *f;
    char *line; /* getline's buffer */
    size_t line_size;
    struct ini_item item;
    char section[INI_LINE_MAX + 1];
    struct seen sections, keys; /* keys: of the present section */
    ini_item_fn *fn;
    void *io;
    enum err_code rc;
    struct err *e;
};

static void seen_clear(struct seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->at[i].name);
    free(s->at);
    *s = (struct seen){ 0 };
}

static enum err_code wrong(struct walk *w, enum ini_fault_id id, const char *what, const char *text)
{
    return err_set(w->e, &ini_fault[id], "read", NULL, 0, "%s:%u: %s%s", w->item.file, w->item.line, what, text);
}

/* Remember name, or say that it was there before. */
static enum err_code seen_add(struct walk *w, struct seen *s, const char *name, enum ini_fault_id doubled)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->at[i].name, name) == 0)
            return err_set(w->e, &ini_fault[doubled], "read", NULL, 0, "%s:%u: '%s' was given in line %u", w->item.file,
                           w->item.line, name, s->at[i].line);

    void *more = realloc(s->at, (s->n + 1) * sizeof *s->at);
    if (more == NULL)
        return wrong(w, INI_NO_MEMORY, "", "");
    s->at = more;
    s->at[s->n].line = w->item.line;
    s->at[s->n].name = strdup(name);
    if (s->at[s->n].name == NULL)
        return wrong(w, INI_NO_MEMORY, "", "");
    s->n++;
    return ERR_OK;
}

/* text begins with '['. */
static enum err_code section_start(struct walk *w, const char *text)
{
    const char *end = strchr(text, ']');

    if (end == NULL)
        return wrong(w, INI_SYNTAX, "no ']' behind ", text);
    const char *rest = end + 1 + strspn(end + 1, " \t");
    if (*rest != '\0' && *rest != ';' && *rest != '#')
        return wrong(w, INI_SYNTAX, "behind the ']': ", rest);

    (void)snprintf(w->section, sizeof w->section, "%.*s", (int)(end - text - 1), text + 1);
    seen_clear(&w->keys);
    enum err_code rc = seen_add(w, &w->sections, w->section, INI_DOUBLED_SECTION);
    if (rc != ERR_OK)
        return rc;
    w->item.section = w->section;
    w->item.key = w->item.value = NULL;
    return w->fn(w->io, &w->item, w->e);
}

static bool has_control_byte(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (iscntrl((unsigned char)text[i]) && text[i] != '\t')
            return true;
    return false;
}

/* What libinih would let pass, or report only at the end of the file, is refused here, line by line. */
static enum err_code check_line(struct walk *w, const char *line, size_t len)
{
    if (len > INI_LINE_MAX)
        return wrong(w, INI_LONG_LINE, "", "it would be cut");
    if (has_control_byte(line, len))
        return wrong(w, INI_CONTROL_BYTE, "", line);

    const char *text = line + strspn(line, " \t");
    if (*text == '\0' || *text == '#' || *text == ';')
        return ERR_OK;
    if (*text == '[')
        return section_start(w, text);
    if (*text == '=' || *text == ':' || strpbrk(text, "=:") == NULL)
        return wrong(w, INI_SYNTAX, "", text);
    if (w->item.section == NULL)
        return wrong(w, INI_OUTSIDE, "", text);
    return ERR_OK;
}

/* libinih's reader: the next line without its indentation and line end; NULL at the end and after the first error. */
static char *next_line(char *out, int size, void *stream)
{
    struct walk *w = stream;

    if (w->rc != ERR_OK)
        return NULL;
    errno = 0;
    ssize_t got = getline(&w->line, &w->line_size, w->f);
    if (got < 0) {
        if (!feof(w->f))
            w->rc = err_errno(w->e, &ini_fault[INI_UNREADABLE], "read", "%s", w->item.file);
        return NULL;
    }
    w->item.line++;

    char *line = w->line;
    size_t len = (size_t)got;
    if (len > 0 && line[len - 1] == '\n')
        line[--len] = '\0';
    if (len > 0 && line[len - 1] == '\r')
        line[--len] = '\0';
    if (w->item.line == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0) { /* an editor's byte order mark */
        line += 3;
        len -= 3;
    }
    w->rc = check_line(w, line, len);
    if (w->rc != ERR_OK)
        return NULL;
    (void)snprintf(out, (size_t)size, "%s", line + strspn(line, " \t"));
    return out;
}

/* libinih's own idea of the section is cut at 49 bytes: ours is used. */
static int take_key(void *user, const char *section, const char *key, const char *value)
{
    struct walk *w = user;

    (void)section;
    w->rc = seen_add(w, &w->keys, key, INI_DOUBLED_KEY);
    if (w->rc != ERR_OK)
        return 0;
    w->item.key = key;
    w->item.value = value;
    w->rc = w->fn(w->io, &w->item, w->e);
    return w->rc == ERR_OK;
}

/* O_NONBLOCK: a FIFO in the file's place must not hang us. */
static enum err_code open_file(FILE **out, const char *file, struct err *e)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        enum ini_fault_id why = errno == ENOENT || errno == ENOTDIR ? INI_MISSING
                                : errno == EACCES                   ? INI_RIGHTS
                                                                    : INI_UNREADABLE;
        return err_errno(e, &ini_fault[why], "open", "%s", file);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > INI_FILE_MAX) {
        (void)close(fd); /* nothing was written */
        return err_set(e, &ini_fault[INI_UNREADABLE], "fstat", NULL, 0, "%s", file);
    }
    *out = fdopen(fd, "r");
    if (*out == NULL) {
        (void)close(fd);
        return err_errno(e, &ini_fault[INI_NO_MEMORY], "fdopen", "%s", file);
    }
    return ERR_OK;
}

enum err_code ini_walk(const char *file, ini_item_fn *fn, void *io, struct err *e)
{
    struct walk w = { .item = { .file = file }, .fn = fn, .io = io, .e = e };
    enum err_code rc = open_file(&w.f, file, e);

    if (rc != ERR_OK)
        return rc;
    int bad_line = ini_parse_stream(next_line, &w, take_key, &w);
    if (w.rc == ERR_OK && bad_line != 0) { /* a line that passed our checks and not libinih's */
        w.item.line = bad_line > 0 ? (unsigned)bad_line : w.item.line;
        w.rc = wrong(&w, bad_line == -2 ? INI_NO_MEMORY : INI_SYNTAX, "", "");
    }
    seen_clear(&w.sections);
    seen_clear(&w.keys);
    free(w.line);
    (void)fclose(w.f); /* nothing was written */
    return w.rc;
}
