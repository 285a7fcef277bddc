/* Carries the guest's DNS queries to the host over one stream, and the responses back. */
#ifndef GONDOLIN_NET_DNS_H
#define GONDOLIN_NET_DNS_H

#include "runtime/failure.h"

/* Opens the stream with the first query, and again after it was reset. */
bool net_dns_start(struct failure *failure);

#endif
