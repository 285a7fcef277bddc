#include "exec/stdio_pipes.h"

#include <fcntl.h>

#include "channel/streams.h"
#include "exec/output_pipe.h"
#include "exec/stdin_pipe.h"
#include "exec/terminal.h"
#include "file/mount.h"
#include "runtime/util.h"

#define OUTPUT_PIPE_BYTES 1048576

static bool claim_streams(struct exec *exec, const struct exec_request *request, struct failure *failure)
{
    const uint32_t ids[3] = {request->stdin_stream, request->stdout_stream, request->stderr_stream};
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        bool is_shared = i == 2 && ids[2] == ids[1];
        if (ids[i] == 0 || is_shared)
            continue;
        if (streams_claim(ids[i]) == NULL) {
            errno = EINVAL;
            return failed(failure, "stream %u", ids[i]);
        }
        exec->streams[i] = ids[i];
    }
    return true;
}

/* Makes one pipe, with the agent's and the child's end. */
static bool open_pipe(size_t index, int *agent_end, int *child_end, struct failure *failure)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return failed(failure, "pipe");
    bool is_input = index == 0;
    *agent_end = is_input ? ends[1] : ends[0];
    *child_end = is_input ? ends[0] : ends[1];
    if (fcntl(*agent_end, F_SETFL, O_NONBLOCK) != 0)
        return failed(failure, "pipe");
    if (!is_input)
        (void)fcntl(*agent_end, F_SETPIPE_SZ, OUTPUT_PIPE_BYTES);
    return true;
}

static void close_terminal(struct exec *exec, uint32_t reason)
{
    if (exec->terminal != NULL)
        terminal_close(exec->terminal, reason);
    exec->terminal = NULL;
}

static void on_output_done(void *owner, struct output_pipe *output_pipe)
{
    struct exec *exec = owner;
    close_terminal(exec, GONDOLIN_RESET_PEER_CLOSED);
    for (size_t i = 0; i < ARRAY_LENGTH(exec->output_pipes); i++) {
        if (exec->output_pipes[i] == output_pipe)
            exec->output_pipes[i] = NULL;
    }
    if (exec->is_reaped)
        exec_advance(exec);
}

static bool connect_stream(struct exec *exec, size_t index, int *child_end, struct failure *failure)
{
    AUTO_CLOSE int agent_end = -1;
    if (exec->streams[index] == 0)
        return true;
    if (!open_pipe(index, &agent_end, child_end, failure))
        return false;
    struct mux_stream *stream = streams_get(exec->streams[index]);
    bool is_connected;
    if (index == 0) {
        is_connected = stdin_pipe_create(agent_end, stream);
    } else {
        exec->output_pipes[index - 1] = output_pipe_create(agent_end, false, stream, exec, on_output_done);
        is_connected = exec->output_pipes[index - 1] != NULL;
    }
    if (!is_connected)
        return failed(failure, "memory");
    (void)take_fd(&agent_end);
    return true;
}

/* The kernel hangs a terminal up when nothing of the agent has its master open. */
static void on_hang_up(void *owner)
{
    struct exec *exec = owner;
    if (exec->output_pipes[0] != NULL)
        output_pipe_close(exec->output_pipes[0]);
}

static bool open_terminal(struct exec *exec, const struct exec_request *request, int *slave, struct failure *failure)
{
    AUTO_CLOSE int output = -1;
    if (exec->streams[1] == 0 || exec->streams[2] != 0) {
        errno = EINVAL;
        return failed(failure, "streams of a terminal");
    }
    exec->terminal = terminal_open(&request->size, slave, &output);
    if (exec->terminal == NULL)
        return failed(failure, "terminal");
    exec->output_pipes[0] = output_pipe_create(output, true, streams_get(exec->streams[1]), exec, on_output_done);
    if (exec->output_pipes[0] == NULL)
        return failed(failure, "memory");
    (void)take_fd(&output);
    if (exec->streams[0] != 0)
        terminal_attach(exec->terminal, streams_get(exec->streams[0]), exec, on_hang_up);
    return true;
}

