#include "net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/bpf/program.h"
#include "net/bpf/steer.h"
#include "net/hold/hold.h"
#include "net/packet/address.h"
#include "net/route.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#define BACKLOG 4096
/* Connections accepted from one listener in one turn. */
#define MAX_ACCEPTS 64
#define RETRY_MS 100

struct listener {
    struct loop_source source;
    /* The listener of connections that were admitted early: they stay in its backlog until the host can be asked. */
    bool is_early;
    bool is_paused;
};

static struct {
    struct listener listeners[4];
    unsigned listener_count;
    struct loop_timer retry;
} tcp;

static void set_paused(struct listener *listener, bool is_paused)
{
    listener->is_paused = is_paused;
    if (loop_modify(&listener->source, is_paused ? 0 : EPOLLIN) != 0)
        log_error("cannot watch a listener: %s", strerror(errno));
}

void net_tcp_accept_more(void)
{
    if (tcp.retry.is_set)
        return;
    for (unsigned i = 0; i < tcp.listener_count; i++) {
        struct listener *listener = &tcp.listeners[i];
        if (listener->is_paused && (!listener->is_early || net_hold_can_ask()))
            set_paused(listener, false);
    }
}

static void on_retry_due(struct loop_timer *timer)
{
    (void)timer;
    net_tcp_accept_more();
}

static void start_connection(const struct listener *listener, int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (listener->is_early ? net_hold_start_early(fd) : net_hold_adopt(fd))
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_quietly(fd);
}

static void on_connection(struct loop_source *source, uint32_t events)
{
    struct listener *listener = LOOP_OWNER(source, struct listener, source);
    (void)events;
    for (int i = 0; i < MAX_ACCEPTS && !listener->is_paused; i++) {
        if (listener->is_early && !net_hold_can_ask()) {
            set_paused(listener, true);
            return;
        }
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            start_connection(listener, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == ENFILE || errno == EMFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The connection stays in the backlog, which would wake the loop for ever. */
            set_paused(listener, true);
            loop_timer_set(&tcp.retry, RETRY_MS);
        }
    }
}

static bool open_listener(int family, unsigned key, bool is_early, struct failure *failure)
{
    const int on = 1;
    socklen_t length;
    union net_sockaddr address = net_server_sockaddr(family, &length);
    if (is_early)
        *(family == AF_INET ? &address.v4.sin_port : &address.v6.sin6_port) = htons(NET_EARLY_PORT);
    AUTO_CLOSE int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed(failure, "tcp socket");
    /*
     * A connection keeps the destination's port in use: with this option a server of the guest can still bind it to all
     * addresses.
     */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!net_address_allow_any(fd, family))
        return failed(failure, "tcp any address");
    if (bind(fd, &address.any, length) != 0 || listen(fd, BACKLOG) != 0)
        return failed(failure, "tcp listener");
    struct listener *listener = &tcp.listeners[tcp.listener_count];
    *listener = (struct listener){.source = {.fd = fd, .on_ready = on_connection}, .is_early = is_early};
    if (loop_add(&listener->source, EPOLLIN) != 0)
        return failed(failure, "watch tcp listener");
    tcp.listener_count++;
    return net_steer_set_socket(key, take_fd(&fd), failure);
}

bool net_tcp_start(struct failure *failure)
{
    tcp.retry.on_due = on_retry_due;
    return open_listener(AF_INET, NET_SOCKET_TCP_V4, false, failure) &&
           open_listener(AF_INET, NET_SOCKET_EARLY_V4, true, failure) &&
           (!net_route_has_v6() || (open_listener(AF_INET6, NET_SOCKET_TCP_V6, false, failure) &&
                                    open_listener(AF_INET6, NET_SOCKET_EARLY_V6, true, failure)));
}
