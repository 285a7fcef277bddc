/* One line to the console for errors, and one LOG message to the host. Safe to call from every thread. */
#ifndef GONDOLIN_LOG_H
#define GONDOLIN_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Opens /dev/console. Before it, lines go to stderr. */
void log_open_console(void);

/* Makes the queue that carries lines to the loop; 0, or -1 with errno. */
int log_open_queue(void);

/* Gives the queue's read end and one line of it (NUL-ended); false when it is empty. */
int log_queue_fd(void);
bool log_take(uint8_t *level, char *text, uint32_t capacity);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Console only. */
void log_console(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
