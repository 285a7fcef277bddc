/* SHUTDOWN: ends every process and loses nothing that was written. */
#ifndef GONDOLIN_SHUTDOWN_H
#define GONDOLIN_SHUTDOWN_H

/* Kills every process and writes back what is cached; powers off after a time limit even if that has not finished. */
void shutdown_begin(void);

/* Unmounts and powers off, after the reply, for a host that does not end the machine itself. */
void shutdown_finish(void) __attribute__((noreturn));

#endif
