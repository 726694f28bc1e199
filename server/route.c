#include "server/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/engine.h"

/* Decimal, without sign, blanks or leading zeros: one name for one fleet. */
static bool fleet_id(const char *text, long *out)
{
    long id = 0;

    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || (id = id * 10 + (*text - '0')) > UINT16_MAX)
            return false;
    }
    *out = id;
    return true;
}

unsigned route_find(const char *method, const char *path, struct route_match *out)
{
    static const char frames[] = "/v1/frames";
    const size_t len = sizeof frames - 1;

    *out = (struct route_match){ .route = ROUTE_NONE, .allow = NULL, .fleet = NO_FLEET };
    if (strcmp(path, "/healthz") == 0)
        *out = (struct route_match){ ROUTE_HEALTH, "GET, HEAD", NO_FLEET };
    else if (strcmp(path, "/metrics") == 0)
        *out = (struct route_match){ ROUTE_METRICS, "GET, HEAD", NO_FLEET };
    else if (strcmp(path, frames) == 0 ||
             (strncmp(path, frames, len) == 0 && path[len] == '/' && fleet_id(path + len + 1, &out->fleet))) {
        out->route = ROUTE_FRAMES;
        out->allow = "POST";
    }
    if (out->allow == NULL)
        return 404;
    if (strcmp(method, "POST") == 0)
        return out->route == ROUTE_FRAMES ? 0 : 405;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return out->route != ROUTE_FRAMES ? 0 : 405;
    return 405;
}
