import SQL

extension ServerError.Kind {
    /// What an error number of MySQL's, MariaDB's or the client library's means to callers.
    /// - Parameter isConnecting: whether it is the answer to an attempt to connect.
    init(number: Int, isConnecting: Bool = false) {
        switch number {
        case 1062, 1586: self = .uniqueViolation
        // A deadlock, a lock not to be had in time, a row that another transaction changed, NOWAIT.
        case 1213, 1205, 1020, 3572: self = .conflict
        // Too many connections of all or of this user; a host that is blocked for its errors.
        case 1040, 1203, 1226, 1129: self = .cannotConnect
        // Gone, lost, the socket's own error, shutdown, killed, idle too long.
        case 2006, 2013, 2055, 1053, 1079, 1152, 1158...1161, 1184, 1927, 4031:
            self = isConnecting ? .cannotConnect : .connectionLost
        case 1044, 1045, 1130, 1142, 1143, 1227, 1370, 1410, 1698, 3118: self = .notAllowed
        case 1049: self = .noDatabase
        case 1146: self = .noTable
        // --read-only, a read-only transaction, a read-only mode.
        case 1290, 1792, 1836, 3989: self = .readOnly
        // Writing a file, the disk, a table's limit.
        case 3, 1021, 1114: self = .full
        // Out of range, an incorrect string, too long, wrong for its type, larger than a packet, invalid characters.
        case 1264, 1265, 1366, 1406, 1292, 1153, 1300, 1118, 1301: self = .badValue
        case 1317, 1969, 3024: self = .interrupted
        // The library's own, as that a host is unknown or TLS fails.
        case 2000...2999: self = isConnecting ? .cannotConnect : .connectionLost
        default: self = isConnecting ? .cannotConnect : .other
        }
    }
}

extension ServerError {
    /// What a connection's last call says went wrong.
    init(_ library: LibMariaDB, _ handle: LibMariaDB.Handle, statement: Int = 0, isConnecting: Bool = false) {
        let number = Int(library.errorNumber(handle))
        let text = library.errorText(handle).map { String(cString: $0) } ?? ""
        self.init(
            Kind(number: number, isConnecting: isConnecting),
            text.isEmpty ? "the connection to the server was lost" : text,
            state: library.state(handle).map { String(cString: $0) } ?? "", number: number, statement: statement)
        // A storage engine's error has the system's number in its words: ENOSPC and EDQUOT.
        if number == 1030, text.contains("error 28 ") || text.contains("error 122 ") { kind = .full }
        if Self.pluginErrors.contains(number) {
            message += "; the user's way of authentication needs a plugin of libmariadb, looked for in the folder that "
            message += "MARIADB_PLUGIN_DIR names, or in the library's own"
        }
    }

    /// A plugin that is not there or cannot be loaded.
    private static let pluginErrors = 2058...2061
}
