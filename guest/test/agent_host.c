/*
 * A simulated host for the agent: `agent ROUNDS SEED`. Each round it starts an agent (test/agent.c) and sends what a
 * host may send in any order, and sometimes bytes that no host sends. A finding ends the agent with an exit code other
 * than 0 and 7.
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent.h"
#include "channel/message.h"
#include "runtime/util.h"

#define END_TURN_US 5000
#define MAX_END_TURNS 4000

static uint64_t state;
static uint16_t echo_port;

/* xorshift64*: the same numbers on every machine. */
static uint32_t next_random(uint32_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

#define MAX_STREAMS 256
#define MAX_EXECS 16
#define OPERATIONS 120

struct host {
    int control_fd;
    int fs_fd;
    int device_fd;
    /* Ids 2, 4, …, last_stream have been opened; those that this side has ended are marked. */
    bool is_done[MAX_STREAMS];
    uint32_t last_stream;
    uint32_t execs[MAX_EXECS];
    uint32_t exec_count;
    uint32_t next_request;
    bool has_broken_a_rule;
    /* Its last messages are not spoiled: a frozen agent must thaw to end. */
    bool is_ending;
};

/* Bytes from the agent are read and dropped; the unit tests of the host check their form. */
static void drain(const struct host *host, int timeout_ms)
{
    static uint8_t bytes[1 << 16];
    struct pollfd fds[3] = {{.fd = host->control_fd, .events = POLLIN},
                            {.fd = host->fs_fd, .events = POLLIN},
                            {.fd = host->device_fd, .events = POLLIN}};
    while (poll(fds, 3, timeout_ms) > 0) {
        bool is_open = false;
        for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
            is_open |= (fds[i].revents & POLLIN) != 0 && recv(fds[i].fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0;
        if (!is_open)
            return;
    }
}

static void send_bytes(const struct host *host, int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        }
        drain(host, sent > 0 ? 0 : 5);
    }
}

/* `may_spoil`: sometimes changes a byte. Never of a command: it would run something else. */
static void send_frame(struct host *host, uint8_t type, uint32_t stream, const uint8_t *payload, size_t length,
                       bool may_spoil)
{
    static uint8_t frame[GONDOLIN_FRAME_HEADER_BYTES + (1 << 16)];
    memset(frame, 0, GONDOLIN_FRAME_HEADER_BYTES);
    store_u32(frame, (uint32_t)length);
    frame[4] = type;
    store_u32(frame + 8, stream);
    if (length > 0)
        memcpy(frame + GONDOLIN_FRAME_HEADER_BYTES, payload, length);
    if (may_spoil && !host->is_ending && next_random(150) == 0) {
        host->has_broken_a_rule = true;
        /* Not the length: the agent would wait for bytes that never come. */
        frame[4 + next_random((uint32_t)(GONDOLIN_FRAME_HEADER_BYTES - 4 + length))] ^= (uint8_t)(1 + next_random(255));
    }
    send_bytes(host, host->control_fd, frame, GONDOLIN_FRAME_HEADER_BYTES + length);
}

static uint8_t body[4096];

static void send_message(struct host *host, uint16_t type, void (*write_body)(struct wire_writer *, struct host *))
{
    struct wire_writer writer;
    wire_writer_init(&writer, body, sizeof body);
    message_encode_header(&writer, type, ++host->next_request);
    if (write_body != NULL)
        write_body(&writer, host);
    send_frame(host, GONDOLIN_FRAME_MESSAGE, 0, body, writer.length, type != GONDOLIN_MESSAGE_EXEC);
}

/* Returns one of the latest streams. */
static uint32_t any_stream(const struct host *host)
{
    uint32_t recent = host->last_stream < 16 ? host->last_stream / 2 : 8;
    return recent == 0 ? 2 : host->last_stream - 2 * next_random(recent);
}

