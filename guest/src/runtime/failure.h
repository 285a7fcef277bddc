/* The reason why a request failed, as the host receives it. */
#ifndef GONDOLIN_FAILURE_H
#define GONDOLIN_FAILURE_H

#include <stdbool.h>

/* errno and the stage, as they are sent to the host. */
struct failure {
    int error;
    char stage[1024];
};

/* Fills `failure` from errno and a printf-like stage. Returns false, so that a stage may end in `return failed(…)`. */
bool failed(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
