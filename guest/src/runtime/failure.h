/* Why a request failed, as the host receives it. */
#ifndef GONDOLIN_FAILURE_H
#define GONDOLIN_FAILURE_H

#include <stdbool.h>

/* Why a request failed: errno and the stage as it goes on the wire. */
struct failure {
    int error;
    char stage[1024];
};

/* Fills `failure` from errno and a printf-like stage; gives false, so that stages can end in `return failed(…)`. */
bool failed(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
