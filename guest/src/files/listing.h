/* LIST: the next page of a directory. */
#ifndef GONDOLIN_FILES_LISTING_H
#define GONDOLIN_FILES_LISTING_H

#include "files/request.h"

/* Writes the page into `writer`. 0, or an errno. */
int files_list(const struct files_request *request, struct wire_writer *writer);

#endif
