#include "file/new_files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "file/file_port.h"
#include "file/fuse_body.h"
#include "file/kernel_reply.h"
#include "file/new_file.h"
#include "runtime/clock.h"
#include "runtime/util.h"

#define MAX_FILES 8
/* A file to which nothing is written gives its place to others after this time. */
#define UNUSED_MS 1000
/* In a NOTIFY_NEW_FILE message. */
#define NODE_AT sizeof(struct fuse_out_header)
#define HANDLE_AT (NODE_AT + 8)
#define PARENT_AT (NODE_AT + 16)
#define ATTRIBUTES_AT (NODE_AT + 24)
#define NAME_AT (ATTRIBUTES_AT + sizeof(struct fuse_attr))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t replied = PTHREAD_COND_INITIALIZER;
/* Guarded by `lock`. What a file contains changes in the thread of requests only, and so does its state but for SENT. */
static struct new_file files[MAX_FILES];
/* Files that are not UNUSED: most requests need no lock. */
static atomic_uint count;

static void end(struct new_file *file)
{
    file->state = UNUSED;
    atomic_fetch_sub(&count, 1);
}

static struct new_file *find(uint64_t node)
{
    for (unsigned i = 0; i < MAX_FILES; i++)
        if (files[i].state != UNUSED && files[i].node == node)
            return &files[i];
    return NULL;
}

/* Sends the data as one WRITE. Call with the lock, which is free while the host does not read. */
static void send_data(struct new_file *file, uint64_t unique, bool is_flush)
{
    size_t length;
    const uint8_t *message = new_file_encode(file, unique, &length);
    file->state = SENT;
    file->unique = unique;
    file->is_flush = is_flush;
    (void)pthread_mutex_unlock(&lock);
    file_port_send(message, length);
    (void)pthread_mutex_lock(&lock);
}

/* Sends what the file has and waits until the host has it. */
static void settle(struct new_file *file)
{
    if (file->state == WAITING && new_file_has_data(file))
        send_data(file, file->writer.unique, false);
    else if (file->state == WAITING)
        end(file);
    while (file->state == SENT)
        (void)pthread_cond_wait(&replied, &lock);
}

/* The kernel gets the reply when the host has the data. */
static bool answer_flush(int device_fd, struct new_file *file, const struct fuse_in_header *header)
{
    if (file->state == WAITING && new_file_has_data(file)) {
        send_data(file, header->unique, true);
        return true;
    }
    kernel_reply(device_fd, header->unique, file->state == FAILED ? file->error : 0, NULL, 0);
    end(file);
    return true;
}

/* Replies to a request about a file that waits no longer, if it is owed an error. */
static bool answer_error(int device_fd, const struct fuse_in_header *header)
{
    struct new_file *file = find(header->nodeid);
    if (file == NULL || file->state != FAILED)
        return false;
    if (header->opcode == FUSE_FLUSH)
        return answer_flush(device_fd, file, header);
    if (header->opcode == FUSE_FSYNC)
        kernel_reply(device_fd, header->unique, file->error, NULL, 0);
    if (header->opcode == FUSE_FSYNC || header->opcode == FUSE_RELEASE)
        end(file);
    return header->opcode == FUSE_FSYNC;
}

static bool is_of_handle(const struct new_file *file, const uint8_t *request, size_t length)
{
    return length >= FUSE_BODY_AT + 8 && load_u64(request + FUSE_BODY_AT) == file->handle;
}

static bool answer(int device_fd, const struct fuse_in_header *header, const uint8_t *request, size_t length)
{
    struct new_file *file = find(header->nodeid);
    if (file != NULL && file->state == WAITING && !file->is_stale) {
        if (header->opcode == FUSE_FLUSH && is_of_handle(file, request, length))
            return answer_flush(device_fd, file, header);
        if (new_file_answer(device_fd, file, header, request, length))
            return true;
    }
    for (unsigned i = 0; i < MAX_FILES; i++)
        if (files[i].state != UNUSED && new_file_concerns(&files[i], header, request, length))
            settle(&files[i]);
    return answer_error(device_fd, header);
}

