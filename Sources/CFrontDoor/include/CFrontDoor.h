// The system calls of the front door, which is Embedded Swift and has no Glibc module.
#ifndef CFRONTDOOR_H
#define CFRONTDOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What the program was started with: Embedded Swift has no CommandLine.
int door_argument_count(void);
const char *_Nullable door_argument(int position);
/// The variables, up to a null pointer.
const char *_Nullable const *_Nonnull door_environment(void);
size_t door_length(const char *_Nonnull text);
uint32_t door_user(void);

enum door_kind { door_directory, door_socket };

/// Whether the path itself, not what a link leads to, is of that kind, belongs to this user, and is open to nobody else:
/// mode 0700 of a directory, 0600 of a socket.
bool door_is_private(const char *_Nonnull path, enum door_kind kind);

/// A connection to a server of this user (SO_PEERCRED); -1 for any other and for every failure.
int door_connect(const char *_Nonnull path);

/// Sends the whole message, or false.
bool door_send(int connection, const uint8_t *_Nonnull message, size_t count);

/// Reads one message, up to and without its NUL, into the one buffer for replies, after the process was made non-dumpable.
/// Nothing may follow it, and all of it has 45 s. Returns its length, or -1.
long door_receive(int connection);
const uint8_t *_Nonnull door_reply(void);

/// Writes that part of the reply to standard output in one call, with a line end, as a header or not.
/// False where it did not arrive; what had arrived of it by then is all that will (see door.c).
bool door_print(size_t start, size_t count, bool as_header);

/// Overwrites the reply.
void door_wipe(void);

/// Closes the connection, if there is one.
void door_close(int connection);

/// readlink(2) of /proc/self/exe without its last part; its length, or -1.
long door_directory_of_program(uint8_t *_Nonnull buffer, size_t room);

/// Becomes another program with the arguments and variables of this one; returns errno.
int door_become(const char *_Nonnull path);

void door_say(const uint8_t *_Nonnull text, size_t count);
void door_exit(int status) __attribute__((noreturn));

#endif
