#include "exec/child.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "exec/environment.h"
#include "exec/home.h"
#include "exec/user.h"
#include "files/program.h"
#include "runtime/spawn.h"
#include "runtime/util.h"
#include "system/session.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define CLOSE_RANGE_CLOEXEC_FLAG 4U

/*
 * Everything that a child writes to before it executes its program: the rest of the memory belongs to the running
 * agent.
 */
struct exec_child {
    struct exec_request request;
    /* stdin, stdout, stderr. */
    int stdio[3];
    uint32_t session;
    struct user user;
    struct environment environment;
    char program_path[PATH_MAX];
    /* The agent's own program, for FILES. */
    int program_fd;
};

/* Opened once, and before a guest can change what it has under /proc. */
static int own_program(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = openat(session_proc(), "self/exe", O_PATH | O_CLOEXEC);
    return fd;
}

/* One that is kept for the next command: mapping and unmapping its pages each time costs 0.7 ms under TCG. */
static struct exec_child *spare;

static struct exec_child *take_spare(void)
{
    struct exec_child *child = spare != NULL ? spare : malloc(sizeof *child);
    spare = NULL;
    if (child != NULL)
        memset(child, 0, sizeof *child);
    return child;
}

struct exec_child *exec_child_create(struct exec_request *request, const int stdio[3])
{
    struct exec_child *child = take_spare();
    if (child == NULL || !environment_create(&child->environment, request->envc)) {
        for (size_t i = 0; i < 3; i++)
            close_quietly(stdio[i]);
        free(child);
        errno = ENOMEM;
        return NULL;
    }
    child->request = *request;
    child->program_fd = request->argv == NULL ? own_program() : -1;
    memcpy(child->stdio, stdio, sizeof child->stdio);
    *request = (struct exec_request){0};
    return child;
}

void exec_child_free(struct exec_child *child)
{
    for (size_t i = 0; i < ARRAY_LENGTH(child->stdio); i++)
        close_quietly(child->stdio[i]);
    environment_free(&child->environment);
    message_free_exec(&child->request);
    if (spare == NULL)
        spare = child;
    else
        free(child);
}

uint32_t exec_child_session(const struct exec_child *child)
{
    return child->session;
}

/* execve() resets the handlers, but keeps what is ignored and what is blocked. */
static void reset_signals(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &standard, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Sets descriptors 0, 1 and 2; everything above closes at execve. */
static void connect_stdio(const struct exec_child *child)
{
    int fds[3];
    for (int i = 0; i < 3; i++) {
        /* First moved above 2, so that no dup2 overwrites a descriptor that is still needed. */
        fds[i] = child->stdio[i] > 2 ? child->stdio[i] : fcntl(child->stdio[i], F_DUPFD_CLOEXEC, 3);
        if (fds[i] < 0)
            spawn_fail(errno, "stdio", "");
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i], i) < 0)
            spawn_fail(errno, "stdio", "");
    }
    (void)syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC_FLAG);
}

#define MAX_FILES 1048576

/* Resets the agent's own limits to those of a container engine: see guest/README.md, "Limits". */
static void reset_limits(void)
{
    const struct rlimit files = {.rlim_cur = MAX_FILES, .rlim_max = MAX_FILES};
    const struct rlimit processes = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)setrlimit(RLIMIT_NPROC, &processes);
    (void)umask(022);
}

