#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

int clinux_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}

int clinux_ofd_lock(int descriptor, int kind) {
    struct flock whole = {0};
    whole.l_type = kind == 0 ? F_UNLCK : kind == 1 ? F_RDLCK : F_WRLCK;
    whole.l_whence = SEEK_SET;
    return fcntl(descriptor, F_OFD_SETLK, &whole);
}

int clinux_set_nondumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
int clinux_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
int clinux_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

void clinux_fill_standard_streams(void) {
    for (int descriptor = 0; descriptor < 3; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is the one we look at; output to it fails, as it would have.
        (void)open("/dev/null", O_RDONLY);
    }
}

int clinux_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }
void clinux_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags >= 0) (void)fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
void clinux_eventfd_signal(int descriptor) { (void)eventfd_write(descriptor, 1); }

void clinux_eventfd_drain(int descriptor) {
    eventfd_t ignored;
    (void)eventfd_read(descriptor, &ignored);
}

int clinux_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_watch(int epoll, int descriptor, bool reading, bool writing, bool is_new) {
    struct epoll_event event = {0};
    event.events = (reading ? (uint32_t)EPOLLIN : 0) | (writing ? (uint32_t)EPOLLOUT : 0);
    event.data.fd = descriptor;
    return epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event);
}

int clinux_epoll_forget(int epoll, int descriptor) {
    struct epoll_event ignored = {0};
    return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &ignored);
}

int clinux_epoll_wait(int epoll, struct clinux_ready *ready, int most, int milliseconds) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, most < 64 ? most : 64, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -1;
    for (int i = 0; i < count; i++) {
        ready[i].descriptor = events[i].data.fd;
        ready[i].reading = events[i].events & EPOLLIN;
        ready[i].writing = events[i].events & EPOLLOUT;
        ready[i].gone = events[i].events & (EPOLLHUP | EPOLLERR);
    }
    return count;
}

static int unix_address(const char *path, struct sockaddr_un *address, socklen_t *length) {
    size_t count = strlen(path);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (count == 0 || count >= sizeof address->sun_path) { errno = ENAMETOOLONG; return -1; }
    memcpy(address->sun_path, path, count);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + 1);
    return 0;
}

static int closing(int descriptor) {
    int failure = errno;
    close(descriptor);
    errno = failure;
    return -1;
}

int clinux_unix_listen(const char *path, int backlog) {
    struct sockaddr_un address;
    socklen_t length;
    if (unix_address(path, &address, &length) != 0) return -1;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -1;
    // Nobody can connect before listen: the mode is right by then, whatever the umask is.
    if (bind(descriptor, (struct sockaddr *)&address, length) != 0) return closing(descriptor);
    if (chmod(path, 0600) != 0 || listen(descriptor, backlog) != 0) return closing(descriptor);
    return descriptor;
}

int clinux_unix_connect(const char *path) {
    struct sockaddr_un address;
    socklen_t length;
    if (unix_address(path, &address, &length) != 0) return -1;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    // A full backlog makes this wait: for as long as a listener that does not accept may keep us.
    struct timeval patience = {5, 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(descriptor, (struct sockaddr *)&address, length) != 0) return closing(descriptor);
    clinux_set_nonblocking(descriptor);
    return descriptor;
}

int clinux_peer(int descriptor, uid_t *user, pid_t *process) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    *user = credentials.uid;
    *process = credentials.pid;
    return 0;
}

