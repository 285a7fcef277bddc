#include "files/program.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "files/serve.h"
#include "runtime/util.h"

#define PIPE_BYTES 1048576
#define EXIT_BROKEN 2

static uint8_t input[GONDOLIN_MAX_FILES_FRAME_BYTES + 4];
static size_t input_length;

/* Replies to requests that came together leave together, unless they fill the first half. */
static uint8_t output[2 * FILES_MAX_REPLY_BYTES];
static struct wire_writer writer;

static bool flush(void)
{
    for (size_t sent = 0; sent < writer.length;) {
        long count = RETRY_EINTR(write(STDOUT_FILENO, output + sent, writer.length - sent));
        if (count < 0)
            return false;
        sent += (size_t)count;
    }
    writer.length = 0;
    return true;
}

/* Serves every whole request of the input and keeps the rest. */
static int serve_input(void)
{
    static struct files_request request;
    size_t start = 0;
    for (;;) {
        size_t size;
        enum files_result result = files_decode(input + start, input_length - start, &request, &size);
        if (result == FILES_BROKEN)
            return EXIT_BROKEN;
        if (result == FILES_INCOMPLETE)
            break;
        files_serve(&request, &writer);
        start += size;
        if (writer.length > FILES_MAX_REPLY_BYTES && !flush())
            return 1;
    }
    input_length -= start;
    memmove(input, input + start, input_length);
    return flush() ? 0 : 1;
}

int files_run(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    /* A larger pipe saves switches between the agent and this process; without it everything works as well. */
    (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    wire_writer_init(&writer, output, sizeof output);
    for (;;) {
        long count = RETRY_EINTR(read(STDIN_FILENO, input + input_length, sizeof input - input_length));
        if (count <= 0)
            return count == 0 ? 0 : 1;
        input_length += (size_t)count;
        int status = serve_input();
        if (status != 0)
            return status;
    }
}
