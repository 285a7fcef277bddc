/*
 * New files whose data waits in the agent until they are closed. A program that seeks and reads in a file that it writes (an assembler)
 * makes the kernel ask the host after each part; the host, which notices that, lets the agent reply to those requests for the next new
 * files. Their data goes to the host as one WRITE: at the close, which gets its error, before any request that could show that it is not
 * there yet, and after WAIT_MS. Requests and the clock belong to one thread, messages of the host to another.
 */
#ifndef GONDOLIN_NEW_FILES_H
#define GONDOLIN_NEW_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Call with each request of the kernel, before it goes to the host. Returns true when it does not: the kernel has its reply, or gets it once
 * the host has the file's data. Sends data first, and waits until the host has it, if this request may ask for it.
 */
bool new_files_answer(int device_fd, const uint8_t *request, size_t length);

/* Takes over a NOTIFY_NEW_FILE message: the data of this file may wait. */
void new_files_add(const uint8_t *message, size_t length);

/* Call with each reply of the host. Returns true when it is not for the kernel. */
bool new_files_take_reply(int device_fd, const uint8_t *message, size_t length);

/* Call with each notification of the host for the kernel: a file that the host has changed waits no longer. */
void new_files_expire(const uint8_t *notification, size_t length);

/* Returns the time until data has waited long enough, in milliseconds; -1 when none waits. */
int new_files_wait_ms(void);

/* Sends what has waited long enough, and waits until the host has it. */
void new_files_send_late(void);

#endif
