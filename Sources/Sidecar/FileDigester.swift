import Capture
import Crypto
import FoundationEssentials
import Recorder

/// Size and SHA-256 of files and folders; what did not change since is not read again.
actor FileDigester {
    /// Bytes that are read at once.
    private static let chunk = 1 << 20
    /// Files of a folder, and how deep they lie.
    static let mostFiles = 10_000
    static let deepest = 32

    private struct Known {
        var stamp: SystemFile.Stamp
        var sha256: String
    }

    private let volumes: Volumes
    private var known: [String: Known] = [:]
    private let queue = SerialQueue()
    /// Waits for a disk, which may be that of a server that does not answer: on a thread of its own.
    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    init(_ volumes: Volumes) { self.volumes = volumes }

    /// How much of the machine may be used.
    enum Pace: Sendable {
        /// While the pod works: a pause after each piece, for a fifth of a core at most.
        case gentle
        /// When it has ended: without pause until then.
        case until(ContinuousClock.Instant)
    }

    /// What a path has: size and digest, or its size alone where there was no time.
    /// - Throws: ``SystemFile/Refusal``; `CancellationError`.
    func digest(_ item: DigestPaths.Item, _ pace: Pace) async throws -> SidecarReport.Digest {
        let path = try volumes.contained(item.path)
        let file = try SystemFile(path)
        switch file.kind {
        case .other: throw SystemFile.Refusal(description: "is neither a file nor a folder")
        case .file:
            guard let stamp = file.stamp else { throw SystemFile.Refusal(description: "cannot be read") }
            let sha256 = try await hash(file, path, stamp, pace)
            return .init(name: item.name, path: item.path, size: stamp.size, sha256: sha256)
        case .folder: return try await folder(item, path, pace)
        }
    }

    private func folder(
        _ item: DigestPaths.Item, _ root: String, _ pace: Pace
    ) async throws -> SidecarReport.Digest {
        var size: Int64 = 0
        var lines: [(path: String, hash: String)] = []
        var isWhole = true
        var count = 0
        var pending = [(path: root, depth: 0)]
        while let (path, depth) = pending.popLast() {
            guard let names = SystemFile.names(in: path, atMost: Self.mostFiles) else {
                throw SystemFile.Refusal(description: "may not be read: \(path)")
            }
            for name in names {
                let path = "\(path)/\(name)"
                // Links within a folder are no files of it.
                guard let file = try? SystemFile(path) else { continue }
                switch file.kind {
                case .other: continue
                case .folder:
                    guard depth < Self.deepest else {
                        throw SystemFile.Refusal(description: "has folders more than \(Self.deepest) deep")
                    }
                    pending.append((path, depth + 1))
                case .file:
                    count += 1
                    guard count <= Self.mostFiles, let stamp = file.stamp else {
                        throw SystemFile.Refusal(description: "has more than \(Self.mostFiles) files")
                    }
                    size = size.addingReportingOverflow(stamp.size).partialValue
                    if let hash = try await hash(file, path, stamp, pace) {
                        lines.append((String(path.dropFirst(root.count + 1)), hash))
                    } else {
                        isWhole = false
                    }
                }
            }
        }
        // As `find -type f | sort | xargs sha256sum | sha256sum` in the C locale.
        lines.sort { Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8)) }
        var hasher = SHA256()
        for line in lines { hasher.update(data: Array("\(line.hash)  \(line.path)\n".utf8)) }
        return .init(
            name: item.name, path: item.path, size: size, sha256: isWhole ? Self.text(hasher.finalize()) : nil,
            files: count)
    }

    /// - Returns: `nil` where there was no time, or the file changed meanwhile.
    private func hash(
        _ file: borrowing SystemFile, _ path: String, _ stamp: SystemFile.Stamp, _ pace: Pace
    ) async throws -> String? {
        if let known = known[path], known.stamp == stamp { return known.sha256 }
        var hasher = SHA256()
        var length: Int64 = 0
        while true {
            if case .until(let end) = pace, ContinuousClock.now >= end { return nil }
            let bytes = try file.read(atMost: Self.chunk)
            if bytes.isEmpty { break }
            hasher.update(data: bytes)
            length += Int64(bytes.count)
            // One that grows as fast as it is read has no end.
            guard length <= stamp.size else { return nil }
            try Task.checkCancellation()
            if case .gentle = pace { try await Task.sleep(for: .milliseconds(10)) } else { await Task.yield() }
        }
        guard length == stamp.size, file.stamp == stamp else { return nil }
        let text = Self.text(hasher.finalize())
        if known.count >= 2 * Self.mostFiles { known = [:] }
        known[path] = Known(stamp: stamp, sha256: text)
        return text
    }

    private static func text(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
