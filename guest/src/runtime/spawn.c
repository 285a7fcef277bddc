#include "runtime/spawn.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "runtime/util.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "spawn_child() has no code for this processor"
#endif

/* Lies within the stack of a worker's thread. The child reads lines of /etc/passwd on it: lines.c. */
#define CHILD_STACK_BYTES (256 * 1024)

/* One per thread, and so the child's, which runs in place of its thread. */
static _Thread_local struct spawn *starting;

/*
 * The child runs on its own stack in the agent's memory while this thread waits (as with vfork): copying the memory map
 * for every command costs 10 ms under TCG right after a restore.
 */
static long clone_and_call(const struct clone_args *arguments, void (*run)(void *), void *context)
{
#ifdef __x86_64__
    long result;
    register void (*child_run)(void *) __asm__("r12") = run;
    register void *child_context __asm__("r13") = context;
    /* clang-format off */
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
    /* clang-format on */
    return result;
#else
    register long result __asm__("x0") = (long)arguments;
    register long size __asm__("x1") = sizeof *arguments;
    register long number __asm__("x8") = SYS_clone3;
    register void (*child_run)(void *) __asm__("x19") = run;
    register void *child_context __asm__("x20") = context;
    /* clang-format off */
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x30, xzr\n\t"
                     "mov x0, %[context]\n\t"
                     "blr %[run]\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(result)
                     : "r"(size), "r"(number), [run] "r"(child_run), [context] "r"(child_context)
                     : "memory");
    /* clang-format on */
    return result;
#endif
}

void spawn_child(struct spawn *start)
{
    uint8_t stack[CHILD_STACK_BYTES] __attribute__((aligned(16)));
    struct clone_args arguments = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID,
        .parent_tid = (uint64_t)(uintptr_t)&start->pid,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = sizeof stack,
    };
    if (start->cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)start->cgroup_fd;
    }
    starting = start;
    long result = clone_and_call(&arguments, start->run, start->context);
    starting = NULL;
    if (result < 0) {
        errno = (int)-result;
        (void)failed(&start->failure, "start a process");
        start->has_failed = true;
    }
}

static size_t append(char *text, size_t length, size_t capacity, const char *more)
{
    size_t count = strnlen(more, capacity - length - 1);
    memcpy(text + length, more, count);
    text[length + count] = '\0';
    return length + count;
}

void spawn_fail(int error, const char *what, const char *subject)
{
    struct failure *failure = &starting->failure;
    failure->error = error;
    size_t length = append(failure->stage, 0, sizeof failure->stage, what);
    (void)append(failure->stage, length, sizeof failure->stage, subject);
    starting->has_failed = true;
    _exit(127);
}
