// The handful of C functions that Swift's Glibc module hides or cannot call (variadic, _GNU_SOURCE).
// Every function returns 0 or a value on success and -1 with errno set on failure, as libc does.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// openat(2) with the mode argument that is variadic in C.
int clinux_openat(int directory, const char *_Nonnull path, int flags, mode_t mode);

/// Open-file-description lock on the whole file: F_OFD_SETLK, never waits.
/// `kind`: 0 unlock, 1 shared, 2 exclusive. EAGAIN when another description holds it.
int clinux_ofd_lock(int descriptor, int kind);

/// PR_SET_DUMPABLE 0: no core file, no /proc/PID/mem or environ for processes of the same user.
int clinux_set_nondumpable(void);

/// PR_SET_PDEATHSIG: the calling process gets `signal` when its parent dies.
int clinux_die_with_parent(int signal);

/// accept4(2) with SOCK_CLOEXEC | SOCK_NONBLOCK.
int clinux_accept(int listener);

/// Opens /dev/null on those of the descriptors 0 to 2 that are closed: nothing that is opened later may be taken for
/// standard output.
void clinux_fill_standard_streams(void);

/// pipe2(2) with O_CLOEXEC.
int clinux_pipe(int *_Nonnull ends);

/// O_NONBLOCK for an open descriptor.
void clinux_set_nonblocking(int descriptor);

/// eventfd(2), non-blocking and closed on exec; clinux_eventfd_signal adds one to it.
int clinux_eventfd(void);
void clinux_eventfd_signal(int descriptor);

/// Takes what was added; nothing if nothing was.
void clinux_eventfd_drain(int descriptor);

/// epoll_create1(2), closed on exec.
int clinux_epoll(void);

/// What a descriptor is ready for.
struct clinux_ready {
    int descriptor;
    bool reading;
    bool writing;
    /// The peer is gone in both directions, or the descriptor failed.
    bool gone;
};

/// EPOLL_CTL_ADD or EPOLL_CTL_MOD, level-triggered.
int clinux_epoll_watch(int epoll, int descriptor, bool reading, bool writing, bool is_new);
/// EPOLL_CTL_DEL.
int clinux_epoll_forget(int epoll, int descriptor);
/// Up to `most` (at most 64) ready descriptors; 0 when the time is over or a signal came. -1 milliseconds: no end.
int clinux_epoll_wait(int epoll, struct clinux_ready *_Nonnull ready, int most, int milliseconds);

/// A Unix stream socket, non-blocking and closed on exec, bound to a path that must be free, with mode 0600 before anybody can
/// connect. ENAMETOOLONG above 107 bytes.
int clinux_unix_listen(const char *_Nonnull path, int backlog);

/// A Unix stream socket connected to a path, non-blocking and closed on exec.
int clinux_unix_connect(const char *_Nonnull path);

/// SO_PEERCRED: who the other end was when it connected or began to listen.
int clinux_peer(int descriptor, uid_t *_Nonnull user, pid_t *_Nonnull process);

/// One datagram to a Unix socket ("@" at the front: the abstract name space), as sd_notify(3) wants it.
int clinux_unix_send(const char *_Nonnull path, const char *_Nonnull text);

/// f_type of the file system that holds the descriptor (statfs(2)); -1 on failure.
int64_t clinux_filesystem_magic(int descriptor);

/// Lets SIGINT, SIGTERM, SIGHUP and SIGQUIT end the process with exit code 128 + signal, after putting the terminal's
/// echo back, but never while a section opened by clinux_defer_interrupts is open: a rotated token must reach
/// the disk first. While deferred, the first signal writes `notice` to stderr.
int clinux_install_interrupts(const char *_Nonnull notice);
void clinux_defer_interrupts(void);
/// Closes a section; exits at once if a signal came while the last one was open.
void clinux_allow_interrupts(void);

/// madvise(MADV_DONTNEED) over every mapping of this process that is a file's code: never written, read again when needed.
void clinux_release_code(void);

/// From now on SIGINT, SIGTERM and SIGHUP add one to an eventfd instead: a service ends in its own order.
int clinux_interrupts_to(int eventfd);

/// Turns the terminal's echo off and remembers its state for the signal handler; -1 if it is no terminal.
int clinux_echo_off(int descriptor);
void clinux_echo_restore(void);

/// posix_spawnp with an argument vector and environment, standard streams as given (-1: /dev/null), every other
/// descriptor closed, signals at their defaults. Returns the pid.
pid_t clinux_spawn(const char *_Nonnull program, char *_Nullable const *_Nonnull arguments,
                   char *_Nullable const *_Nonnull environment, int input, int output, int error,
                   bool own_session);

/// Becomes another program, found in PATH as execvp(3) does: every descriptor above 2 closed, the signals that this program
/// ignores at their defaults, none blocked. Returns only with errno set, and with the descriptors still open.
void clinux_exec(const char *_Nonnull program, char *_Nullable const *_Nonnull arguments,
                 char *_Nullable const *_Nonnull environment);

/// The terminal's width in columns, or -1.
int clinux_terminal_columns(int descriptor);

/// free(3) and realloc(3) that wipe what they give back, for libraries that take an allocator and do not wipe their own
/// buffers: both directions of a token go through libcurl's and OpenSSL's. realloc always moves.
void clinux_wiping_free(void *_Nullable memory);
void *_Nullable clinux_wiping_realloc(void *_Nullable memory, size_t size);

#endif
