/* Accepts what the steering program captured, as long as there are streams and room for it. */
#ifndef GONDOLIN_NET_TCP_H
#define GONDOLIN_NET_TCP_H

#include "process.h"

/* Opens the listeners and names them to the program. After the routes. */
bool net_tcp_start(struct failure *failure);

/* Goes on accepting where it had to stop. Called once per loop turn. */
void net_tcp_accept_more(void);

#endif
