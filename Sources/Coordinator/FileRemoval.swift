#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Removes a file; one that is not there is as good as removed.
func unlinkFile(_ path: String) { unlink(path) }
