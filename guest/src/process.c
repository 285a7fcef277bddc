#include "process.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "util.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

bool failed(struct failure *failure, const char *format, ...)
{
    failure->error = errno;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->stage, sizeof failure->stage, format, arguments);
    va_end(arguments);
    return false;
}

/*
 * The child runs on a stack of its own in the agent's memory while the agent waits (as vfork): a copy of the memory map
 * for every command costs 10 ms under TCG, right after a restore.
 */
#if defined(__x86_64__)

#define CHILD_STACK_BYTES 65536

static long clone_and_call(const struct clone_args *arguments, void (*run)(const void *), const void *context)
{
    long result;
    register void (*child_run)(const void *) __asm__("r12") = run;
    register const void *child_context __asm__("r13") = context;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %[context], %%rdi\n\t"
                     "call *%[run]\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"((long)SYS_clone3), "D"(arguments), "S"(sizeof *arguments), [run] "r"(child_run),
                       [context] "r"(child_context)
                     : "rcx", "r11", "memory");
    return result;
}

static pid_t spawn(struct clone_args *arguments, void (*run)(const void *), const void *context)
{
    static uint8_t stack[CHILD_STACK_BYTES] __attribute__((aligned(16)));
    arguments->flags |= CLONE_VM | CLONE_VFORK;
    arguments->stack = (uint64_t)(uintptr_t)stack;
    arguments->stack_size = sizeof stack;
    long result = clone_and_call(arguments, run, context);
    if (result >= 0)
        return (pid_t)result;
    errno = (int)-result;
    return -1;
}

#else

static pid_t spawn(struct clone_args *arguments, void (*run)(const void *), const void *context)
{
    pid_t pid = (pid_t)syscall(SYS_clone3, arguments, sizeof *arguments);
    if (pid == 0) {
        run(context);
        _exit(127);
    }
    return pid;
}

#endif

pid_t process_spawn(int cgroup_fd, void (*run)(const void *), const void *context)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    if (cgroup_fd >= 0) {
        arguments.flags = CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup_fd;
    }
    return spawn(&arguments, run, context);
}

static size_t append(char *text, size_t length, size_t capacity, const char *more)
{
    size_t count = strnlen(more, capacity - length - 1);
    memcpy(text + length, more, count);
    text[length + count] = '\0';
    return length + count;
}

void process_fail(int fd, int error, const char *what, const char *subject)
{
    static struct failure failure;
    failure.error = error;
    size_t length = append(failure.stage, 0, sizeof failure.stage, what);
    (void)append(failure.stage, length, sizeof failure.stage, subject);
    /* Smaller than PIPE_BUF: written whole. If the agent is gone there is nobody to tell. */
    (void)RETRY_EINTR(write(fd, &failure, sizeof failure));
    _exit(127);
}

bool process_read_failure(int fd, struct failure *failure)
{
    if (RETRY_EINTR(read(fd, failure, sizeof *failure)) != (long)sizeof *failure)
        return false;
    failure->stage[sizeof failure->stage - 1] = '\0';
    return true;
}
