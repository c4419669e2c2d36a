// Linked into every program and the tests by scripts/sanitize, so that a sanitizer is set up the same in each of them, whatever
// variables a test gives its child: where reports go (any file there fails the run) and which are suppressed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// What the program was given (the limit of core files) stays what it is.
#define COMMON "log_path=" REPORTS ":exitcode=86:disable_coredump=0:allocator_may_return_null=1"

#if defined(SANITIZER_address)

const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return COMMON ":detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:allow_user_segv_handler=1"
                  ":halt_on_error=0:detect_leaks=0:suppressions=" FOLDER "/address.supp";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void) { return "suppressions=" FOLDER "/leak.supp:print_suppressions=0"; }

#elif defined(SANITIZER_thread)

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return COMMON ":second_deadlock_stack=1:history_size=4:suppressions=" FOLDER "/thread.supp:print_suppressions=0";
}

// Swift's Mutex is compiled into its users, where ThreadSanitizer sees it, up to the moment at which somebody has to wait: that part
// stands in libswiftSynchronization, which is not instrumented, and asks the kernel (FUTEX_LOCK_PI). Without a word every lock that
// was waited for would look like no lock at all. So these two say what they do.
void __tsan_acquire(void *);
void __tsan_release(void *);

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall, visibility("default"), no_sanitize("thread")))
#define SELF __attribute__((swift_context)) void *handle

typedef __attribute__((swiftcall)) void LockSlow(uint32_t, SELF);
typedef __attribute__((swiftcall)) void UnlockSlow(SELF);

SWIFT void lockSlow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
SWIFT void lockSlow(uint32_t thread, SELF) {
    LockSlow *original = (LockSlow *)dlsym(RTLD_NEXT, LOCK_SLOW);
    original(thread, handle);
    __tsan_acquire(handle);
}

SWIFT void unlockSlow(SELF) __asm__(UNLOCK_SLOW);
SWIFT void unlockSlow(SELF) {
    __tsan_release(handle);
    UnlockSlow *original = (UnlockSlow *)dlsym(RTLD_NEXT, UNLOCK_SLOW);
    original(handle);
}

#endif
