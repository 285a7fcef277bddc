/* Carries the guest's DNS queries to the host over one stream, and the answers back. */
#ifndef GONDOLIN_NET_DNS_H
#define GONDOLIN_NET_DNS_H

#include "runtime/failure.h"

/* The stream is opened with the first query, and again after it was reset. */
bool net_dns_start(struct failure *failure);

#endif