static bool wants_port(const struct exec_request *request)
{
    return request->stdin_stream == GONDOLIN_STREAM_FILE_PORT || request->stdout_stream == GONDOLIN_STREAM_FILE_PORT;
}

/* The program reads and writes the file channel's port: no byte of it passes through the agent. */
static bool connect_port(struct exec *exec, const struct exec_request *request, int child_ends[3],
                         struct failure *failure)
{
    if (request->stdin_stream != request->stdout_stream || request->stderr_stream != 0 || request->has_terminal) {
        errno = EINVAL;
        return failed(failure, "streams of the file port");
    }
    child_ends[0] = mount_take_port();
    if (child_ends[0] < 0)
        return failed(failure, "file port");
    exec->has_port = true;
    child_ends[1] = fcntl(child_ends[0], F_DUPFD_CLOEXEC, 3);
    return child_ends[1] >= 0 || failed(failure, "stdio");
}

static bool connect_streams(struct exec *exec, const struct exec_request *request, int child_ends[3],
                            struct failure *failure)
{
    if (wants_port(request))
        return connect_port(exec, request, child_ends, failure);
    if (!claim_streams(exec, request, failure))
        return false;
    if (request->has_terminal)
        return open_terminal(exec, request, &child_ends[1], failure);
    for (size_t i = 0; i < 3; i++) {
        if (!connect_stream(exec, i, &child_ends[i], failure))
            return false;
    }
    return true;
}

bool stdio_pipes_connect(struct exec *exec, const struct exec_request *request, int child_ends[3],
                         struct failure *failure)
{
    /* Opened only once, which saves a lookup for each command. */
    static int null_fd = -1;
    if (null_fd < 0)
        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!connect_streams(exec, request, child_ends, failure))
        return false;
    bool is_output_shared = request->stderr_stream != 0 && request->stderr_stream == request->stdout_stream;
    for (size_t i = 0; i < 3; i++) {
        if (child_ends[i] >= 0)
            continue;
        bool is_output = request->has_terminal || (i == 2 && is_output_shared);
        child_ends[i] = fcntl(is_output ? child_ends[1] : null_fd, F_DUPFD_CLOEXEC, 3);
        if (child_ends[i] < 0)
            return failed(failure, "stdio");
    }
    return true;
}

void stdio_pipes_start(struct exec *exec)
{
    struct mux_stream *input = streams_get(exec->streams[0]);
    if (exec->terminal != NULL) {
        terminal_start(exec->terminal);
    } else if (input != NULL) {
        streams_send_eof(input);
        stdin_pipe_feed(input);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(exec->output_pipes); i++) {
        if (exec->output_pipes[i] != NULL)
            output_pipe_resume(exec->output_pipes[i]);
    }
}

void stdio_pipes_drop(struct exec *exec)
{
    for (size_t i = 0; i < ARRAY_LENGTH(exec->output_pipes); i++) {
        if (exec->output_pipes[i] != NULL)
            output_pipe_discard(exec->output_pipes[i]);
        exec->output_pipes[i] = NULL;
    }
    close_terminal(exec, GONDOLIN_RESET_CANCELLED);
    for (size_t i = 0; i < ARRAY_LENGTH(exec->streams); i++) {
        struct mux_stream *stream = streams_get(exec->streams[i]);
        if (stream != NULL)
            streams_reset(stream, GONDOLIN_RESET_CANCELLED);
    }
}

void stdio_pipes_finish(struct exec *exec)
{
    struct output_pipe *output_pipes[2] = {exec->output_pipes[0], exec->output_pipes[1]};
    exec->is_finishing = true;
    for (size_t i = 0; i < ARRAY_LENGTH(output_pipes); i++) {
        if (output_pipes[i] != NULL)
            output_pipe_finish(output_pipes[i]);
    }
    exec->is_finishing = false;
    exec_advance(exec);
}
