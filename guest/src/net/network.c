#include "net/network.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "net/bpf/steer.h"
#include "net/dns.h"
#include "net/hold/hold.h"
#include "net/local_addresses.h"
#include "net/packet/address.h"
#include "net/refuse.h"
#include "net/route.h"
#include "net/tcp.h"
#include "runtime/util.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* Images may have a link there, to the file of a resolver that does not run. */
static bool write_resolv_conf(struct failure *failure)
{
    static const char text[] = "nameserver " NET_SERVER_TEXT "\n";
    if (mkdir("/etc", 0755) != 0 && errno != EEXIST)
        return failed(failure, "mkdir /etc");
    if (unlink(RESOLV_CONF) != 0 && errno != ENOENT)
        return failed(failure, "replace " RESOLV_CONF);
    AUTO_CLOSE int fd = open(RESOLV_CONF, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || RETRY_EINTR(write(fd, text, sizeof text - 1)) != (long)sizeof text - 1)
        return failed(failure, "write " RESOLV_CONF);
    return true;
}

bool net_start(struct failure *failure)
{
    static bool is_started;
    if (is_started)
        return true;
    /* Attaches the program last, once it has its sockets and every own address. */
    is_started = net_route_setup(failure) && net_steer_load(failure) && net_tcp_start(failure) &&
                 net_hold_start(failure) && net_dns_start(failure) && net_refuse_start(failure) &&
                 net_local_addresses_watch(failure) && net_steer_attach(failure) && write_resolv_conf(failure);
    return is_started;
}
