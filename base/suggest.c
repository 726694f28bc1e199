#include "base/suggest.h"

#include <stdint.h>
#include <string.h>

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t d[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];

    if (la > SUGGEST_WORD_MAX || lb > SUGGEST_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        d[i][0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            d[i][j] = min(replace, min(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[la][lb];
}

void suggest_init(struct suggest *s, const char *word)
{
    size_t near = strlen(word) / 3;

    *s = (struct suggest){ .word = word, .distance = (near > 1 ? near : 1) + 1 };
}

void suggest_offer(struct suggest *s, const char *known)
{
    size_t d = suggest_distance(s->word, known);

    if (d < s->distance) {
        s->distance = d;
        s->best = known;
    }
}

const char *suggest_best(const struct suggest *s)
{
    return s->best;
}
