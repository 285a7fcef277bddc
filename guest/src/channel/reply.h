/* Sends the agent's messages. */
#ifndef GONDOLIN_REPLY_H
#define GONDOLIN_REPLY_H

#include <stdint.h>
#include <sys/types.h>

#include "runtime/failure.h"

void reply_hello(void);
void reply_ok(uint32_t request_id);
void reply_ok_pid(uint32_t request_id, pid_t pid);
/* Sends the last frame until the port is resumed; the bytes are those of file_port_counts(), the rate that of counter_khz(). */
void reply_frozen(uint32_t request_id, uint64_t sent_bytes, uint64_t received_bytes, uint32_t counter_khz);
void reply_failed(uint32_t request_id, const struct failure *failure);
void reply_error(uint32_t request_id, int error, const char *stage);

/* `status` is that of waitpid(). Queued after the stream data that is queued already. */
void reply_exited(uint32_t request_id, int status, bool is_out_of_memory);
void reply_log(uint8_t level, const char *text);

#endif
