/*
 * Keeps the pump and the interrupts of its port on the processor of the process that sends the requests.
 *
 * A process that waits for one reply after another then continues on the processor where it sleeps. Spread over several
 * processors, each request wakes idle ones, which under emulation takes longer than all other work for it. Only where
 * each processor is a package of its own, as the host starts emulated machines: where they share a cache the kernel
 * wakes a process on an idle one, and it would have to be followed at each reply.
 */
#ifndef GONDOLIN_PUMP_PROCESSOR_H
#define GONDOLIN_PUMP_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

/* Call before the pump's threads start. */
void pump_processor_start(int port_fd);

/* The calling thread belongs to the pump. At most two threads do. */
void pump_processor_join(void);

/* Notes that thread `pid` sent a request; 0 when nobody waits for it. `is_large`: it has data of many pages. Called by one thread. */
void pump_processor_note(uint32_t pid, bool is_large);

/* Returns the processor on which a thread last ran, from the text of its /proc/PID/stat, or -1. */
long pump_processor_parse(const char *stat);

#endif
