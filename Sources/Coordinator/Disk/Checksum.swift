import CLinux

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), which guards everything on disk.
enum Checksum {
    /// `seed` is the value of what comes before the bytes.
    static func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        clinux_crc32c(seed, bytes.baseAddress, bytes.count)
    }

    static func crc32c(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { crc32c($0, seed: seed) }
    }
}
