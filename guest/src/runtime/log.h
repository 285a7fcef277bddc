/* Writes a line to the console for an error and sends a LOG message to the host. Safe to call from every thread. */
#ifndef GONDOLIN_LOG_H
#define GONDOLIN_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Opens /dev/console. Until then lines go to stderr. */
void log_open_console(void);

/* Makes the queue that carries lines to the loop. 0, or -1 with errno. */
int log_open_queue(void);

/* Returns the queue's read end, and takes one line (NUL-terminated) out of the queue; false if it is empty. */
int log_queue_fd(void);
bool log_take(uint8_t *level, char *text, uint32_t capacity);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes to the console only. */
void log_console(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
