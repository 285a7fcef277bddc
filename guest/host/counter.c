#include "confine.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_SECOND 1000000000ULL
#define NS_PER_MS 1000000ULL
/* A sample in which this process was interrupted is taken again, so often at most. */
#define SAMPLES 20
#define GOOD_SAMPLE_NS 500
#define MIN_INTERVAL_NS NS_PER_MS
/* Kernels measure the rate to 0.05 %; processors of different models differ by more than 1 %. */
#define TOLERANCE_SHARE 200

static uint64_t now_ns(void)
{
    struct timespec now;
    check(clock_gettime(CLOCK_MONOTONIC, &now), "clock");
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t read_counter(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
    return 0;
#endif
}

struct counter_sample counter_sample(void)
{
    struct counter_sample best = {0};
    uint64_t best_ns = UINT64_MAX;
    for (int i = 0; i < SAMPLES && best_ns > GOOD_SAMPLE_NS; i++) {
        uint64_t before = now_ns();
        uint64_t counter = read_counter();
        uint64_t took = now_ns() - before;
        if (took < best_ns) {
            best_ns = took;
            best = (struct counter_sample){.counter = counter, .ns = before + took / 2};
        }
    }
    return best;
}

void counter_check(const struct counter_sample *first, unsigned long expected_khz)
{
    while (now_ns() - first->ns < MIN_INTERVAL_NS)
        ;
    struct counter_sample last = counter_sample();
    uint64_t khz = (last.counter - first->counter) * NS_PER_MS / (last.ns - first->ns);
    uint64_t difference = khz > expected_khz ? khz - expected_khz : expected_khz - khz;
    if (difference <= expected_khz / TOLERANCE_SHARE)
        return;
    (void)fprintf(stderr,
                  "gondolin-confine: the saved machine's clock would be wrong here: its kernel measured a counter of "
                  "%lu.%03lu MHz, and this processor's runs at %lu.%03lu MHz\n",
                  expected_khz / 1000, expected_khz % 1000, (unsigned long)khz / 1000, (unsigned long)khz % 1000);
    exit(CANNOT_START);
}
