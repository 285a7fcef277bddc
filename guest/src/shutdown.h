/* SHUTDOWN: everything ends, nothing unwritten is lost. */
#ifndef GONDOLIN_SHUTDOWN_H
#define GONDOLIN_SHUTDOWN_H

/* Kills every process and writes back what is cached; three seconds later at most the power is off. */
void shutdown_begin(void);

/* Unmounts and powers off: after the answer, for a host that does not end the machine itself. */
void shutdown_finish(void) __attribute__((noreturn));

#endif
