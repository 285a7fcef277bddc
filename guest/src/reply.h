/* The agent's messages on their way out. */
#ifndef GONDOLIN_REPLY_H
#define GONDOLIN_REPLY_H

#include <stdint.h>

#include "process.h"

void reply_hello(void);
void reply_ok(uint32_t request_id);
void reply_ok_pid(uint32_t request_id, pid_t pid);
void reply_failed(uint32_t request_id, const struct failure *failure);
void reply_error(uint32_t request_id, int error, const char *stage);

/* `status` as waitpid() gives it. Queued behind the stream data that was queued before. */
void reply_exited(uint32_t request_id, int status);
void reply_log(uint8_t level, const char *text);

#endif
