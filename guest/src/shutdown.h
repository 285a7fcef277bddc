/* SHUTDOWN: everything ends, nothing unwritten is lost. */
#ifndef GONDOLIN_SHUTDOWN_H
#define GONDOLIN_SHUTDOWN_H

/* Powers off without a word more. */
void shutdown_now(void) __attribute__((noreturn));

/* Kills every process, writes back what is cached and unmounts (three seconds at most), powers off. */
void shutdown_cleanly(void) __attribute__((noreturn));

#endif
