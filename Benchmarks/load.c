// Clients of an agent's socket that ask as fast as they are answered; one thread, so that a second core is left to the agent.
//
//     load SOCKET CLIENTS SECONDS (kept|single) (nul|close) MARK REQUEST
//
// kept: each client keeps its connection; single: a connection for each request. An answer ends with NUL or with the connection,
// and must contain MARK. In REQUEST `$` stands for NUL. Prints one line: answers, seconds, failures, median and 99th percentile
// in microseconds, from before connect (single) or send (kept) to the end of the answer.
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct client {
    int descriptor;
    uint64_t begun;
    size_t received;
    char answer[16384];
};

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static const char *mark;
static char *request;
static size_t request_length;
static bool is_kept, ends_with_nul;
static int poller;

static uint32_t *times;
static size_t count, room, failures;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void note(uint64_t nanoseconds) {
    if (count == room && !(times = realloc(times, (room = room ? 2 * room : 1 << 16) * sizeof *times))) die("realloc");
    times[count++] = nanoseconds / 100 > UINT32_MAX ? UINT32_MAX : (uint32_t)(nanoseconds / 100);
}

static void hang_up(struct client *client) {
    if (client->descriptor >= 0) close(client->descriptor);
    client->descriptor = -1;
}

static void ask(struct client *client) {
    client->begun = now();
    client->received = 0;
    if (client->descriptor < 0) {
        client->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        // A full backlog makes it wait, as it would any client.
        if (client->descriptor < 0 || connect(client->descriptor, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, client->descriptor, &event) != 0) die("epoll_ctl");
    }
    if (send(client->descriptor, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) die("send");
}

static void finish(struct client *client, bool is_whole) {
    note(now() - client->begun);
    if (!is_whole || !memmem(client->answer, client->received, mark, strlen(mark))) {
        if (failures++ == 0) fprintf(stderr, "load: a wrong answer: %.*s\n", (int)client->received, client->answer);
        hang_up(client);
    }
    if (!is_kept) hang_up(client);
    ask(client);
}

static void receive(struct client *client) {
    size_t left = sizeof client->answer - client->received;
    ssize_t more = recv(client->descriptor, client->answer + client->received, left, MSG_DONTWAIT);
    if (more < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (more <= 0) {
        finish(client, more == 0 && !ends_with_nul && client->received > 0);
        return;
    }
    client->received += (size_t)more;
    if (ends_with_nul && client->answer[client->received - 1] == 0) finish(client, true);
    else if (client->received == sizeof client->answer) finish(client, false);
}

static int ascending(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc != 8 || strlen(argv[1]) >= sizeof address.sun_path) return 64;
    strcpy(address.sun_path, argv[1]);
    int clients = atoi(argv[2]);
    double seconds = atof(argv[3]);
    is_kept = !strcmp(argv[4], "kept");
    ends_with_nul = !strcmp(argv[5], "nul");
    mark = argv[6];
    request = argv[7];
    request_length = strlen(request);
    for (char *byte = request; *byte; byte++)
        if (*byte == '$') *byte = 0;
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct client *all = calloc((size_t)clients, sizeof *all);
    if (poller < 0 || !all || clients < 1) die("start");
    for (int index = 0; index < clients; index++) all[index].descriptor = -1;

    uint64_t begun = now(), end = begun + (uint64_t)(seconds * 1e9);
    for (int index = 0; index < clients; index++) ask(&all[index]);
    struct epoll_event events[64];
    while (now() < end) {
        int ready = epoll_wait(poller, events, 64, 1000);
        for (int index = 0; index < ready; index++) receive(events[index].data.ptr);
    }
    double took = (double)(now() - begun) / 1e9;
    if (count == 0) {
        fprintf(stderr, "load: no answer\n");
        return 1;
    }
    qsort(times, count, sizeof *times, ascending);
    printf("%zu %.3f %zu %.1f %.1f\n", count, took, failures, times[count / 2] / 10.0, times[count * 99 / 100] / 10.0);
    return 0;
}
