import COpenSSL
import Glibc
import Synchronization

/// Whole pages from the kernel, locked and kept out of core files.
///
/// Nearly every secret fits one page. Those come from a shelf that is filled 16 pages at a time and takes them back wiped:
/// five system calls for each of them would be half a millisecond of every command. The store's text in its passing forms is
/// larger; a few of its blocks are kept as well, because the kernel takes longer to find and clear their pages than we do to
/// fill them.
enum LockedPages {
    private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// As much as the smallest limit on locked memory that is in use (64 KiB).
    private static let shelfPages = 16
    /// The addresses of free pages.
    private static let shelf = Mutex<[UInt]>([])
    /// The largest sum of free blocks that is kept, in bytes.
    private static let blockLimit = 1 << 20

    private struct Blocks {
        var sum = 0
        var free: [(address: UInt, size: Int)] = []
    }

    private static let blocks = Mutex(Blocks())

    static func allocate(atLeast count: Int) -> UnsafeMutableRawBufferPointer {
        let size = max(1, (count + pageSize - 1) / pageSize) * pageSize
        guard size == pageSize else { return unsafe allocateBlock(size) }
        let address = shelf.withLock { free in
            if free.isEmpty {
                let pages = unsafe UInt(bitPattern: map(shelfPages * pageSize))
                for page in 0..<shelfPages { free.append(pages + UInt(page * pageSize)) }
            }
            return free.removeLast()
        }
        return unsafe UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: size)
    }

    static func release(_ pages: UnsafeMutableRawBufferPointer) {
        unsafe OPENSSL_cleanse(pages.baseAddress!, pages.count)
        if pages.count == pageSize {
            let address = UInt(bitPattern: pages.baseAddress!)
            shelf.withLock { $0.append(address) }
        } else {
            let (address, size) = (UInt(bitPattern: pages.baseAddress!), pages.count)
            let isKept = blocks.withLock { blocks in
                guard blocks.sum + size <= blockLimit else { return false }
                blocks.sum += size
                blocks.free.append((address, size))
                return true
            }
            if !isKept { unsafe munmap(pages.baseAddress!, pages.count) }
        }
    }

    /// Sizes are rounded up to an eighth of their power of two, so that what is a little larger than last time finds a block.
    private static func allocateBlock(_ wanted: Int) -> UnsafeMutableRawBufferPointer {
        let step = max(pageSize, (1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)) / 8)
        let size = (wanted + step - 1) / step * step
        let kept = blocks.withLock { blocks -> UInt? in
            guard let index = blocks.free.lastIndex(where: { $0.size == size }) else { return nil }
            blocks.sum -= size
            return blocks.free.remove(at: index).address
        }
        let start = unsafe kept.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) } ?? map(size)
        return unsafe UnsafeMutableRawBufferPointer(start: start, count: size)
    }

    private static func map(_ size: Int) -> UnsafeMutableRawPointer {
        let pages = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pages = unsafe pages, unsafe pages != MAP_FAILED else {
            // Like malloc in the standard library: there is nothing sensible to go on with.
            fatalError("out of memory: mmap of \(size) bytes was refused")
        }
        // A refused lock is not fatal: the bytes are still wiped; the agent's doctor check reads VmLck (proc(5)).
        _ = unsafe mlock(pages, size)
        _ = unsafe madvise(pages, size, Int32(MADV_DONTDUMP))
        _ = unsafe madvise(pages, size, Int32(MADV_WIPEONFORK))
        return unsafe pages
    }
}
