#include "net_tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "log.h"
#include "loop.h"
#include "net_address.h"
#include "net_hold.h"
#include "net_program.h"
#include "net_route.h"
#include "net_steer.h"
#include "util.h"

#define BACKLOG 4096
/* Of one listener in one turn. */
#define MAX_ACCEPTS 64
#define RETRY_MS 100

static struct {
    struct loop_source listeners[2];
    unsigned listener_count;
    bool is_paused;
    struct loop_timer retry;
} tcp;

static void listen_for(uint32_t events)
{
    for (unsigned i = 0; i < tcp.listener_count; i++) {
        if (loop_modify(&tcp.listeners[i], events) != 0)
            log_error("listener: %s", strerror(errno));
    }
}

static void pause_accepting(void)
{
    tcp.is_paused = true;
    listen_for(0);
}

static void on_retry_due(struct loop_timer *timer)
{
    (void)timer;
    tcp.is_paused = false;
    listen_for(EPOLLIN);
}

static void start_connection(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (net_hold_adopt(fd))
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_quietly(fd);
}

static void on_connection(struct loop_source *source, uint32_t events)
{
    (void)events;
    for (int i = 0; i < MAX_ACCEPTS && !tcp.is_paused; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            start_connection(fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == ENFILE || errno == EMFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The connection stays in the backlog, which would wake the loop for ever. */
            pause_accepting();
            loop_timer_set(&tcp.retry, RETRY_MS);
        }
    }
}

static bool open_listener(int family, unsigned key, struct failure *failure)
{
    const int on = 1;
    socklen_t length;
    const union net_sockaddr address = net_server_sockaddr(family, &length);
    AUTO_CLOSE int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed(failure, "tcp socket");
    /* A connection keeps the destination's port in use: a server of the guest can still bind it to all addresses. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!net_address_allow_any(fd, family))
        return failed(failure, "tcp any address");
    if (bind(fd, &address.any, length) != 0 || listen(fd, BACKLOG) != 0)
        return failed(failure, "tcp listener");
    struct loop_source *source = &tcp.listeners[tcp.listener_count];
    *source = (struct loop_source){.fd = fd, .on_ready = on_connection};
    if (loop_add(source, EPOLLIN) != 0)
        return failed(failure, "watch tcp listener");
    tcp.listener_count++;
    return net_steer_set_socket(key, take_fd(&fd), failure);
}

bool net_tcp_start(struct failure *failure)
{
    tcp.retry.on_due = on_retry_due;
    return open_listener(AF_INET, NET_SOCKET_TCP_V4, failure) &&
           (!net_route_has_v6() || open_listener(AF_INET6, NET_SOCKET_TCP_V6, failure));
}
