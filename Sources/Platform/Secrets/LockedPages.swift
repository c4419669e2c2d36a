import COpenSSL
import Glibc
import Synchronization

/// Whole pages from the kernel, locked and kept out of core files.
enum LockedPages {
    static let refusals = Atomic<Int>(0)
    private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

    static func allocate(atLeast count: Int) -> UnsafeMutableRawBufferPointer {
        let size = max(1, (count + pageSize - 1) / pageSize) * pageSize
        let pages = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pages = unsafe pages, unsafe pages != MAP_FAILED else {
            // Like malloc in the standard library: there is nothing sensible to go on with.
            fatalError("out of memory: mmap of \(size) bytes was refused")
        }
        // A refused lock is counted, not fatal: the bytes are still wiped, and doctor says so.
        if unsafe mlock(pages, size) != 0 { refusals.add(1, ordering: .relaxed) }
        _ = unsafe madvise(pages, size, Int32(MADV_DONTDUMP))
        _ = unsafe madvise(pages, size, Int32(MADV_WIPEONFORK))
        return unsafe UnsafeMutableRawBufferPointer(start: pages, count: size)
    }

    static func release(_ pages: UnsafeMutableRawBufferPointer) {
        unsafe OPENSSL_cleanse(pages.baseAddress!, pages.count)
        unsafe munmap(pages.baseAddress!, pages.count)
    }
}