static void write_list(struct wire_writer *writer, const char *const *items)
{
    uint32_t count = 0;
    while (items[count] != NULL)
        count++;
    wire_write_u32(writer, count);
    for (uint32_t i = 0; i < count; i++)
        wire_write_string(writer, items[i], 4096);
}

static void write_exec(struct wire_writer *writer, struct host *host)
{
    static const char *const commands[][4] = {
        {"true", NULL},
        {"/bin/true", NULL},
        {"cat", NULL},
        {"no-such-program", NULL},
        {"", NULL},
        {"/etc", NULL},
        {"sleep", "0.01", NULL},
        {"sh", "-c", "echo out; echo err >&2; exit 3", NULL},
        {"sh", "-c", "head -c 400000 /dev/zero", NULL},
        {"sh", "-c", "exec <&-; sleep 0.005 & exit 0", NULL},
        {"sh", "-c", "stty raw; head -c 50; setsid -f sleep 0.01", NULL},
    };
    static const char *const environment[] = {"HOME=/", "PATH=/no-such-directory:/usr/bin:/bin", NULL};
    bool has_terminal = next_random(3) == 0;
    for (int i = 0; i < 3; i++)
        wire_write_u32(writer, next_random(3) == 0 || (has_terminal && i == 2) ? 0 : any_stream(host));
    wire_write_string(writer, next_random(8) == 0 ? "no-such-user" : "", 4096);
    wire_write_string(writer, next_random(8) == 0 ? "/no-such-directory" : "/", 4096);
    write_list(writer, commands[next_random(ARRAY_LENGTH(commands))]);
    write_list(writer, environment);
    wire_write_u8(writer, has_terminal);
    wire_write_u16(writer, has_terminal ? 24 : 0);
    wire_write_u16(writer, has_terminal ? 80 : 0);
    host->execs[host->exec_count++ % MAX_EXECS] = host->next_request;
}

static void write_kill(struct wire_writer *writer, struct host *host)
{
    static const uint32_t signals[] = {0, SIGTERM, SIGTERM, SIGKILL, SIGKILL, SIGKILL};
    wire_write_u32(writer, host->execs[next_random(MAX_EXECS)]);
    wire_write_u32(writer, signals[next_random(ARRAY_LENGTH(signals))]);
    wire_write_u8(writer, (uint8_t)next_random(3));
}

static void write_resize(struct wire_writer *writer, struct host *host)
{
    wire_write_u32(writer, host->execs[next_random(MAX_EXECS)]);
    wire_write_u16(writer, (uint16_t)(1 + next_random(100)));
    wire_write_u16(writer, (uint16_t)next_random(100));
}

static void write_thaw(struct wire_writer *writer, struct host *host)
{
    bool is_new_session = next_random(4) == 0;
    wire_write_u8(writer, is_new_session ? GONDOLIN_THAW_FLAG_NEW_SESSION : 0);
    for (int i = 0; i < 2; i++)
        wire_write_u32(writer, 0);
    for (int i = 0; i < 4; i++)
        wire_write_string(writer, "", 0);
    if (!is_new_session)
        return;
    host->last_stream = 0;
    memset(host->is_done, 0, sizeof host->is_done);
}

/* A connection to the echo server or to a port without a server, by each kind of address. */
static void open_connection(struct host *host)
{
    static const uint8_t families[] = {GONDOLIN_TCP_FAMILY_ANY, GONDOLIN_TCP_FAMILY_V4, GONDOLIN_TCP_FAMILY_V6, 9};
    static const uint8_t addresses[][16] = {{127, 0, 0, 1}, {[15] = 1}, {192, 0, 2, 1}, {0}};
    uint8_t open[1 + GONDOLIN_TCP_DESTINATION_BYTES] = {GONDOLIN_STREAM_KIND_CONNECT};
    open[1] = families[next_random(10) == 0 ? 3 : next_random(3)];
    store_u16(open + 2, next_random(4) == 0 ? (uint16_t)next_random(3) : echo_port);
    memcpy(open + 4, addresses[next_random(ARRAY_LENGTH(addresses))], 16);
    host->last_stream += 2;
    send_frame(host, GONDOLIN_FRAME_OPEN, host->last_stream, open, sizeof open, true);
}

