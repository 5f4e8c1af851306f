/// The volumes of this container: what is mounted, where.
struct Volumes: Sendable {
    /// Paths of mounts other than the root, the longest first.
    let points: [String]

    /// - Parameter points: for tests.
    init(points: [String]) { self.points = points.sorted { $0.utf8.count > $1.utf8.count } }

    /// File systems that are the kernel's own, and hold nothing of the pod's.
    private static let kernel: Set<String> = [
        "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "devtmpfs", "securityfs", "debugfs", "tracefs", "bpf",
    ]
    /// Mounts that are the sidecar's own: nobody asks for the digest of a token.
    private static let own = ["/var/run/secrets", "/run/secrets", "/etc/kfmd", "/dev/termination-log", "/proc", "/sys"]

    /// - Parameter table: as `/proc/self/mountinfo` has it (proc(5)): the mount point is the fifth field, with spaces
    ///   and the like as `\040`; the type of the file system comes after a dash.
    init(mountinfo table: String) {
        self.init(
            points: table.split(separator: "\n").compactMap { line in
                let fields = line.split(separator: " ")
                guard fields.count > 4 else { return nil }
                let point = Self.unescaped(fields[4])
                let dash = fields.firstIndex(of: "-").map { $0 + 1 } ?? fields.endIndex
                let isKernels = fields.indices.contains(dash) && Self.kernel.contains(String(fields[dash]))
                let isOwn = Self.own.contains { point == $0 || point.hasPrefix($0 + "/") }
                return point == "/" || isKernels || isOwn ? nil : point
            })
    }

    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(3), as: UTF8.self)
            if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let value = UInt8(digits, radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The volume that a path is in; `nil` where it is in the image of the container.
    func volume(of path: String) -> String? {
        points.first { path == $0 || path.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") }
    }

    /// Opens what is at a path, which is in a volume and stays in it. Links within the volume are followed; one that takes the
    /// place of a folder in the meantime is not.
    /// - Throws: ``SystemFile/Refusal``.
    func open(_ path: String) throws(SystemFile.Refusal) -> SystemFile {
        let (volume, names) = try contained(path)
        var file = try SystemFile(volume)
        for name in names { file = try file.child(name) }
        return file
    }

    /// The volume that a path is in, and the names from there on, with all links followed.
    private func contained(_ path: String) throws(SystemFile.Refusal) -> (volume: String, names: [String]) {
        guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0) else {
            throw .init(description: "is no absolute path")
        }
        guard let volume = volume(of: path) else {
            throw .init(description: "is in no volume that the sidecar has mounted, too")
        }
        guard let resolved = SystemFile.resolved(path) else { throw .init(description: "does not exist") }
        guard self.volume(of: resolved) == volume else {
            throw .init(description: "is a link that leads out of its volume \(volume)")
        }
        return (volume, resolved.dropFirst(volume.count).split(separator: "/").map(String.init))
    }
}
