#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files/attributes.h"
#include "files/handles.h"
#include "files/serve.h"
#include "runtime/util.h"
#include "unit.h"

static uint8_t bytes[GONDOLIN_MAX_FILES_FRAME_BYTES + 4];
static uint8_t reply[FILES_MAX_REPLY_BYTES];
static struct files_request request;
static char directory[64];

/* Begins a request; its length is set by decode(). */
static struct wire_writer begin(uint8_t operation)
{
    struct wire_writer writer;
    wire_writer_init(&writer, bytes, sizeof bytes);
    wire_write_u32(&writer, 0);
    wire_write_u32(&writer, 7);
    wire_write_u8(&writer, operation);
    return writer;
}

static enum files_result decode(const struct wire_writer *writer)
{
    size_t size = 0;
    store_u32(bytes, (uint32_t)writer->length - 4);
    enum files_result result = files_decode(bytes, writer->length, &request, &size);
    CHECK(result != FILES_WHOLE || size == writer->length);
    return result;
}

/* Does the request and returns the errno of its reply. */
static uint32_t serve(const struct wire_writer *writer)
{
    struct wire_writer output;
    CHECK(decode(writer) == FILES_WHOLE);
    wire_writer_init(&output, reply, sizeof reply);
    files_serve(&request, &output);
    CHECK(load_u32(reply) == output.length - 4 && load_u32(reply + 4) == 7);
    return load_u32(reply + 8);
}

static const uint8_t *body(void)
{
    return reply + GONDOLIN_FILES_REPLY_HEADER_BYTES;
}

static size_t body_bytes(void)
{
    return load_u32(reply) + 4 - GONDOLIN_FILES_REPLY_HEADER_BYTES;
}

static void write_path(struct wire_writer *writer, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    wire_write_string(writer, path, sizeof path);
}

static uint32_t with_path(uint8_t operation, const char *name)
{
    struct wire_writer writer = begin(operation);
    write_path(&writer, name);
    return serve(&writer);
}

static uint32_t open_file(uint32_t handle, uint32_t flags, const char *name)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_OPEN);
    wire_write_u32(&writer, handle);
    wire_write_u32(&writer, flags);
    wire_write_u32(&writer, 0600);
    write_path(&writer, name);
    return serve(&writer);
}

static uint32_t write_file(uint32_t handle, uint64_t offset, const char *text)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_WRITE);
    wire_write_u32(&writer, handle);
    wire_write_u64(&writer, offset);
    wire_write_string(&writer, text, 64);
    return serve(&writer);
}

static uint32_t read_file(uint32_t handle, uint64_t offset, uint32_t length)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_READ);
    wire_write_u32(&writer, handle);
    wire_write_u64(&writer, offset);
    wire_write_u32(&writer, length);
    return serve(&writer);
}

static uint32_t close_file(uint32_t handle)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_CLOSE);
    wire_write_u32(&writer, handle);
    return serve(&writer);
}

static uint32_t remove_path(uint8_t kind, const char *name)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_REMOVE);
    wire_write_u8(&writer, kind);
    write_path(&writer, name);
    return serve(&writer);
}

static uint32_t make_directory(uint8_t flags, const char *name)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_MKDIR);
    wire_write_u8(&writer, flags);
    wire_write_u32(&writer, 0700);
    write_path(&writer, name);
    return serve(&writer);
}

static void refuses_broken_requests(void)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_OPEN);
    wire_write_u32(&writer, 0);
    wire_write_u32(&writer, GONDOLIN_FILES_OPEN_READ);
    wire_write_u32(&writer, 0);
    wire_write_string(&writer, "/x", 2);
    CHECK(decode(&writer) == FILES_WHOLE && strcmp(request.path, "/x") == 0);
    size_t size;
    for (size_t count = 0; count < writer.length; count++)
        CHECK(files_decode(bytes, count, &request, &size) == FILES_INCOMPLETE);
    wire_write_u8(&writer, 0);
    CHECK(decode(&writer) == FILES_BROKEN);
    store_u32(bytes, GONDOLIN_MAX_FILES_FRAME_BYTES + 1);
    CHECK(files_decode(bytes, 4, &request, &size) == FILES_BROKEN);
    writer = begin(99);
    CHECK(decode(&writer) == FILES_BROKEN);
    writer = begin(GONDOLIN_FILES_OPERATION_CLOSE);
    wire_write_u32(&writer, GONDOLIN_MAX_FILES_HANDLES);
    CHECK(decode(&writer) == FILES_BROKEN);
    writer = begin(GONDOLIN_FILES_OPERATION_READLINK);
    wire_write_u32(&writer, 2);
    wire_write_u16(&writer, 'a');
    CHECK(decode(&writer) == FILES_BROKEN);
}

