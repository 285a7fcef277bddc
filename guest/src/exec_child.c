#include "exec_child.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "process.h"
#include "user.h"
#include "util.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* HOME, USER, LOGNAME, SHELL, PATH. */
#define MAX_DEFAULTS 5

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define CLOSE_RANGE_CLOEXEC_FLAG 4U

/* Only children touch these, one at a time: the agent waits while one is starting. */
static struct user user;
static char *environment[GONDOLIN_MAX_LIST_ITEMS + MAX_DEFAULTS + 1];
static char default_texts[MAX_DEFAULTS][USER_MAX_TEXT + 16];
static char program_path[PATH_MAX];

/* execve() resets the handlers; it keeps what is ignored and what is blocked. */
static void reset_signals(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &standard, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Descriptors 0, 1 and 2; everything above closes at execve. */
static void connect_stdio(const struct exec_child *child)
{
    int fds[3];
    for (int i = 0; i < 3; i++) {
        /* First out of the way of 0..2, so that no dup2 overwrites a descriptor that is still needed. */
        fds[i] = child->stdio[i] > 2 ? child->stdio[i] : fcntl(child->stdio[i], F_DUPFD_CLOEXEC, 3);
        if (fds[i] < 0)
            process_fail(errno, "stdio", "");
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i], i) < 0)
            process_fail(errno, "stdio", "");
    }
    (void)syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC_FLAG);
}

#define MAX_FILES 1048576

/* What the agent has for itself goes back to what a container engine gives: see guest/README.md, "Limits". */
static void reset_limits(void)
{
    const struct rlimit files = {.rlim_cur = MAX_FILES, .rlim_max = MAX_FILES};
    const struct rlimit processes = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)setrlimit(RLIMIT_NPROC, &processes);
    (void)umask(022);
}

/* Last, because the agent's own descriptors still take the numbers below. */
static void lower_file_limit(void)
{
    const struct rlimit files = {.rlim_cur = 1024, .rlim_max = MAX_FILES};
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

static void become_user(const struct exec_child *child)
{
    const char *spec = child->request->user;
    enum user_result result = user_lookup(spec, "/etc/passwd", "/etc/group", &user);
    if (result == USER_UNREADABLE)
        process_fail(errno, "user ", spec);
    if (result != USER_OK)
        process_fail(result == USER_TOO_MANY_GROUPS ? E2BIG : ENOENT, "user ", spec);
    if (user.uid == 0 && user.name[0] == '\0')
        memcpy(user.home, "/root", sizeof "/root");
    /* Bare system calls: libc's wrappers would change the agent's threads too. */
    if (syscall(SYS_setgroups, user.group_count, user.groups) != 0 ||
        syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0 ||
        syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0)
        process_fail(errno, "user ", spec);
}

static const char *get_variable(const char *name)
{
    size_t length = strlen(name);
    for (char **entry = environment; *entry != NULL; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    }
    return NULL;
}

static void add_default(size_t *count, char *text, const char *name, const char *value)
{
    if (get_variable(name) != NULL || *value == '\0')
        return;
    size_t name_length = strlen(name);
    size_t value_length = strnlen(value, USER_MAX_TEXT - 1);
    memcpy(text, name, name_length);
    text[name_length] = '=';
    memcpy(text + name_length + 1, value, value_length);
    text[name_length + 1 + value_length] = '\0';
    environment[(*count)++] = text;
    environment[*count] = NULL;
}

static void build_environment(const struct exec_request *request)
{
    size_t count = request->envc;
    memcpy(environment, request->env, count * sizeof environment[0]);
    environment[count] = NULL;
    add_default(&count, default_texts[0], "HOME", user.home);
    add_default(&count, default_texts[1], "USER", user.name);
    add_default(&count, default_texts[2], "LOGNAME", user.name);
    add_default(&count, default_texts[3], "SHELL", user.shell);
    add_default(&count, default_texts[4], "PATH", DEFAULT_PATH);
}

static void enter_directory(const struct exec_child *child)
{
    const char *cwd = child->request->cwd;
    if (*cwd != '\0') {
        if (chdir(cwd) != 0)
            process_fail(errno, "cwd ", cwd);
    } else if (chdir(user.home) != 0 && chdir("/") != 0) {
        process_fail(errno, "cwd ", user.home);
    }
}

/* Puts directory + "/" + name into program_path; an empty directory is the current one. */
static bool join_path(const char *directory, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    if (length + 1 + name_length >= sizeof program_path)
        return false;
    memcpy(program_path, directory, length);
    size_t offset = length;
    if (length > 0)
        program_path[offset++] = '/';
    memcpy(program_path + offset, name, name_length + 1);
    return true;
}

/* Tries each directory of PATH, as execvp() does; gives the errno that tells most. */
static int exec_in_path(char *const *argv)
{
    int error = ENOENT;
    const char *path = get_variable("PATH");
    for (const char *start = path; start != NULL;) {
        size_t length = strcspn(start, ":");
        if (!join_path(start, length, argv[0]))
            return ENAMETOOLONG;
        /* Looking is far cheaper than an execve() that fails: that makes a whole address space first. */
        if (access(program_path, X_OK) == 0)
            (void)execve(program_path, argv, environment);
        if (errno == EACCES)
            error = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
        start = start[length] == ':' ? start + length + 1 : NULL;
    }
    return error;
}

void exec_child_run(const void *context)
{
    const struct exec_child *child = context;
    char *const *argv = child->request->argv;
    reset_signals();
    (void)setsid();
    connect_stdio(child);
    reset_limits();
    become_user(child);
    build_environment(child->request);
    enter_directory(child);
    lower_file_limit();
    int error = ENOENT;
    if (strchr(argv[0], '/') != NULL) {
        (void)execve(argv[0], argv, environment);
        error = errno;
    } else if (argv[0][0] != '\0') {
        error = exec_in_path(argv);
    }
    process_fail(error, "exec ", argv[0]);
}
