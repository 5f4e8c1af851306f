import Foundation
import Synchronization

/// The folder of this process's servers. It and all that was started in it go when the process ends, however that is.
///
/// A shell waits on a socket whose other end this process holds, and never writes to: the kernel closes it even on KILL.
final class WatchedFolder: Sendable {
    /// In memory where there is room.
    static let quick = Result { try WatchedFolder(onDisk: false) }
    /// For servers that ask for fsync, which costs nothing in memory.
    static let disk = Result { try WatchedFolder(onDisk: true) }

    let path: String
    let isInMemory: Bool
    private let count = Atomic<Int>(0)

    private init(onDisk: Bool) throws {
        let user = try ServerUser.current.get()
        path = try Self.make(for: user, onDisk: onDisk)
        isInMemory = path.hasPrefix("/dev/shm/")
        guard mkdir(path + "/entries", 0o700) == 0 else {
            throw TestDatabaseError("\(path)/entries: \(String(cString: strerror(errno)))")
        }
        var ends: [Int32] = [-1, -1]
        // Closed in each program that is started, else that would keep the watchdog waiting.
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw TestDatabaseError("socketpair: \(String(cString: strerror(errno)))")
        }
        let watchdog = try Child.spawn(
            ["/bin/sh", "-c", Self.watchdog, "kfmd-test-watchdog", path], inputDescriptor: ends[0])
        close(ends[0])
        AtExit.add { [held = ends[1]] in
            close(held)
            var status: Int32 = 0
            while waitpid(watchdog, &status, 0) < 0, errno == EINTR {}
        }
    }

    /// Where the watchdog finds a process to end.
    func newEntry() -> String { "\(path)/entries/\(number())" }
    /// There once the watchdog has begun to end processes.
    var endingMark: String { path + "/entries/ending" }
    /// A number that nothing else in the folder has.
    func number() -> Int { count.add(1, ordering: .relaxed).newValue }

    /// Runs a program to its end, with its output in a file.
    ///
    /// - Returns: the standard output.
    /// - Throws: ``TestDatabaseError`` with its errors, if it ends with another status than 0.
    @discardableResult
    func run(_ command: [String], environment: [String: String?] = [:], input: String? = nil) throws -> String {
        let file = "\(path)/run-\(number())"
        defer { for name in ["in", "out", "err"] { unlink("\(file).\(name)") } }
        if let input { try input.write(toFile: file + ".in", atomically: false, encoding: .utf8) }
        let child = try Child(
            command, in: self, environment: environment, input: input == nil ? nil : file + ".in",
            output: file + ".out", errors: file + ".err")
        let status = child.wait()
        let output = String(decoding: FileManager.default.contents(atPath: file + ".out") ?? Data(), as: UTF8.self)
        guard status == 0 else {
            let errors = String(decoding: FileManager.default.contents(atPath: file + ".err") ?? Data(), as: UTF8.self)
            let program = command.first { $0.contains("/") && !$0.hasSuffix("/setpriv") } ?? command[0]
            throw TestDatabaseError("\(program) ended with \(status): \(errors)\(output.suffix(2000))")
        }
        return output
    }

    private static func make(for user: ServerUser, onDisk: Bool) throws -> String {
        var places: [String] = []
        if let place = ProcessInfo.processInfo.environment["TMPDIR"], place.hasPrefix("/") { places.append(place) }
        if !onDisk, hasRoom("/dev/shm") { places.append("/dev/shm") }
        places += ["/tmp", "/var/tmp"]
        // The name of a socket has 107 bytes at most.
        for place in places where place.utf8.count < 60 {
            var name = Array("\(place)/kfmd-databases-\(getpid())-XXXXXX".utf8CString)
            guard mkdtemp(&name) != nil else { continue }
            let path = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            // A folder that only root may enter is none for a server.
            if chown(path, user.userID, user.groupID) == 0, user.mayWrite(path) { return path }
            rmdir(path)
        }
        throw TestDatabaseError("no folder for servers among \(places.joined(separator: ", "))")
    }

    /// A container's /dev/shm has 64 MB, unless told otherwise.
    private static func hasRoom(_ path: String) -> Bool {
        var facts = statvfs()
        return statvfs(path, &facts) == 0 && UInt64(facts.f_bavail) * UInt64(facts.f_frsize) >= 1 << 30
    }

    /// Ends all processes of the folder, and removes it. A process that ended, but for which nobody waited, is state Z.
    private static let watchdog = """
        cd /; trap '' HUP INT QUIT TERM
        while read -r _; do :; done
        : >"$1/entries/ending"
        runs() { read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]; }
        waits() { n=0; while runs "$1" && [ $n -lt 200 ]; do sleep 0.01; n=$((n + 1)); done; }
        tree() { for id in "$@"; do echo "$id"; tree $(cat "/proc/$id/task/$id/children"); done; }
        # initdb's servers leave files of shared memory, whose names are known as long as they live.
        files=$(for entry in "$1"/entries/[0-9]*; do
          read -r id signal <"$entry" && [ "$signal" = KILL ] || continue
          kill -s STOP -- "-$id"
          for id in $(tree "$id"); do sed -n 's|.* \\(/dev/shm/PostgreSQL\\.[0-9]*\\)$|\\1|p' "/proc/$id/maps"; done
        done 2>/dev/null)
        for entry in "$1"/entries/[0-9]*; do
          read -r id signal <"$entry" || continue
          kill -s "$signal" -- "-$id"; kill -s CONT -- "-$id" $(cat "/proc/$id/task/$id/children"); waits "$id"
          if runs "$id"; then kill -s KILL -- $(cat "/proc/$id/task/$id/children") "-$id"; waits "$id"; fi
        done 2>/dev/null
        # A killed PostgreSQL leaves a shared memory segment, whose number is on line 7.
        for file in "$1"/*/data/postmaster.pid "$1"/template-*/postmaster.pid; do
          [ ! -e "$file" ] || ipcrm -m "$(sed -n '7s/.* //p' "$file")" 2>/dev/null
        done
        [ -z "$files" ] || rm -f -- $files
        n=0; until rm -rf -- "$1" 2>/dev/null || [ $n = 50 ]; do sleep 0.1; n=$((n + 1)); done
        """
}
