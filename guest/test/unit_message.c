#include <string.h>

#include "channel/message.h"
#include "unit.h"

static uint8_t bytes[4096];

static size_t kill_message(uint32_t request_id, uint16_t reserved)
{
    struct wire_writer writer;
    wire_writer_init(&writer, bytes, sizeof bytes);
    wire_write_u16(&writer, GONDOLIN_MESSAGE_KILL);
    wire_write_u16(&writer, reserved);
    wire_write_u32(&writer, request_id);
    wire_write_u32(&writer, 7);
    wire_write_u32(&writer, 9);
    wire_write_u8(&writer, GONDOLIN_KILL_SCOPE_TREE);
    return writer.length;
}

static enum message_result decode(size_t length)
{
    struct message message;
    enum message_result result = message_decode(bytes, length, &message);
    message_free(&message);
    return result;
}

static void decodes_a_kill(void)
{
    struct message message;
    size_t length = kill_message(3, 0);
    CHECK(message_decode(bytes, length, &message) == MESSAGE_OK);
    CHECK(message.type == GONDOLIN_MESSAGE_KILL && message.request_id == 3);
    CHECK(message.body.kill.exec_request_id == 7 && message.body.kill.signal == 9);
    CHECK(message.body.kill.scope == GONDOLIN_KILL_SCOPE_TREE);
    message_free(&message);
}

static void refuses_broken_messages(void)
{
    size_t length = kill_message(3, 0);
    for (size_t count = 0; count < length; count++)
        CHECK(decode(count) != MESSAGE_OK);
    CHECK(decode(length + 1) == MESSAGE_BAD_BODY);
    CHECK(decode(kill_message(3, 1)) != MESSAGE_OK);
    bytes[0] = 0x77;
    CHECK(decode(kill_message(3, 0)) == MESSAGE_OK);
    (void)kill_message(3, 0);
    bytes[0] = 0x77;
    CHECK(decode(length) == MESSAGE_UNKNOWN_TYPE);
}

static void refuses_a_string_longer_than_the_message(void)
{
    struct wire_writer writer;
    wire_writer_init(&writer, bytes, sizeof bytes);
    wire_write_u16(&writer, GONDOLIN_MESSAGE_ROOT);
    wire_write_u16(&writer, 0);
    wire_write_u32(&writer, 1);
    wire_write_u32(&writer, 0xffffffff);
    CHECK(decode(writer.length) == MESSAGE_BAD_BODY);
}

static size_t file_message(const char *path, uint8_t flags, uint32_t mode, uint32_t content_bytes)
{
    struct wire_writer writer;
    wire_writer_init(&writer, bytes, sizeof bytes);
    wire_write_u16(&writer, GONDOLIN_MESSAGE_FILE);
    wire_write_u16(&writer, 0);
    wire_write_u32(&writer, 1);
    wire_write_string(&writer, path, 100);
    wire_write_u8(&writer, flags);
    wire_write_u32(&writer, mode);
    wire_write_u32(&writer, content_bytes);
    memset(bytes + writer.length, 'x', 10);
    return writer.length + 10;
}

static void decodes_a_file(void)
{
    struct message message;
    size_t length = file_message("/etc/x", GONDOLIN_FILE_FLAG_APPEND, 0644, 10);
    CHECK(message_decode(bytes, length, &message) == MESSAGE_OK);
    CHECK(strcmp(message.body.file.path, "/etc/x") == 0 && message.body.file.mode == 0644);
    CHECK(message.body.file.content.length == 10 && message.body.file.content.bytes[9] == 'x');
    message_free(&message);
    for (size_t count = 0; count < length; count++)
        CHECK(decode(count) != MESSAGE_OK);
    CHECK(decode(file_message("etc/x", 0, 0644, 10)) == MESSAGE_BAD_BODY);
    CHECK(decode(file_message("/etc/x", 8, 0644, 10)) == MESSAGE_BAD_BODY);
    CHECK(decode(file_message("/etc/x", 0, 010000, 10)) == MESSAGE_BAD_BODY);
    CHECK(decode(file_message("/etc/x", 0, 0644, 11)) == MESSAGE_BAD_BODY);
    CHECK(decode(file_message("/etc/x", 0, 0644, GONDOLIN_MAX_FILE_BYTES + 1)) == MESSAGE_BAD_BODY);
}

