/* The monotonic clock as the kernel's last tick left it, a few milliseconds old: reading the precise one may be a device access. */
#ifndef GONDOLIN_CLOCK_H
#define GONDOLIN_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_coarse_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