int clinux_unix_send(const char *path, const char *text) {
    struct sockaddr_un address;
    socklen_t length;
    if (unix_address(path, &address, &length) != 0) return -1;
    if (path[0] == '@') {
        address.sun_path[0] = 0;
        length -= 1;
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    ssize_t sent = sendto(descriptor, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
    close(descriptor);
    return sent < 0 ? -1 : 0;
}

int64_t clinux_filesystem_magic(int descriptor) {
    struct statfs information;
    if (fstatfs(descriptor, &information) != 0) return -1;
    return (int64_t)information.f_type;
}

int clinux_terminal_columns(int descriptor) {
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return -1;
    return size.ws_col;
}

// Terminal echo. The state is read by the signal handler, so it is plain static data behind an atomic flag.
static struct termios saved_terminal;
static atomic_int saved_descriptor = -1;

int clinux_echo_off(int descriptor) {
    struct termios now;
    if (tcgetattr(descriptor, &now) != 0) return -1;
    saved_terminal = now;
    atomic_store(&saved_descriptor, descriptor);
    now.c_lflag &= ~(tcflag_t)ECHO;
    now.c_lflag |= ECHONL;
    // A stopped or dumped program would leave the echo off.
    now.c_cc[VSUSP] = _POSIX_VDISABLE;
    now.c_cc[VQUIT] = _POSIX_VDISABLE;
    return tcsetattr(descriptor, TCSAFLUSH, &now);
}

void clinux_echo_restore(void) {
    int descriptor = atomic_exchange(&saved_descriptor, -1);
    if (descriptor >= 0) (void)tcsetattr(descriptor, TCSAFLUSH, &saved_terminal);
}

// Interrupts. A handler may only touch atomics and async-signal-safe calls.
static atomic_int deferrals = 0;
static atomic_int pending = 0;
static const char *deferral_notice = "";

static void leave(int signal) {
    clinux_echo_restore();
    _exit(128 + signal);
}

static void on_signal(int signal) {
    int saved_errno = errno;
    int none = 0;
    if (atomic_load(&deferrals) == 0) leave(signal);
    if (atomic_compare_exchange_strong(&pending, &none, signal)) {
        ssize_t ignored = write(STDERR_FILENO, deferral_notice, strlen(deferral_notice));
        (void)ignored;
        // The last section may have ended on another thread in between, which then saw nothing pending.
        if (atomic_load(&deferrals) == 0) leave(signal);
    }
    errno = saved_errno;
}

int clinux_install_interrupts(const char *notice) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    deferral_notice = notice;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action, old;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        // nohup and a shell's background jobs set SIG_IGN on purpose; keep it.
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN) continue;
        if (sigaction(signals[i], &action, NULL) != 0) return -1;
    }
    return 0;
}

static atomic_int interrupt_eventfd = -1;

static void on_service_signal(int signal) {
    (void)signal;
    int saved_errno = errno;
    uint64_t one = 1;
    ssize_t ignored = write(atomic_load(&interrupt_eventfd), &one, sizeof one);
    (void)ignored;
    errno = saved_errno;
}

int clinux_interrupts_to(int eventfd) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    atomic_store(&interrupt_eventfd, eventfd);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_service_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i], &action, NULL) != 0) return -1;
    }
    return 0;
}

void clinux_defer_interrupts(void) { atomic_fetch_add(&deferrals, 1); }

void clinux_allow_interrupts(void) {
    if (atomic_fetch_sub(&deferrals, 1) == 1) {
        int signal = atomic_load(&pending);
        if (signal != 0) leave(signal);
    }
}

pid_t clinux_spawn(const char *program, char *const *arguments, char *const *environment, int input, int output,
                   int error, bool own_session) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid = -1;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) { errno = failure; return -1; }
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) { posix_spawn_file_actions_destroy(&actions); errno = failure; return -1; }

    const int streams[3] = {input, output, error};
    for (int target = 0; target < 3 && failure == 0; target++) {
        failure = streams[target] < 0
            ? posix_spawn_file_actions_addopen(&actions, target, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0)
            : posix_spawn_file_actions_adddup2(&actions, streams[target], target);
    }
    if (failure == 0) failure = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    sigemptyset(&none);
    sigfillset(&all);
    if (failure == 0) failure = posix_spawnattr_setsigmask(&attributes, &none);
    if (failure == 0) failure = posix_spawnattr_setsigdefault(&attributes, &all);
    if (failure == 0)
        failure = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                            (own_session ? POSIX_SPAWN_SETSID : 0));
    if (failure == 0) failure = posix_spawnp(&pid, program, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) { errno = failure; return -1; }
    return pid;
}

void clinux_exec(const char *program, char *const *arguments, char *const *environment) {
    sigset_t none;
    sigemptyset(&none);
    // Closed by the kernel where the exec succeeds; older kernels close them now, and then nothing is left to do but say so.
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) closefrom(3);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    execvpe(program, arguments, environment);
}

void clinux_release_code(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL) return;
    char line[512];
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end;
        char mode[5];
        unsigned long inode;
        if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, mode, &inode) != 4) continue;
        // Only what can be executed: it has never been written, so that nothing is lost. (What was relocated is not.)
        if (inode != 0 && strcmp(mode, "r-xp") == 0) (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    fclose(maps);
}

void clinux_wiping_free(void *memory) {
    if (memory == NULL) return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

void *clinux_wiping_realloc(void *memory, size_t size) {
    if (memory == NULL) return malloc(size);
    void *other = size > 0 ? malloc(size) : NULL;
    if (size > 0 && other == NULL) return NULL;
    size_t present = malloc_usable_size(memory);
    if (other != NULL) memcpy(other, memory, present < size ? present : size);
    clinux_wiping_free(memory);
    return other;
}
