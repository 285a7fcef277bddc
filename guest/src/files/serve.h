/* Does one request and writes its reply. */
#ifndef GONDOLIN_FILES_SERVE_H
#define GONDOLIN_FILES_SERVE_H

#include "files/request.h"

/* Largest reply, its length included. */
#define FILES_MAX_REPLY_BYTES (GONDOLIN_FILES_REPLY_HEADER_BYTES + GONDOLIN_MAX_FILES_DATA_BYTES)

/* `writer` has room for FILES_MAX_REPLY_BYTES more. */
void files_serve(const struct files_request *request, struct wire_writer *writer);

#endif
