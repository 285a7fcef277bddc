#include "file/notices.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct notice {
    struct notice *next;
    size_t length;
    uint8_t bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t added = PTHREAD_COND_INITIALIZER;
/* Guarded by `lock`. */
static struct notice *first;
static struct notice **end = &first;

bool notices_add(const uint8_t *message, size_t length)
{
    struct notice *notice = malloc(sizeof *notice + length);
    if (notice == NULL)
        return false;
    notice->next = NULL;
    notice->length = length;
    memcpy(notice->bytes, message, length);
    (void)pthread_mutex_lock(&lock);
    *end = notice;
    end = &notice->next;
    (void)pthread_cond_signal(&added);
    (void)pthread_mutex_unlock(&lock);
    return true;
}

static struct notice *take(void)
{
    (void)pthread_mutex_lock(&lock);
    while (first == NULL)
        (void)pthread_cond_wait(&added, &lock);
    struct notice *notice = first;
    first = notice->next;
    if (first == NULL)
        end = &first;
    (void)pthread_mutex_unlock(&lock);
    return notice;
}

void *notices_run(void *pass)
{
    const notices_pass *handler = pass;
    for (;;) {
        struct notice *notice = take();
        (*handler)(notice->bytes, notice->length);
        free(notice);
    }
    return NULL;
}
