#include "exec/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "channel/streams.h"
#include "runtime/loop.h"
#include "runtime/util.h"
#include "system/devpts.h"

/* Missing in musl's headers. */
#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

#define END_AGAIN_MS 50

struct terminal {
    /* The master. In the loop while the input waits for room. */
    struct loop_source source;
    /* Runs once everything is typed; from the start without an input. */
    struct loop_timer end;
    /* NULL without an input, and once its last byte is written. */
    struct mux_stream *stream;
    void *owner;
    void (*on_hang_up)(void *owner);
};

/* Opens the command's end without a path, which root of the guest could change. Never a controlling terminal. */
static int open_slave(int master)
{
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

static bool has_unread_input(int slave)
{
    struct pollfd poll_fd = {.fd = slave, .events = POLLIN};
    return RETRY_EINTR(poll(&poll_fd, 1, 0)) != 0;
}

static void press_end(const struct terminal *terminal)
{
    struct termios modes;
    AUTO_CLOSE int slave = open_slave(terminal->source.fd);
    if (slave < 0 || has_unread_input(slave) || tcgetattr(slave, &modes) != 0)
        return;
    /* 0 disables it. A full terminal has unread input. */
    if (modes.c_cc[VEOF] != 0)
        (void)RETRY_EINTR(write(terminal->source.fd, &modes.c_cc[VEOF], 1));
}

static void on_end_due(struct loop_timer *timer)
{
    press_end(LOOP_OWNER(timer, struct terminal, end));
    loop_timer_set(timer, END_AGAIN_MS);
}

static void end_input(struct terminal *terminal)
{
    struct mux_stream *stream = terminal->stream;
    terminal->stream = NULL;
    loop_remove(&terminal->source);
    streams_release(stream);
    on_end_due(&terminal->end);
}

/* The terminal and its stream may be gone afterwards. */
static void type(void *owner)
{
    struct terminal *terminal = owner;
    struct mux_stream *stream = terminal->stream;
    while (stream->input_length > 0) {
        long written =
            RETRY_EINTR(write(terminal->source.fd, stream->input + stream->input_start, stream->input_length));
        if (written == 0 || (written < 0 && errno == EAGAIN)) {
            if (loop_add(&terminal->source, EPOLLOUT) != 0)
                streams_reset(stream, GONDOLIN_RESET_CANCELLED);
            return;
        }
        /* No process has it open any more. */
        if (written < 0) {
            streams_reset(stream, GONDOLIN_RESET_PEER_CLOSED);
            return;
        }
        streams_consumed(stream, (size_t)written);
    }
    loop_remove(&terminal->source);
    if (stream->is_host_done)
        end_input(terminal);
}

static void on_room(struct loop_source *source, uint32_t events)
{
    (void)events;
    type(LOOP_OWNER(source, struct terminal, source));
}

/* The host that typed is gone; the command keeps its terminal. */
static void on_host_gone(void *owner)
{
    struct terminal *terminal = owner;
    terminal->stream = NULL;
    loop_remove(&terminal->source);
}

static void on_reset(void *owner)
{
    struct terminal *terminal = owner;
    on_host_gone(terminal);
    terminal->on_hang_up(terminal->owner);
}

static const struct stream_handlers handlers = {
    .on_kept = type,
    .on_eof = type,
    .on_host_gone = on_host_gone,
    .on_end = on_reset,
};

struct terminal *terminal_open(const struct terminal_size *size, int *slave, int *output_fd)
{
    struct terminal *terminal = calloc(1, sizeof *terminal);
    if (terminal == NULL)
        return NULL;
    AUTO_CLOSE int master = devpts_open();
    AUTO_CLOSE int peer = master < 0 ? -1 : open_slave(master);
    AUTO_CLOSE int output = peer < 0 ? -1 : fcntl(master, F_DUPFD_CLOEXEC, 3);
    terminal->source = (struct loop_source){.fd = master, .on_ready = on_room};
    terminal->end.on_due = on_end_due;
    if (output < 0 || terminal_resize(terminal, size) != 0 || fcntl(peer, F_SETFL, 0) != 0) {
        free(terminal);
        return NULL;
    }
    (void)take_fd(&master);
    *slave = take_fd(&peer);
    *output_fd = take_fd(&output);
    return terminal;
}

void terminal_attach(struct terminal *terminal, struct mux_stream *stream, void *owner, void (*on_hang_up)(void *owner))
{
    terminal->stream = stream;
    terminal->owner = owner;
    terminal->on_hang_up = on_hang_up;
    streams_attach(stream, &handlers, terminal);
}

void terminal_start(struct terminal *terminal)
{
    if (terminal->stream == NULL) {
        on_end_due(&terminal->end);
        return;
    }
    streams_send_eof(terminal->stream);
    type(terminal);
}

int terminal_resize(const struct terminal *terminal, const struct terminal_size *size)
{
    const struct winsize window = {.ws_row = size->rows, .ws_col = size->columns};
    return ioctl(terminal->source.fd, TIOCSWINSZ, &window);
}

void terminal_close(struct terminal *terminal, uint32_t reason)
{
    struct mux_stream *stream = terminal->stream;
    if (stream != NULL) {
        streams_detach(stream);
        streams_reset(stream, reason);
    }
    loop_timer_clear(&terminal->end);
    loop_remove(&terminal->source);
    close_quietly(terminal->source.fd);
    free(terminal);
}