bool new_files_answer(int device_fd, const uint8_t *request, size_t length)
{
    struct fuse_in_header header;
    if (length < FUSE_BODY_AT)
        return false;
    memcpy(&header, request, sizeof header);
    bool is_answered = false;
    if (atomic_load(&count) > 0) {
        (void)pthread_mutex_lock(&lock);
        is_answered = answer(device_fd, &header, request, length);
        (void)pthread_mutex_unlock(&lock);
    }
    if (is_answered || header.opcode != FUSE_FLUSH)
        return is_answered;
    /* The data of every other file is with the host when its WRITE gets a reply. */
    kernel_reply(device_fd, header.unique, 0, NULL, 0);
    return true;
}

void new_files_add(const uint8_t *message, size_t length)
{
    if (length <= NAME_AT || length - NAME_AT > NEW_FILE_MAX_NAME_BYTES)
        return;
    (void)pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < MAX_FILES; i++) {
        struct new_file *file = &files[i];
        if (file->state != UNUSED)
            continue;
        memset(file, 0, sizeof *file);
        file->state = WAITING;
        file->node = load_u64(message + NODE_AT);
        file->handle = load_u64(message + HANDLE_AT);
        file->parent = load_u64(message + PARENT_AT);
        file->sent_at_ms = clock_coarse_ms() + UNUSED_MS;
        memcpy(&file->attributes, message + ATTRIBUTES_AT, sizeof file->attributes);
        file->name_length = length - NAME_AT;
        memcpy(file->name, message + NAME_AT, file->name_length);
        atomic_fetch_add(&count, 1);
        break;
    }
    (void)pthread_mutex_unlock(&lock);
}

static void note_reply(int device_fd, struct new_file *file, int32_t error)
{
    if (file->is_flush)
        kernel_reply(device_fd, file->unique, error, NULL, 0);
    file->error = error;
    if (error == 0 || file->is_flush)
        end(file);
    else
        file->state = FAILED;
    (void)pthread_cond_broadcast(&replied);
}

bool new_files_take_reply(int device_fd, const uint8_t *message, size_t length)
{
    struct new_file *file = NULL;
    if (length < sizeof(struct fuse_out_header) || atomic_load(&count) == 0)
        return false;
    const uint64_t unique = load_u64(message + 8);
    (void)pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < MAX_FILES && file == NULL; i++)
        if (files[i].state == SENT && files[i].unique == unique)
            file = &files[i];
    if (file != NULL)
        note_reply(device_fd, file, (int32_t)load_u32(message + 4));
    (void)pthread_mutex_unlock(&lock);
    return file != NULL;
}

void new_files_expire(const uint8_t *notification, size_t length)
{
    if (load_u32(notification + 4) != FUSE_NOTIFY_INVAL_INODE || length < NODE_AT + 8 || atomic_load(&count) == 0)
        return;
    (void)pthread_mutex_lock(&lock);
    struct new_file *file = find(load_u64(notification + NODE_AT));
    if (file != NULL)
        file->is_stale = true;
    (void)pthread_mutex_unlock(&lock);
}

int new_files_wait_ms(void)
{
    int wait = -1;
    if (atomic_load(&count) == 0)
        return wait;
    (void)pthread_mutex_lock(&lock);
    const int64_t now = clock_coarse_ms();
    for (unsigned i = 0; i < MAX_FILES; i++) {
        if (files[i].state != WAITING)
            continue;
        const int64_t left = files[i].sent_at_ms > now ? files[i].sent_at_ms - now : 0;
        if (wait < 0 || left < wait)
            wait = (int)left;
    }
    (void)pthread_mutex_unlock(&lock);
    return wait;
}

void new_files_send_late(void)
{
    (void)pthread_mutex_lock(&lock);
    const int64_t now = clock_coarse_ms();
    for (unsigned i = 0; i < MAX_FILES; i++)
        if (files[i].state == WAITING && files[i].sent_at_ms <= now)
            settle(&files[i]);
    (void)pthread_mutex_unlock(&lock);
}
