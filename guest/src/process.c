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

#ifndef __x86_64__
#error "process_spawn() has no code for this processor"
#endif

#define CHILD_STACK_BYTES 65536

/* Written by a child that fails, in the memory it shares with the agent. */
static struct failure child_failure;
static volatile bool has_child_failed;

/*
 * The child runs on a stack of its own in the agent's memory while the agent waits (as vfork): a copy of the memory map
 * for every command costs 10 ms under TCG, right after a restore.
 */
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

pid_t process_spawn(int cgroup_fd, void (*run)(const void *), const void *context, struct failure *failure)
{
    static uint8_t stack[CHILD_STACK_BYTES] __attribute__((aligned(16)));
    struct clone_args arguments = {
        .flags = CLONE_VM | CLONE_VFORK,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = sizeof stack,
    };
    if (cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup_fd;
    }
    has_child_failed = false;
    long result = clone_and_call(&arguments, run, context);
    if (result < 0) {
        errno = (int)-result;
        (void)failed(failure, "start a process");
        return -1;
    }
    if (has_child_failed) {
        *failure = child_failure;
        return -1;
    }
    return (pid_t)result;
}

static size_t append(char *text, size_t length, size_t capacity, const char *more)
{
    size_t count = strnlen(more, capacity - length - 1);
    memcpy(text + length, more, count);
    text[length + count] = '\0';
    return length + count;
}

void process_fail(int error, const char *what, const char *subject)
{
    child_failure.error = error;
    size_t length = append(child_failure.stage, 0, sizeof child_failure.stage, what);
    (void)append(child_failure.stage, length, sizeof child_failure.stage, subject);
    has_child_failed = true;
    _exit(127);
}
