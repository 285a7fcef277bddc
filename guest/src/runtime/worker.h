/*
 * Threads for calls that may wait: root of the guest can put a file system that never replies at any path. The loop
 * hands such work over and continues.
 */
#ifndef GONDOLIN_WORKER_H
#define GONDOLIN_WORKER_H

/* Embedded in its owner, which must live until `done` is called. */
struct worker_job {
    struct worker_job *next;
    /* Runs on a thread. Shares nothing with the loop except what its owner left untouched for it. */
    void (*work)(struct worker_job *job);
    /* Runs in the loop, after `work`. */
    void (*done)(struct worker_job *job);
};

/* Starts the first thread of each kind. 0, or -1 with errno. */
int worker_init(void);

/* Queues a job. More threads start while all are busy, up to WORKER_MAX_THREADS; further jobs wait in order. */
void worker_submit(struct worker_job *job);

/* Queues a job on a dedicated thread, for work that never waits for anything of the guest. */
void worker_submit_steady(struct worker_job *job);

#define WORKER_MAX_THREADS 32

#endif
