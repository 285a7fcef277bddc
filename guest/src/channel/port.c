#include "channel/port.h"

#include <poll.h>
#include <stdio.h>

#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/priority.h"
#include "runtime/util.h"

/* One stream's window and an incomplete frame. */
#define INPUT_BYTES (GONDOLIN_INITIAL_WINDOW_BYTES + 65536)
/* The driver returns at most one of its buffers in a read. */
#define DRIVER_BUFFER_BYTES 4096
#define MAX_URGENT_BYTES 1048576
/* Each turn moves at most what the pool holds. */
#define MAX_FLUSH_TURNS 4
/* Time between two polls of a disconnected port: short while booting, longer later. */
#define FIRST_PROBE_MS 2
#define PROBE_MS 50
#define HOST_GONE_MS 10000

static struct {
    struct loop_source source;
    struct loop_timer probe;
    struct port_handlers handlers;
    struct outbox outbox;
    uint32_t events;
    bool is_dead;
    bool was_connected;
    bool is_blocked;
    uint64_t disconnected_since_ms;
    uint8_t *input;
    size_t input_capacity;
    size_t input_length;
    /* Bytes received in this turn of the loop. */
    size_t received_bytes;
} port;

static void die(const char *why)
{
    if (port.is_dead)
        return;
    port.is_dead = true;
    loop_remove(&port.source);
    loop_timer_clear(&port.probe);
    port.handlers.on_dead(why);
}

static void watch(void)
{
    uint32_t events = 0;
    if (port.outbox.urgent_bytes <= MAX_URGENT_BYTES)
        events |= EPOLLIN;
    if (port.is_blocked)
        events |= EPOLLOUT;
    if (port.source.is_added && events == port.events)
        return;
    port.events = events;
    if (loop_add(&port.source, events) != 0)
        die("epoll refused the control port");
}

static void on_disconnected(void)
{
    if (port.probe.is_set || port.is_dead)
        return;
    loop_remove(&port.source);
    port.disconnected_since_ms = loop_now_ms();
    loop_timer_set(&port.probe, port.was_connected ? PROBE_MS : FIRST_PROBE_MS);
}

static void on_probe_due(struct loop_timer *timer)
{
    struct pollfd look = {.fd = port.source.fd, .events = POLLIN};
    if (poll(&look, 1, 0) >= 0 && (look.revents & POLLHUP) == 0) {
        watch();
        return;
    }
    if (port.was_connected && loop_now_ms() - port.disconnected_since_ms >= HOST_GONE_MS) {
        die("the host has closed the control port");
        return;
    }
    loop_timer_set(timer, port.was_connected ? PROBE_MS : FIRST_PROBE_MS);
}

/* Room for a frame of `size` bytes; a large one gets a larger buffer only until it is handled. */
static bool resize_input(size_t size)
{
    if (size < INPUT_BYTES)
        size = INPUT_BYTES;
    if (size == port.input_capacity || port.input_length > size)
        return true;
    uint8_t *input = realloc(port.input, size);
    if (input == NULL)
        return false;
    port.input = input;
    port.input_capacity = size;
    return true;
}

/* Passes every complete frame on; returns how many bytes the first incomplete frame needs, or 0 if the port died. */
static size_t handle_frames(void)
{
    size_t start = 0;
    size_t size = 0;
    while (!port.is_dead) {
        struct frame frame;
        enum frame_result result = frame_decode(port.input + start, port.input_length - start, &frame, &size);
        if (result == FRAME_INCOMPLETE)
            break;
        if (result != FRAME_OK) {
            char why[128];
            (void)snprintf(why, sizeof why, "control frame: %s", frame_strerror(result));
            die(why);
            break;
        }
        port.handlers.on_frame(&frame);
        start += size;
    }
    port.input_length -= start;
    memmove(port.input, port.input + start, port.input_length);
    return port.is_dead ? 0 : size;
}

static void read_port(void)
{
    bool is_drained = false;
    while (!is_drained && port.input_length < port.input_capacity) {
        long count =
            RETRY_EINTR(read(port.source.fd, port.input + port.input_length, port.input_capacity - port.input_length));
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            /* 0 means that the host end is not open (yet), not end of file. */
            on_disconnected();
            is_drained = true;
        } else if (count < 0) {
            is_drained = true;
        } else {
            port.was_connected = true;
            port.input_length += (size_t)count;
            port.received_bytes += (size_t)count;
            /* Probably the last bytes; epoll reports it if not. */
            is_drained = count < DRIVER_BUFFER_BYTES;
        }
    }
    size_t needed = handle_frames();
    if (needed != 0 && !resize_input(needed))
        die("out of memory for a control frame");
}

static void on_port_ready(struct loop_source *source, uint32_t events)
{
    (void)source;
    if ((events & EPOLLOUT) != 0)
        port.is_blocked = false;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    if ((port.events & EPOLLIN) != 0)
        read_port();
    else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
        on_disconnected();
}

int port_init(int fd, const struct port_handlers *handlers)
{
    port.source = (struct loop_source){.fd = fd, .on_ready = on_port_ready};
    port.probe.on_due = on_probe_due;
    port.handlers = *handlers;
    port.input = malloc(INPUT_BYTES);
    port.input_capacity = INPUT_BYTES;
    if (port.input == NULL || !outbox_init(&port.outbox)) {
        errno = ENOMEM;
        return -1;
    }
    watch();
    return port.is_dead ? -1 : 0;
}

struct outbox *port_outbox(void)
{
    return &port.outbox;
}

void port_send(enum outbox_queue queue, uint8_t type, uint32_t stream, const uint8_t *payload, size_t length)
{
    if (!outbox_push(&port.outbox, queue, type, stream, payload, length))
        die("out of memory for a reply");
}

void port_send_last(uint8_t type, uint32_t stream, const uint8_t *payload, size_t length)
{
    if (!outbox_hold(&port.outbox, type, stream, payload, length))
        die("out of memory for a reply");
}

void port_resume(void)
{
    outbox_resume(&port.outbox);
}

void port_clear(void)
{
    outbox_clear(&port.outbox);
}

static void write_out(void)
{
    const uint8_t *bytes;
    size_t count;
    while (!port.is_blocked && (count = outbox_next(&port.outbox, &bytes)) > 0) {
        long written = RETRY_EINTR(write(port.source.fd, bytes, count));
        if (written > 0) {
            port.was_connected = true;
            outbox_sent(&port.outbox, (size_t)written);
        } else {
            /* Full, or the host end is closed: EPOLLOUT or the probe says when to continue. */
            port.is_blocked = true;
        }
    }
}

bool port_flush(void)
{
    bool wants_more = true;
    priority_note_input(port.received_bytes);
    port.received_bytes = 0;
    for (int turn = 0; turn < MAX_FLUSH_TURNS && wants_more && !port.is_dead; turn++) {
        wants_more = port.handlers.on_packet_free();
        write_out();
        /* Without a free packet a write has to come first; while the outbox is held there is none. */
        wants_more = wants_more && !port.is_blocked && port.outbox.pool != NULL;
    }
    if (!port.probe.is_set && !port.is_dead)
        watch();
    return wants_more && !port.is_dead;
}
