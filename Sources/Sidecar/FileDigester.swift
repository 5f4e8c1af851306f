import Capture
import Crypto
import FoundationEssentials
import Lineage
import Recorder

/// Size and SHA-256 of files and folders; what did not change since is not read again.
actor FileDigester {
    /// Bytes that are read at once.
    private static let chunk = 1 << 20
    /// What a folder has in it, and how deep it lies.
    static let mostEntries = 10_000
    static let deepest = 32
    /// How much of the machine may be used.
    enum Pace: Sendable {
        /// While the pod works: a pause after each piece, for a fifth of a core at most.
        case gentle
        /// When it has ended: without pause until then.
        case until(ContinuousClock.Instant)
    }

    /// What a walk through a folder has found so far.
    private struct Walk {
        var size: Int64 = 0
        var files = 0
        var entries = 0
        var isWhole = true
        var lines: [(path: String, hash: String)] = []
    }

    private let volumes: Volumes
    private var known: [SystemFile.Stamp: String] = [:]
    private let queue = SerialQueue()
    /// Waits for a disk, which may be that of a server that does not answer: on a thread of its own.
    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// What was changed so shortly before it was read may have been changed again within the same tick of its file
    /// system's clock: that digest is not kept. In nanoseconds.
    private let settling: Int64

    init(_ volumes: Volumes, settling: Int64 = 2_000_000_000) { (self.volumes, self.settling) = (volumes, settling) }

    /// What a path has: size and digest, or its size alone where there was no time.
    /// - Throws: ``SystemFile/Refusal``; `CancellationError`.
    func digest(_ item: DigestPaths.Item, _ pace: Pace) async throws -> SidecarReport.Digest {
        let file = try volumes.open(item.path)
        switch file.kind {
        case .other: throw SystemFile.Refusal(description: "is neither a file nor a folder")
        case .file:
            guard let stamp = file.stamp else { throw SystemFile.Refusal(description: "cannot be read") }
            let sha256 = try await hash(file, stamp, pace)
            return .init(name: item.name, path: item.path, size: stamp.size, sha256: sha256)
        case .folder:
            var walk = Walk()
            try await visit(file, "", 0, pace, &walk)
            // As `find -type f | sort | xargs sha256sum | sha256sum` in the C locale.
            walk.lines.sort { Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8)) }
            var hasher = SHA256()
            for line in walk.lines { hasher.update(data: Array("\(line.hash)  \(line.path)\n".utf8)) }
            return .init(
                name: item.name, path: item.path, size: walk.size,
                sha256: walk.isWhole ? Identity.hexadecimal(hasher.finalize()) : nil, files: walk.files)
        }
    }

    /// A report with what the file of a path says.
    /// - Throws: ``SystemFile/Refusal``.
    func read(_ path: String, into report: SidecarReport) throws -> SidecarReport {
        var report = report
        try ReportFile.read(path, volumes, into: &report)
        return report
    }

    private func visit(
        _ folder: borrowing SystemFile, _ prefix: String, _ depth: Int, _ pace: Pace, _ walk: inout Walk
    ) async throws {
        guard depth < Self.deepest else {
            throw SystemFile.Refusal(description: "has folders more than \(Self.deepest) deep")
        }
        for name in try folder.names(atMost: Self.mostEntries) {
            walk.entries += 1
            guard walk.entries <= Self.mostEntries else {
                throw SystemFile.Refusal(description: "has more than \(Self.mostEntries) files and folders")
            }
            try Task.checkCancellation()
            if case .until(let end) = pace, ContinuousClock.now >= end {
                walk.isWhole = false
                return
            }
            if walk.entries.isMultiple(of: 100) { try await pause(pace) }
            let file: SystemFile
            do throws(SystemFile.Refusal) {
                file = try folder.child(name)
            } catch {
                // Links within a folder are no files of it; what may not be read is.
                if !error.isLink { throw SystemFile.Refusal(description: "\(prefix)\(name): \(error.description)") }
                continue
            }
            switch file.kind {
            case .other: continue
            case .folder: try await visit(file, "\(prefix)\(name)/", depth + 1, pace, &walk)
            case .file:
                guard let stamp = file.stamp else { throw SystemFile.Refusal(description: "cannot be read") }
                walk.files += 1
                walk.size = walk.size.addingReportingOverflow(stamp.size).partialValue
                if let hash = try await hash(file, stamp, pace) {
                    walk.lines.append((prefix + name, hash))
                } else {
                    walk.isWhole = false
                }
            }
        }
    }

    private func pause(_ pace: Pace) async throws {
        if case .gentle = pace { try await Task.sleep(for: .milliseconds(10)) } else { await Task.yield() }
    }

    /// - Returns: `nil` where there was no time, or the file changed meanwhile.
    private func hash(
        _ file: borrowing SystemFile, _ stamp: SystemFile.Stamp, _ pace: Pace
    ) async throws -> String? {
        if let known = known[stamp] { return known }
        var hasher = SHA256()
        var length: Int64 = 0
        let began = Int64(Date().timeIntervalSince1970 * 1_000_000_000)
        let age = began - max(stamp.changed, stamp.modified)
        // What is still written would be read again and again.
        if case .gentle = pace, age < 5 * settling { return nil }
        while true {
            if case .until(let end) = pace, ContinuousClock.now >= end { return nil }
            let bytes = try file.read(atMost: Self.chunk)
            if bytes.isEmpty { break }
            hasher.update(data: bytes)
            length += Int64(bytes.count)
            // One that grows as fast as it is read has no end.
            guard length <= stamp.size else { return nil }
            try Task.checkCancellation()
            try await pause(pace)
        }
        guard length == stamp.size, file.stamp == stamp else { return nil }
        let text = Identity.hexadecimal(hasher.finalize())
        if known.count >= 2 * Self.mostEntries { known = [:] }
        if age >= settling { known[stamp] = text }
        return text
    }
}