static void open_stream(struct host *host)
{
    if (next_random(4) == 0) {
        open_connection(host);
        return;
    }
    const uint8_t kind = next_random(40) == 0 ? 9 : GONDOLIN_STREAM_KIND_STDIO;
    host->last_stream += 2;
    send_frame(host, GONDOLIN_FRAME_OPEN, host->last_stream, &kind, 1, true);
}

static void use_stream(struct host *host, uint8_t type)
{
    static const uint8_t bytes[3000];
    uint8_t number[4];
    uint32_t stream = any_stream(host);
    bool is_end = type == GONDOLIN_FRAME_EOF || type == GONDOLIN_FRAME_RESET;
    bool breaks_a_rule = host->last_stream == 0 || host->is_done[stream / 2] || type == GONDOLIN_FRAME_CREDIT;
    if (breaks_a_rule && next_random(100) != 0)
        return;
    host->has_broken_a_rule |= breaks_a_rule;
    host->is_done[stream / 2] |= is_end;
    store_u32(number, 1 + next_random(3000));
    if (type == GONDOLIN_FRAME_DATA)
        send_frame(host, type, stream, bytes, 1 + next_random(sizeof bytes), true);
    else
        send_frame(host, type, stream, number, type == GONDOLIN_FRAME_EOF ? 0 : 4, true);
}

/* Makes a message one that the agent looks into: a request when it comes from the kernel, a reply or a notification from the host. */
static void describe(uint8_t *message)
{
    static const uint32_t codes[] = {0,
                                     FUSE_LOOKUP,
                                     FUSE_GETATTR,
                                     FUSE_READ,
                                     FUSE_WRITE,
                                     FUSE_FLUSH,
                                     FUSE_RELEASE,
                                     FUSE_CREATE,
                                     GONDOLIN_NOTIFY_WRITTEN,
                                     GONDOLIN_NOTIFY_NEW_FILE};
    store_u32(message + 4, codes[next_random(ARRAY_LENGTH(codes))]);
    store_u32(message + 8, next_random(3));
    for (unsigned at = 16; at < 64; at += 8)
        store_u32(message + at, next_random(3));
}

/* Sends a request of the kernel's on one side and a reply of the host's on the other, in pieces. */
static void use_pump(struct host *host)
{
    static uint8_t message[4096];
    if (next_random(2) == 0)
        describe(message);
    uint32_t length = GONDOLIN_MIN_FUSE_MESSAGE_BYTES + next_random(3000);
    if (next_random(60) == 0) {
        host->has_broken_a_rule = true;
        length = next_random(2) == 0 ? next_random(16) : GONDOLIN_MAX_FUSE_MESSAGE_BYTES + 1 + next_random(1000);
    }
    store_u32(message, length);
    size_t count = length < sizeof message ? length : sizeof message;
    if (count < 4)
        count = 4;
    (void)send(host->device_fd, message, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t at = 0; at < count;) {
        size_t piece = 1 + next_random((uint32_t)(count - at));
        send_bytes(host, host->fs_fd, message + at, piece);
        at += piece;
    }
}

