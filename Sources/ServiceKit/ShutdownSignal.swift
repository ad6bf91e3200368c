import CLinux

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// SIGTERM, SIGINT and SIGHUP as values of a stream.
public enum ShutdownSignal {
    public enum Event: Sendable {
        /// Stop: SIGTERM or Ctrl-C.
        case stop
        /// Read the configuration again: SIGHUP.
        case reload
    }

    /// The signals from now on. One stream serves a program. A thread of its own waits for them, as a blocking
    /// read must not hold a thread of the pool.
    public static func events() throws(FlagError) -> AsyncStream<Event> {
        let descriptor = clinux_signal_pipe()
        guard descriptor >= 0 else {
            throw FlagError("cannot receive signals: \(String(cString: strerror(-descriptor)))")
        }
        let (stream, continuation) = AsyncStream<Event>.makeStream()
        BlockingThread.start {
            var number: UInt8 = 0
            while read(descriptor, &number, 1) == 1 {
                continuation.yield(Int32(number) == SIGHUP ? .reload : .stop)
            }
            continuation.finish()
        }
        return stream
    }
}

/// A thread for work that blocks.
public enum BlockingThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    public static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Work(body)).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            }, argument)
        precondition(result == 0, "pthread_create: \(String(cString: strerror(result)))")
        pthread_detach(thread)
    }
}
