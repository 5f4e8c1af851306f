import Foundation

/// Who runs the servers: PostgreSQL refuses root, so that root gives them to nobody.
struct ServerUser: Sendable {
    let userID: uid_t
    let groupID: gid_t
    private let prefix: [String]

    static let current = Result { () throws -> ServerUser in
        guard geteuid() == 0 else { return ServerUser(userID: geteuid(), groupID: getegid(), prefix: []) }
        guard let nobody = getpwnam("nobody") else { throw TestDatabaseError("there is no user nobody") }
        guard let setpriv = Installed.program("setpriv") else {
            throw TestDatabaseError("setpriv is not installed (util-linux)")
        }
        let (user, group) = (nobody.pointee.pw_uid, nobody.pointee.pw_gid)
        return ServerUser(
            userID: user, groupID: group,
            prefix: [setpriv, "--reuid=\(user)", "--regid=\(group)", "--clear-groups", "--"])
    }

    /// Why there is no such user, or nil.
    static var isMissing: String? {
        guard case .failure(let error) = current else { return nil }
        return "\(error)"
    }

    /// The command, run as this user.
    func command(_ command: [String]) -> [String] { prefix + command }

    /// Whether the user gets to the folder and may write there.
    func mayWrite(_ folder: String) -> Bool {
        guard !prefix.isEmpty else { return access(folder, W_OK | X_OK) == 0 }
        guard let child = try? Child.spawn(command(["/usr/bin/test", "-w", folder])) else { return false }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status == 0
    }
}
