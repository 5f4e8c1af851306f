import FoundationEssentials

/// A folder that goes with the process, and that its owner alone may read; made when it is first needed.
final class TemporaryFolder {
    private var made: String?

    /// The path of a file in it.
    /// - Throws: ``Failure`` where the folder cannot be made.
    func path(_ name: String) throws -> String { try folder() + "/" + name }

    /// Writes a file.
    /// - Returns: its path.
    /// - Throws: ``Failure`` where it cannot be written.
    func write(_ name: String, _ text: String) throws -> String {
        let path = try path(name)
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw Failure.runtime("\(path): cannot be written") }
        return path
    }

    private func folder() throws -> String {
        if let made { return made }
        let path = "\(Settings.temporaryFolder)/kfmd-\(UUID().uuidString)"
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure.runtime("\(path): cannot be made; is TMPDIR a folder that may be written?")
        }
        made = path
        return path
    }

    /// Removes it with all that is in it.
    func remove() {
        if let made { try? FileManager.default.removeItem(atPath: made) }
    }
}
