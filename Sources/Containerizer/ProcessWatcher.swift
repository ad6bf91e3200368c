import CLinux
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A process that cannot be mistaken for a later one of the same number.
public struct ProcessIdentity: Sendable, Hashable {
    public let pid: Int32
    /// Clock ticks after boot (proc(5), field 22 of stat).
    public let startTime: UInt64
    /// Whether it was started before the machine was: another process may have its number and its ticks now.
    fileprivate let isOfFormerBoot: Bool

    public init(pid: Int32, startTime: UInt64, boot: String? = nil) {
        self.pid = pid
        self.startTime = startTime
        isOfFormerBoot = boot.map { $0 != Self.currentBoot } ?? false
    }

    /// Reads `PID STARTTIME BOOT`; the last one is missing where the machine does not name its boots.
    public init?(_ text: String) {
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard (2...3).contains(parts.count), let pid = Int32(parts[0]), let startTime = UInt64(parts[1]) else {
            return nil
        }
        self.init(pid: pid, startTime: startTime, boot: parts.count == 3 ? String(parts[2]) : nil)
    }

    /// This boot's name (random(4)).
    static let currentBoot = (StateFile.read("/proc/sys/kernel/random/boot_id") ?? "").filter { !$0.isWhitespace }

    public var isAlive: Bool { !isOfFormerBoot && clinux_start_time(pid) == startTime }

    /// False only when it is known to be gone; /proc cannot be read while there are no file descriptors left.
    var mayBeAlive: Bool {
        guard !isOfFormerBoot else { return false }
        errno = 0
        let found = clinux_start_time(pid)
        return found == startTime || found == 0 && [EMFILE, ENFILE, ENOMEM].contains(errno)
    }

    /// Sends a signal to just this process; does nothing when it is gone.
    public func signal(_ number: Int32) {
        let descriptor = clinux_pidfd_open(pid)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // The descriptor was opened first, so that it is the process whose start time is read now.
        guard isAlive else { return }
        _ = clinux_pidfd_send_signal(descriptor, number)
    }
}

/// Waits for the end of processes, children or not, with one thread for all of them (pidfd_open(2), epoll(7)).
public final class ProcessWatcher: Sendable {
    public static let shared = ProcessWatcher()

    private struct Waiter {
        let pid: Int32
        let continuation: CheckedContinuation<Void, Never>
    }

    private let epoll: Int32
    private let waiters = Mutex<[Int32: Waiter]>([:])

    private init() {
        epoll = clinux_epoll_create()
        precondition(epoll >= 0, "epoll_create1: \(String(cString: strerror(-epoll)))")
        startThread()
    }

    /// Returns when the process has ended; at once when it is gone already. A child is reaped.
    public func wait(for process: ProcessIdentity) async {
        guard !process.isOfFormerBoot else { return }
        var descriptor = clinux_pidfd_open(process.pid)
        // Out of descriptors or memory is no sign of its end.
        while descriptor < 0, descriptor != -ESRCH, kill(process.pid, 0) == 0 || errno != ESRCH {
            // Cancelled: the caller does not want to know any more.
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            descriptor = clinux_pidfd_open(process.pid)
        }
        guard descriptor >= 0 else { return }
        guard process.mayBeAlive else {
            close(descriptor)
            reap(process.pid)
            return
        }
        await withCheckedContinuation { continuation in
            waiters.withLock { $0[descriptor] = Waiter(pid: process.pid, continuation: continuation) }
            if clinux_epoll_add(epoll, descriptor) != 0 { finish(descriptor) }
        }
    }

    private func startThread() {
        var thread = pthread_t()
        let argument = Unmanaged.passUnretained(self).toOpaque()  // The one instance lives as long as the program.
        let result = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<ProcessWatcher>.fromOpaque(pointer).takeUnretainedValue().loop() }
                return nil
            }, argument)
        precondition(result == 0, "pthread_create: \(String(cString: strerror(result)))")
        pthread_detach(thread)
    }

    private func loop() {
        var ready = [Int32](repeating: 0, count: 64)
        while true {
            let count = clinux_epoll_wait(epoll, &ready, Int32(ready.count))
            for index in 0..<max(0, Int(count)) { finish(ready[index]) }
        }
    }

    private func finish(_ descriptor: Int32) {
        guard let waiter = waiters.withLock({ $0.removeValue(forKey: descriptor) }) else { return }
        close(descriptor)
        reap(waiter.pid)
        waiter.continuation.resume()
    }

    private func reap(_ pid: Int32) {
        var status: Int32 = 0
        _ = clinux_reap(pid, &status)  // An error means that it is no child of ours.
    }
}
