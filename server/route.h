/* server/route.h - which request is which: method and path to a route, or to the status that refuses it.  Pure. */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

enum route { ROUTE_NONE, ROUTE_FRAMES, ROUTE_HEALTH, ROUTE_METRICS };

struct route_match {
    enum route route;
    const char *allow; /* methods of that path, as in Allow; NULL: no such path */
    long fleet;        /* of ROUTE_FRAMES: 0..65535, or -1 if the path names none */
};

/* 0: go on; else 404 or 405. */
unsigned route_find(const char *method, const char *path, struct route_match *out);

#endif
