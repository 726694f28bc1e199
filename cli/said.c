#include "cli/said.h"

#include <stdio.h>

#include "protocol/local.h"

void said_show(const char *console, const uint8_t *bytes, size_t len)
{
    struct local l;
    char text[LOCAL_TEXT_MAX + 1];
    size_t n = 0;

    if (!local_parse(bytes, len, &l)) {
        fprintf(stderr, "fuseline: %s: a local record that nobody knows, %zu bytes\n", console, len);
        return;
    }
    if (l.type != LOCAL_ERROR) {
        fprintf(stderr, "fuseline: %s: a %s on the console, not for us\n", console,
                l.type == LOCAL_PROOF ? "proof" : "challenge");
        return;
    }
    for (; n < l.len && n < LOCAL_TEXT_MAX; n++)
        text[n] = l.body[n] >= 0x20 && l.body[n] < 0x7F ? (char)l.body[n] : '?';
    text[n] = '\0';
    fprintf(stderr, "fuseline: %s: the device says: %s (%u)%s%s\n", console, device_code_name(l.code), l.code,
            n > 0 ? ": " : "", text);
}
