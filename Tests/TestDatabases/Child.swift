import Foundation

/// A program in a session of its own, which the folder's watchdog ends if the tests are killed.
///
/// Not Foundation's Process: that waits in steps of 50 ms, and passes on open files and blocked signals.
struct Child: Sendable {
    /// How a program ended: its status, or the negative signal.
    typealias Status = Int32

    let processID: pid_t
    private let entry: String

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - endingSignal: the signal by which the watchdog lets it end; after two seconds follows KILL.
    ///   - environment: replaces variables of this process; nil removes them.
    init(
        _ command: [String], in folder: WatchedFolder, environment: [String: String?] = [:], input: String? = nil,
        output: String, errors: String, endingSignal: String = "KILL"
    ) throws {
        entry = folder.newEntry()
        // The entry is there before the program is, and the program is not once the watchdog has begun.
        let script = """
            entry=$1 signal=$2 ending=$3; shift 3; cd / && echo "$$ $signal" >"$entry" || exit 126
            [ ! -e "$ending" ] && exec "$@"
            """
        processID = try Self.spawn(
            ["/bin/sh", "-c", script, "sh", entry, endingSignal, folder.endingMark] + command,
            environment: environment, input: input ?? "/dev/null", output: output, errors: errors)
    }

    /// Starts a program that no watchdog looks after.
    static func spawn(
        _ command: [String], environment changes: [String: String?] = [:], input: String? = nil,
        inputDescriptor: Int32? = nil, output: String = "/dev/null", errors: String = "/dev/null"
    ) throws -> pid_t {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        if let inputDescriptor {
            posix_spawn_file_actions_adddup2(&files, inputDescriptor, 0)
        } else {
            posix_spawn_file_actions_addopen(&files, 0, input ?? "/dev/null", O_RDONLY, 0)
        }
        // Appending, so that a log can be emptied while its server writes.
        posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        if errors == output {
            posix_spawn_file_actions_adddup2(&files, 1, 2)
        } else {
            posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        // A server that held the tests' output would keep `swift test | tee` waiting.
        _ = Self.closeFrom?(&files, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(Self.setsid | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))

        var variables = ProcessInfo.processInfo.environment
        // Messages are read, in English.
        for name in ["LC_ALL", "LANG", "LANGUAGE", "LC_MESSAGES"] { variables[name] = nil }
        variables["LC_ALL"] = "C.UTF-8"
        for (name, value) in changes { variables[name] = value }

        let arguments = command.map { strdup($0) } + [nil]
        let environment = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + environment { free(pointer) } }
        var processID: pid_t = 0
        let code = posix_spawn(&processID, command[0], &files, &attributes, arguments, environment)
        guard code == 0 else {
            throw TestDatabaseError("\(command[0]) does not start: \(String(cString: strerror(code)))")
        }
        return processID
    }

    /// glibc's POSIX_SPAWN_SETSID and posix_spawn_file_actions_addclosefrom_np, which Swift's module of it lacks.
    private static let setsid: Int32 = 0x80
    private static let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
        unsafeBitCast($0, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32).self)
    }

    /// How it ended, or nil while it runs. To be asked no more once it has told.
    func ended() -> Status? {
        var status: Int32 = 0
        let found = waitpid(processID, &status, WNOHANG)
        guard found != 0, !(found < 0 && errno == EINTR) else { return nil }
        // Only now: its number is not given to another process while nobody has waited for it.
        unlink(entry)
        return status & 0x7f == 0 ? (status >> 8) & 0xff : -(status & 0x7f)
    }

    /// Waits for the end, or kills the whole session when that takes too long.
    func wait(seconds: Int = 120) -> Status {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if let status = ended() { return status }
            usleep(1000)
        }
        return kill()
    }

    /// Whether it runs; how it ended is still to be asked.
    var isAlive: Bool { Self.runs(processID) }

    /// Sends a signal to the program alone.
    func send(_ signal: Int32) { _ = Foundation.kill(processID, signal) }

    /// Sends a signal to the program and what it started, its sessions too.
    func sendToAll(_ signal: Int32) {
        let children = children
        _ = Foundation.kill(-processID, signal)
        for child in children { _ = Foundation.kill(child, signal) }
    }

    /// Kills it and what it started, and waits until all are gone.
    func kill() -> Status {
        // A stopped program starts nothing that would be missed.
        send(SIGSTOP)
        let children = children
        sendToAll(SIGKILL)
        while true {
            guard let status = ended() else {
                usleep(1000)
                continue
            }
            let deadline = ContinuousClock.now + .seconds(5)
            while ContinuousClock.now < deadline, children.contains(where: Self.runs) { usleep(1000) }
            return status
        }
    }

    /// PostgreSQL gives each of its processes a session, so that a signal to the group would not reach them.
    private var children: [pid_t] {
        let file = "/proc/\(processID)/task/\(processID)/children"
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
    }

    private static func runs(_ processID: pid_t) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8) else { return false }
        return text.split(separator: ")").last?.hasPrefix(" Z") == false
    }
}
