#define _GNU_SOURCE
#include "CFrontDoor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int argument_count;
static char **arguments;

// glibc hands main's arguments to constructors, in static programs too.
__attribute__((constructor)) static void note_arguments(int count, char **vector, char **environment) {
    (void)environment;
    argument_count = count;
    arguments = vector;
}

int door_argument_count(void) { return argument_count; }

const char *door_argument(int position) {
    return position >= 0 && position < argument_count ? arguments[position] : NULL;
}

const char *const *door_environment(void) { return (const char *const *)environ; }
size_t door_length(const char *text) { return strlen(text); }
uint32_t door_user(void) { return geteuid(); }

bool door_is_private(const char *path, enum door_kind kind) {
    struct stat status;
    mode_t expected = kind == door_directory ? S_IFDIR | 0700 : S_IFSOCK | 0600;
    return lstat(path, &status) == 0 && status.st_mode == expected && status.st_uid == geteuid();
}

// MARK: - The agent

static const int patience = 45;
// After so many seconds without a word it is asked what an agent says at once, and given as long again.
static const int quiet = 3;
static struct sockaddr_un agent;
// The largest message, and its NUL.
static uint8_t reply[64 * 1024 + 1];
static size_t received;

static int connect_to_agent(void);

int door_connect(const char *path) {
    size_t length = strlen(path);
    if (length >= sizeof agent.sun_path) return -1;
    agent.sun_family = AF_UNIX;
    memcpy(agent.sun_path, path, length);
    return connect_to_agent();
}

static int connect_to_agent(void) {
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return -1;
    // A full backlog makes connect wait. A number below 3 means that a standard stream is closed, and must not be taken for it.
    struct timeval limit = {.tv_sec = patience};
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (connection > 2 && setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(connection, (struct sockaddr *)&agent, sizeof agent) == 0 &&
        getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof peer && peer.uid == geteuid())
        return connection;
    close(connection);
    return -1;
}

bool door_send(int connection, const uint8_t *message, size_t count) {
    // A question is far smaller than the buffer of a socket: what does not fit at once is a doubt.
    return send(connection, message, count, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)count;
}

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

// Whether anything answers a question that needs neither vault nor provider: a stopped agent is not waited for.
static bool is_alive(void) {
    static const char question[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
    int connection = connect_to_agent();
    struct pollfd ready = {.fd = connection, .events = POLLIN};
    bool answers = connection >= 0 && send(connection, question, sizeof question, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof question &&
                   poll(&ready, 1, quiet * 1000) > 0;
    door_close(connection);
    return answers;
}

long door_receive(int connection) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -1;
    // Where the lock is refused the token is wiped all the same, as in the full program.
    (void)mlock2(reply, sizeof reply, MLOCK_ONFAULT);
    // RLIMIT_CORE stays: it would outlive an exec, and what cannot be dumped leaves no core either.
    long deadline = milliseconds() + patience * 1000L;
    while (received < sizeof reply) {
        struct pollfd ready = {.fd = connection, .events = POLLIN};
        long left = deadline - milliseconds();
        if (left <= 0) return -1;
        int count = poll(&ready, 1, (int)(left < quiet * 1000L ? left : quiet * 1000L));
        if (count < 0 && errno == EINTR) continue;
        if (count == 0 && is_alive()) continue;
        if (count <= 0) return -1;
        ssize_t more = recv(connection, reply + received, sizeof reply - received, MSG_DONTWAIT);
        if (more < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (more <= 0) return -1;
        uint8_t *end = memchr(reply + received, 0, (size_t)more);
        received += (size_t)more;
        if (end != NULL) return end == reply + received - 1 ? (long)(received - 1) : -1;
    }
    return -1;
}

const uint8_t *door_reply(void) { return reply; }
void door_wipe(void) { explicit_bzero(reply, received); }

void door_close(int connection) {
    if (connection >= 0) close(connection);
}

// MARK: - Standard output

bool door_print(size_t start, size_t count, bool as_header) {
    static char bearer[] = "Authorization: Bearer ", end[] = "\n";
    if (start > received || count > received - start) return false;
    struct iovec parts[3] = {{bearer, as_header ? sizeof bearer - 1 : 0}, {reply + start, count}, {end, 1}};
    size_t left = parts[0].iov_len + count + 1;
    bool has_begun = false;

    // As in the full program, a reader that is gone and a file that may not grow are failures of this write.
    struct sigaction ignore = {.sa_handler = SIG_IGN}, pipe_before, size_before;
    sigaction(SIGPIPE, &ignore, &pipe_before);
    sigaction(SIGXFSZ, &ignore, &size_before);
    for (int part = 0; left > 0;) {
        ssize_t written = writev(STDOUT_FILENO, parts + part, 3 - part);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) {
            // Somebody who shares the stream has made it non-blocking.
            struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&room, 1, -1);
            continue;
        }
        if (written <= 0) break;
        has_begun = true;
        left -= (size_t)written;
        for (; part < 3 && (size_t)written >= parts[part].iov_len; part++) written -= (ssize_t)parts[part].iov_len;
        if (part < 3) {
            parts[part].iov_base = (char *)parts[part].iov_base + written;
            parts[part].iov_len -= (size_t)written;
        }
    }
    if (left == 0) return true;
    sigaction(SIGPIPE, &pipe_before, NULL);
    sigaction(SIGXFSZ, &size_before, NULL);
    if (has_begun) {
        // A part cannot be taken back, and a second try must not follow it: the full program gets an output that takes nothing.
        int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (closed < 0 || dup2(closed, STDOUT_FILENO) < 0) _exit(1);
        close(closed);
    }
    return false;
}

// MARK: - The full program

long door_directory_of_program(uint8_t *buffer, size_t room) {
    ssize_t length = readlink("/proc/self/exe", (char *)buffer, room);
    if (length <= 0 || (size_t)length == room) return -1;
    while (length > 0 && buffer[length - 1] != '/') length--;
    return length - 1;
}

int door_become(const char *path) {
    execve(path, arguments, environ);
    return errno;
}

void door_say(const uint8_t *text, size_t count) {
    while (count > 0) {
        ssize_t written = write(STDERR_FILENO, text, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text += written;
        count -= (size_t)written;
    }
}

void door_exit(int status) { _exit(status); }