static void act(struct host *host)
{
    uint32_t choice = next_random(100);
    if (choice < 22)
        open_stream(host);
    else if (choice < 40)
        send_message(host, GONDOLIN_MESSAGE_EXEC, write_exec);
    else if (choice < 55)
        use_stream(host, GONDOLIN_FRAME_DATA);
    else if (choice < 72)
        use_stream(host, (uint8_t)(GONDOLIN_FRAME_EOF + next_random(3)));
    else if (choice < 80)
        send_message(host, GONDOLIN_MESSAGE_KILL, write_kill);
    else if (choice < 83)
        send_message(host, GONDOLIN_MESSAGE_RESIZE, write_resize);
    else if (choice < 90)
        use_pump(host);
    else if (choice < 93)
        send_message(host, GONDOLIN_MESSAGE_PING, NULL);
    else if (choice < 96)
        send_message(host, GONDOLIN_MESSAGE_FREEZE, NULL);
    else if (choice < 99)
        send_message(host, GONDOLIN_MESSAGE_THAW, write_thaw);
    else
        send_message(host, (uint16_t)(GONDOLIN_MESSAGE_ROOT + next_random(16)), NULL);
    drain(host, next_random(8) == 0 ? 2 : 0);
}

/* Returns the exit code of the agent after it was asked to end; -1 if it hangs or dies by a signal. */
static int end(struct host *host, pid_t agent)
{
    int status;
    host->is_ending = true;
    send_message(host, GONDOLIN_MESSAGE_THAW, write_thaw);
    send_message(host, GONDOLIN_MESSAGE_SHUTDOWN, NULL);
    for (int turns = 0; waitpid(agent, &status, WNOHANG) == 0; turns++) {
        if (turns == MAX_END_TURNS)
            (void)kill(agent, SIGKILL);
        (void)usleep(END_TURN_US);
        drain(host, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void echo(int fd)
{
    static uint8_t bytes[4096];
    long count;
    while ((count = recv(fd, bytes, 1 + next_random(sizeof bytes), 0)) > 0) {
        if (next_random(50) == 0 || send(fd, bytes, (size_t)count, MSG_NOSIGNAL) != count)
            break;
    }
    _exit(0);
}

/* Starts a server in a process of its own, which returns what it receives and sometimes hangs up. False without one. */
static bool start_echo(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (const struct sockaddr *)&address, length) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return false;
    echo_port = ntohs(address.sin_port);
    pid_t parent = getpid();
    if (fork() != 0) {
        (void)close(listener);
        return true;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGCHLD, SIG_IGN);
    while (getppid() == parent) {
        int fd = accept(listener, NULL, NULL);
        if (fork() == 0)
            echo(fd);
        (void)close(fd);
    }
    _exit(0);
}

static bool play(unsigned long round)
{
    /* The control port, the file port, and a replacement for /dev/fuse that preserves message boundaries. */
    int pairs[3][2];
    for (int i = 0; i < 3; i++) {
        int type = i == 2 ? SOCK_SEQPACKET : SOCK_STREAM;
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pairs[i]) != 0)
            return false;
    }
    (void)fcntl(pairs[0][1], F_SETFL, O_NONBLOCK);
    pid_t agent = fork();
    for (int i = 0; i < 3; i++)
        (void)close(pairs[i][agent == 0 ? 0 : 1]);
    if (agent == 0)
        run_agent(pairs[0][1], pairs[1][1], pairs[2][1]);
    struct host host = {.control_fd = pairs[0][0], .fs_fd = pairs[1][0], .device_fd = pairs[2][0]};
    for (int i = 0; i < OPERATIONS; i++)
        act(&host);
    int code = end(&host, agent);
    for (int i = 0; i < 3; i++)
        (void)close(pairs[i][0]);
    bool is_good = code == 0 || (code == EXIT_BROKEN_RULE && host.has_broken_a_rule);
    if (!is_good)
        (void)fprintf(stderr, "not ok: round %lu: the agent ended with %d\n", round, code);
    return is_good;
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
    unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    (void)printf("guest agent: %lu rounds, seed %lu\n", rounds, seed);
    (void)fflush(stdout);
    state = seed * 2 + 1;
    if (!start_echo())
        return 1;
    for (unsigned long round = 0; round < rounds; round++) {
        if (!play(round))
            return 1;
    }
    return 0;
}