static void reads_what_it_wrote(void)
{
    const uint32_t flags = GONDOLIN_FILES_OPEN_READ | GONDOLIN_FILES_OPEN_WRITE | GONDOLIN_FILES_OPEN_CREATE;
    CHECK(open_file(3, flags, "a") == 0 && body_bytes() == GONDOLIN_FILES_ATTRIBUTES_BYTES);
    CHECK(open_file(3, flags, "a") == EBUSY);
    CHECK(write_file(3, 2, "hello") == 0 && body_bytes() == 0);
    CHECK(read_file(3, 4, 100) == 0 && body_bytes() == 3 && memcmp(body(), "llo", 3) == 0);
    CHECK(read_file(3, 100, 100) == 0 && body_bytes() == 0);
    CHECK(read_file(4, 0, 1) == EBADF && body_bytes() == 0);
    CHECK(close_file(3) == 0 && close_file(3) == EBADF && read_file(3, 0, 1) == EBADF);
    CHECK(open_file(3, flags | GONDOLIN_FILES_OPEN_EXCLUSIVE, "a") == EEXIST);
    CHECK(open_file(3, GONDOLIN_FILES_OPEN_READ, "none") == ENOENT);
}

static void never_waits_for_a_fifo(void)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/fifo", directory);
    CHECK(mkfifo(path, 0600) == 0);
    CHECK(open_file(0, GONDOLIN_FILES_OPEN_WRITE, "fifo") == ENXIO);
    CHECK(open_file(0, GONDOLIN_FILES_OPEN_READ, "fifo") == 0 && read_file(0, 0, 1) == ESPIPE);
    CHECK(close_file(0) == 0 && remove_path(GONDOLIN_FILES_REMOVE_FILE, "fifo") == 0);
}

static void keeps_times_that_nanoseconds_cannot_hold_in_bounds(void)
{
    struct stat status = {.st_mtim = {.tv_sec = INT64_MAX}, .st_atim = {.tv_sec = INT64_MIN}};
    struct wire_writer writer;
    wire_writer_init(&writer, reply, sizeof reply);
    files_write_attributes(&writer, &status);
    CHECK(writer.length == GONDOLIN_FILES_ATTRIBUTES_BYTES);
    CHECK(load_u64(reply + 64) == (uint64_t)INT64_MIN && load_u64(reply + 72) == (uint64_t)INT64_MAX);
}

static void sets_a_time_before_1970(void)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_SET);
    struct stat status;
    char path[256];
    wire_write_u8(&writer, GONDOLIN_FILES_TARGET_PATH);
    write_path(&writer, "a");
    wire_write_u32(&writer, GONDOLIN_FILES_SET_MTIME | GONDOLIN_FILES_SET_MODE);
    wire_write_u32(&writer, 0640);
    wire_write_u64(&writer, 0);
    wire_write_u64(&writer, 0);
    wire_write_u64(&writer, 0);
    wire_write_u64(&writer, (uint64_t)-1);
    CHECK(serve(&writer) == 0);
    (void)snprintf(path, sizeof path, "%s/a", directory);
    CHECK(stat(path, &status) == 0 && status.st_mtim.tv_sec == -1 && status.st_mtim.tv_nsec == 999999999);
    CHECK((status.st_mode & 07777) == 0640);
}

static void lists_in_pages(void)
{
    char name[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "many/f%d", i);
        CHECK(i > 0 || make_directory(0, "many") == 0);
        CHECK(open_file(1, GONDOLIN_FILES_OPEN_WRITE | GONDOLIN_FILES_OPEN_CREATE, name) == 0 && close_file(1) == 0);
    }
    CHECK(open_file(1, GONDOLIN_FILES_OPEN_READ | GONDOLIN_FILES_OPEN_DIRECTORY, "many") == 0);
    unsigned found = 0;
    unsigned pages = 0;
    do {
        struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_LIST);
        wire_write_u32(&writer, 1);
        wire_write_u8(&writer, GONDOLIN_FILES_LIST_ATTRIBUTES);
        CHECK(serve(&writer) == 0 && body_bytes() <= 65536);
        for (size_t at = 1; at < body_bytes(); at += 8 + load_u32(body() + at + 4) + GONDOLIN_FILES_ATTRIBUTES_BYTES)
            found++;
        pages++;
    } while (body()[0] == 0 && pages < 100);
    CHECK(found == 1000 && pages > 1);
    CHECK(close_file(1) == 0);
}

