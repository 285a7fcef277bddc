/* The items that gondolin-confine shows to a program, and the limits that it can set. */
#ifndef GONDOLIN_CONFINE_H
#define GONDOLIN_CONFINE_H

#include <stddef.h>
#include <stdint.h>

/* The exit status when the program was not started. */
#define CANNOT_START 127

enum kind { KIND_DIRECTORY, KIND_FILE, KIND_DATA, KIND_DEVICE };

/* Something of the host that the program may use. */
struct item {
    enum kind kind;
    const char *path;
    /* Resolved, without symbolic links; NULL if there is no such file. */
    const char *real;
    int is_link;
};

/* Prints the stage that failed with the text of errno, and exits. */
void die(const char *stage) __attribute__((noreturn));

/* Dies unless `result` is 0. */
void check(int result, const char *stage);

/* From here on this process opens nothing but `items`. Needs PR_SET_NO_NEW_PRIVS; dies on Linux before 6.2. */
void restrict_files(const struct item *items, size_t count);

/* From here on this process makes and connects no socket. Needs PR_SET_NO_NEW_PRIVS. */
void forbid_sockets(void);

/* The processor's counter (TSC, CNTVCT) at a time of CLOCK_MONOTONIC. */
struct counter_sample {
    uint64_t counter;
    uint64_t ns;
};

struct counter_sample counter_sample(void);

/*
 * Exits unless the counter has run at `expected_khz` since `first`, within 0.5 %. QEMU without KVM gives it to guests, and
 * a saved guest keeps the rate that it measured when it booted.
 */
void counter_check(const struct counter_sample *first, unsigned long expected_khz);

#endif
