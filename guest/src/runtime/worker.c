#include "runtime/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include "runtime/util.h"

/* A child runs on a part of it until it executes its program: spawn.c. */
#define STACK_BYTES (384 * 1024)

/* Jobs, first in, first out. */
struct job_queue {
    struct worker_job *first;
    struct worker_job **end;
};

struct worker_pool {
    pthread_cond_t has_work;
    struct job_queue jobs;
    /* Jobs that no thread has taken yet. */
    unsigned waiting_count;
    unsigned thread_count;
    unsigned idle_count;
    unsigned max_threads;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job_queue finished;
static struct loop_source finished_source;
static struct worker_pool patient = {.has_work = PTHREAD_COND_INITIALIZER, .max_threads = WORKER_MAX_THREADS};
/* One thread kills what left a cgroup, one frees memory. */
static struct worker_pool steady = {.has_work = PTHREAD_COND_INITIALIZER, .max_threads = 2};

static void append(struct job_queue *queue, struct worker_job *job)
{
    job->next = NULL;
    if (queue->first == NULL)
        queue->end = &queue->first;
    *queue->end = job;
    queue->end = &job->next;
}

static struct worker_job *take_first(struct job_queue *queue)
{
    struct worker_job *job = queue->first;
    if (job != NULL)
        queue->first = job->next;
    return job;
}

static void *__attribute__((noreturn)) run_jobs(void *argument)
{
    struct worker_pool *pool = argument;
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&lock);
    for (;;) {
        struct worker_job *job = take_first(&pool->jobs);
        if (job == NULL) {
            pool->idle_count++;
            (void)pthread_cond_wait(&pool->has_work, &lock);
            pool->idle_count--;
            continue;
        }
        pool->waiting_count--;
        (void)pthread_mutex_unlock(&lock);
        job->work(job);
        (void)pthread_mutex_lock(&lock);
        append(&finished, job);
        (void)RETRY_EINTR(write(finished_source.fd, &one, sizeof one));
    }
}

/* 0, or an errno. */
static int start_thread(struct worker_pool *pool)
{
    int error = thread_start(run_jobs, pool, STACK_BYTES);
    if (error == 0)
        pool->thread_count++;
    return error;
}

static void submit(struct worker_pool *pool, struct worker_job *job)
{
    (void)pthread_mutex_lock(&lock);
    append(&pool->jobs, job);
    pool->waiting_count++;
    int error = 0;
    /* A thread that was woken for an earlier job counts as idle until it has taken that job. */
    if (pool->waiting_count <= pool->idle_count)
        (void)pthread_cond_signal(&pool->has_work);
    else if (pool->thread_count < pool->max_threads)
        error = start_thread(pool);
    (void)pthread_mutex_unlock(&lock);
    /* The job has to wait for one of the others. */
    if (error != 0)
        log_warning("cannot start a thread: %s", strerror(error));
}

void worker_submit(struct worker_job *job)
{
    submit(&patient, job);
}

void worker_submit_steady(struct worker_job *job)
{
    submit(&steady, job);
}

static void on_finished(struct loop_source *source, uint32_t events)
{
    uint64_t count;
    (void)events;
    (void)RETRY_EINTR(read(source->fd, &count, sizeof count));
    (void)pthread_mutex_lock(&lock);
    struct job_queue done = finished;
    finished.first = NULL;
    (void)pthread_mutex_unlock(&lock);
    struct worker_job *job;
    while ((job = take_first(&done)) != NULL)
        job->done(job);
}

int worker_init(void)
{
    finished_source = (struct loop_source){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .on_ready = on_finished};
    if (finished_source.fd < 0 || loop_add(&finished_source, EPOLLIN) != 0)
        return -1;
    (void)pthread_mutex_lock(&lock);
    errno = start_thread(&patient);
    if (errno == 0)
        errno = start_thread(&steady);
    (void)pthread_mutex_unlock(&lock);
    return errno == 0 ? 0 : -1;
}