static void removes_a_tree_in_parts_and_follows_no_link(void)
{
    CHECK(make_directory(GONDOLIN_FILES_MKDIR_PARENTS, "keep/x") == 0);
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_SYMLINK);
    wire_write_string(&writer, "../keep", 7);
    write_path(&writer, "many/link");
    CHECK(serve(&writer) == 0);
    CHECK(make_directory(GONDOLIN_FILES_MKDIR_PARENTS, "many/a/b/c") == 0);
    CHECK(make_directory(GONDOLIN_FILES_MKDIR_PARENTS, "many/a/b/c") == 0);
    CHECK(make_directory(0, "many/a/b/c") == EEXIST);
    CHECK(make_directory(GONDOLIN_FILES_MKDIR_PARENTS, "many/f1/x") == ENOTDIR);
    for (int i = 0; i < 100; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "many/a/g%d", i);
        CHECK(open_file(1, GONDOLIN_FILES_OPEN_WRITE | GONDOLIN_FILES_OPEN_CREATE, name) == 0 && close_file(1) == 0);
    }
    CHECK(remove_path(GONDOLIN_FILES_REMOVE_FILE, "many") == EISDIR);
    CHECK(remove_path(GONDOLIN_FILES_REMOVE_DIRECTORY, "many") == ENOTEMPTY);
    CHECK(remove_path(GONDOLIN_FILES_REMOVE_TREE, "many") == 0 && body()[0] == 1);
    CHECK(remove_path(GONDOLIN_FILES_REMOVE_TREE, "many") == 0 && body()[0] == 0);
    CHECK(remove_path(GONDOLIN_FILES_REMOVE_TREE, "many") == ENOENT);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_REALPATH, "keep/x") == 0);
}

static void says_where_a_link_leads(void)
{
    struct wire_writer writer = begin(GONDOLIN_FILES_OPERATION_SYMLINK);
    wire_write_string(&writer, "../x", 4);
    write_path(&writer, "link");
    CHECK(serve(&writer) == 0);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_READLINK, "link") == 0);
    CHECK(body_bytes() == 8 && memcmp(body() + 4, "../x", 4) == 0);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_READLINK, "a") == EINVAL);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_STATVFS, ".") == 0 && body_bytes() == 56);
}

static void reads_extended_attributes(void)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/attributed", directory);
    CHECK(open_file(1, GONDOLIN_FILES_OPEN_WRITE | GONDOLIN_FILES_OPEN_CREATE, "attributed") == 0 &&
          close_file(1) == 0);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_XATTRS, "attributed") == 0 && body_bytes() == 0);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_XATTRS, "none") == ENOENT);
    if (setxattr(path, "user.note", "a\0b", 3, 0) != 0) {
        CHECK(errno == EOPNOTSUPP);
        return;
    }
    CHECK(with_path(GONDOLIN_FILES_OPERATION_XATTRS, "attributed") == 0 && body_bytes() == 4 + 9 + 4 + 3);
    CHECK(memcmp(body() + 4, "user.note", 9) == 0 && memcmp(body() + 17, "a\0b", 3) == 0);
    /* An empty value is one, and the next begins right after it. */
    CHECK(setxattr(path, "user.empty", "", 0, 0) == 0);
    CHECK(with_path(GONDOLIN_FILES_OPERATION_XATTRS, "attributed") == 0 && body_bytes() == 20 + 4 + 10 + 4);
}

void unit_files(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/gondolin-unit-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    refuses_broken_requests();
    reads_what_it_wrote();
    never_waits_for_a_fifo();
    keeps_times_that_nanoseconds_cannot_hold_in_bounds();
    sets_a_time_before_1970();
    lists_in_pages();
    removes_a_tree_in_parts_and_follows_no_link();
    says_where_a_link_leads();
    reads_extended_attributes();
    CHECK(remove_path(GONDOLIN_FILES_REMOVE_TREE, "") == 0);
    CHECK(access(directory, F_OK) != 0);
}