/* Last, because the agent's own descriptors still use the numbers below. */
static void lower_file_limit(void)
{
    const struct rlimit files = {.rlim_cur = 1024, .rlim_max = MAX_FILES};
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

static void look_user_up(struct exec_child *child)
{
    const char *spec = child->request.user;
    enum user_result result = user_lookup(spec, "/etc/passwd", "/etc/group", &child->user);
    if (result == USER_UNREADABLE)
        spawn_fail(errno, "user ", spec);
    if (result != USER_OK)
        spawn_fail(result == USER_TOO_MANY_GROUPS ? E2BIG : ENOENT, "user ", spec);
}

/* Makes the terminal that is the child's stdout the one of its session, and the user's. */
static void take_terminal(const struct exec_child *child)
{
    if (!child->request.has_terminal)
        return;
    if (ioctl(STDOUT_FILENO, TIOCSCTTY, 0) != 0 || fchown(STDOUT_FILENO, child->user.uid, (gid_t)-1) != 0)
        spawn_fail(errno, "terminal", "");
}

/* Bare system calls: libc's wrappers would change the agent's threads too. */
static void become_user(const struct exec_child *child)
{
    const struct user *user = &child->user;
    if (syscall(SYS_setgroups, user->group_count, user->groups) != 0 ||
        syscall(SYS_setresgid, user->gid, user->gid, user->gid) != 0 ||
        syscall(SYS_setresuid, user->uid, user->uid, user->uid) != 0)
        spawn_fail(errno, "user ", child->request.user);
}

/* The home of a user that /etc/passwd lacks is made when it is needed; root's is the usual one. */
static void choose_home(struct exec_child *child)
{
    struct user *user = &child->user;
    if (user->name[0] != '\0' || environment_get(&child->environment, "HOME") != NULL)
        return;
    if (user->uid == 0)
        memcpy(user->home, "/root", sizeof "/root");
    else if (home_make(user->uid, user->gid, user->home, sizeof user->home) != 0)
        spawn_fail(errno, "home ", user->home);
}

static void build_environment(struct exec_child *child)
{
    environment_set(&child->environment, child->request.env, child->request.envc);
    choose_home(child);
    environment_add_defaults(&child->environment, &child->user);
}

static void enter_directory(const struct exec_child *child)
{
    const char *cwd = child->request.cwd;
    if (*cwd != '\0') {
        if (chdir(cwd) != 0)
            spawn_fail(errno, "cwd ", cwd);
    } else if (chdir(child->user.home) != 0 && chdir("/") != 0) {
        spawn_fail(errno, "cwd ", child->user.home);
    }
}

/* Puts directory + "/" + name into program_path; an empty directory is the current one. */
static bool join_path(char *program_path, const char *directory, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    if (length + 1 + name_length >= PATH_MAX)
        return false;
    memcpy(program_path, directory, length);
    size_t offset = length;
    if (length > 0)
        program_path[offset++] = '/';
    memcpy(program_path + offset, name, name_length + 1);
    return true;
}

/*
 * Tries each directory of PATH; returns the most informative errno. As a shell does, it passes over what it cannot look
 * up: directories that this user may not search, loops of links, names that are too long.
 */
static int exec_in_path(struct exec_child *child)
{
    char *const *argv = child->request.argv;
    int error = ENOENT;
    const char *path = environment_get(&child->environment, "PATH");
    for (const char *start = path; start != NULL;) {
        size_t length = strcspn(start, ":");
        bool is_found = false;
        /* A lookup is far cheaper than an execve() that fails, which first makes a whole address space. */
        if (join_path(child->program_path, start, length, argv[0])) {
            is_found = access(child->program_path, X_OK) == 0;
            if (is_found)
                (void)execve(child->program_path, argv, child->environment.entries);
            if (errno == EACCES)
                error = EACCES;
        }
        if (is_found && errno != EACCES && errno != ENOENT && errno != ENOTDIR)
            return errno;
        start = start[length] == ':' ? start + length + 1 : NULL;
    }
    return error;
}

/* By its descriptor: the image has no file of it. */
static void __attribute__((noreturn)) run_own_program(const struct exec_child *child)
{
    static char name[] = FILES_PROGRAM_NAME;
    char *argv[] = {name, NULL};
    (void)syscall(SYS_execveat, child->program_fd, "", argv, child->environment.entries, AT_EMPTY_PATH);
    spawn_fail(errno, "exec ", name);
}

void exec_child_run(void *context)
{
    struct exec_child *child = context;
    char *const *argv = child->request.argv;
    reset_signals();
    (void)setsid();
    connect_stdio(child);
    reset_limits();
    look_user_up(child);
    take_terminal(child);
    child->session = session_begin(child->user.uid);
    build_environment(child);
    become_user(child);
    enter_directory(child);
    lower_file_limit();
    if (argv == NULL)
        run_own_program(child);
    int error = ENOENT;
    if (strchr(argv[0], '/') != NULL) {
        (void)execve(argv[0], argv, child->environment.entries);
        error = errno;
    } else if (argv[0][0] != '\0') {
        error = exec_in_path(child);
    }
    spawn_fail(error, "exec ", argv[0]);
}