static void knows_no_network_flags(void)
{
    static const uint8_t wire[] = {GONDOLIN_MESSAGE_NETWORK, 0, 0, 0, 1, 0, 0, 0, 0};
    memcpy(bytes, wire, sizeof wire);
    CHECK(decode(sizeof wire) == MESSAGE_OK);
    CHECK(decode(sizeof wire - 1) == MESSAGE_BAD_BODY);
    bytes[8] = 1;
    CHECK(decode(sizeof wire) == MESSAGE_BAD_BODY);
}

static size_t exec_message(uint8_t has_terminal, uint16_t rows, uint16_t columns)
{
    struct wire_writer writer;
    wire_writer_init(&writer, bytes, sizeof bytes);
    message_encode_header(&writer, GONDOLIN_MESSAGE_EXEC, 1);
    for (uint32_t stream = 2; stream <= 6; stream += 2)
        wire_write_u32(&writer, stream);
    wire_write_string(&writer, "", 0);
    wire_write_string(&writer, "/", 1);
    wire_write_u32(&writer, 1);
    wire_write_string(&writer, "sh", 2);
    wire_write_u32(&writer, 0);
    wire_write_u8(&writer, has_terminal);
    wire_write_u16(&writer, rows);
    wire_write_u16(&writer, columns);
    return writer.length;
}

static void decodes_an_exec_with_a_terminal(void)
{
    struct message message;
    size_t length = exec_message(1, 40, 300);
    CHECK(message_decode(bytes, length, &message) == MESSAGE_OK);
    CHECK(message.body.exec.has_terminal && message.body.exec.size.rows == 40 && message.body.exec.size.columns == 300);
    message_free(&message);
    for (size_t count = 0; count < length; count++)
        CHECK(decode(count) != MESSAGE_OK);
    CHECK(decode(exec_message(0, 0, 0)) == MESSAGE_OK);
    CHECK(decode(exec_message(0, 24, 80)) == MESSAGE_BAD_BODY);
    CHECK(decode(exec_message(1, 0, 80)) == MESSAGE_BAD_BODY);
    CHECK(decode(exec_message(1, 24, 0)) == MESSAGE_BAD_BODY);
    CHECK(decode(exec_message(2, 24, 80)) == MESSAGE_BAD_BODY);
}

static size_t resize_message(uint16_t rows, uint16_t columns)
{
    struct wire_writer writer;
    wire_writer_init(&writer, bytes, sizeof bytes);
    message_encode_header(&writer, GONDOLIN_MESSAGE_RESIZE, 2);
    wire_write_u32(&writer, 7);
    wire_write_u16(&writer, rows);
    wire_write_u16(&writer, columns);
    return writer.length;
}

static void decodes_a_resize(void)
{
    struct message message;
    size_t length = resize_message(50, 132);
    CHECK(message_decode(bytes, length, &message) == MESSAGE_OK);
    CHECK(message.body.resize.exec_request_id == 7 && message.body.resize.size.rows == 50);
    CHECK(message.body.resize.size.columns == 132);
    message_free(&message);
    for (size_t count = 0; count < length; count++)
        CHECK(decode(count) != MESSAGE_OK);
    CHECK(decode(resize_message(0, 132)) == MESSAGE_BAD_BODY);
    CHECK(decode(resize_message(50, 0)) == MESSAGE_BAD_BODY);
}

void unit_message(void)
{
    decodes_an_exec_with_a_terminal();
    decodes_a_resize();
    decodes_a_file();
    knows_no_network_flags();
    decodes_a_kill();
    refuses_broken_messages();
    refuses_a_string_longer_than_the_message();
}
