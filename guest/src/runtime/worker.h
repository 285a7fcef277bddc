/*
 * Threads for what may wait: root of the guest can put a file that never answers in any path. The loop hands such work
 * over and goes on.
 */
#ifndef GONDOLIN_WORKER_H
#define GONDOLIN_WORKER_H

/* Embedded in its owner, which must live until `done` is called. */
struct worker_job {
    struct worker_job *next;
    /* On a thread. Shares nothing with the loop but what its owner left alone for it. */
    void (*work)(struct worker_job *job);
    /* In the loop, after `work`. */
    void (*done)(struct worker_job *job);
};

/* Starts the first thread of each kind. 0, or -1 with errno. */
int worker_init(void);

/* Queues a job. More threads start while all wait, at most WORKER_MAX_THREADS; jobs beyond them wait in order. */
void worker_submit(struct worker_job *job);

/* The same, on a thread of its own kind: for work that never waits for anything of the guest's. */
void worker_submit_steady(struct worker_job *job);

#define WORKER_MAX_THREADS 32

#endif
