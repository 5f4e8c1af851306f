import Foundation

/// An empty data folder of each server, made once: to copy it takes a twentieth of the time.
enum Template {
    private static let postgreSQL = Result { try make(PostgreSQLEngine()) }
    private static let mariaDB = Result { try make(MariaDBEngine()) }

    /// The folder, whose programs run once however many ask.
    static func of(_ engine: any Engine) throws -> String {
        try (engine is PostgreSQLEngine ? postgreSQL : mariaDB).get()
    }

    private static func make(_ engine: any Engine) throws -> String {
        let folder = try WatchedFolder.quick.get()
        let path = "\(folder.path)/template-\(engine.name)"
        try folder.run(
            ServerUser.current.get().command(engine.installation(of: path, temporary: folder.path)),
            environment: ["TMPDIR": folder.path, "HOME": folder.path])
        return path
    }
}
