import SQL

/// Makes connections of the library.
struct Connecting {
    let library: LibMariaDB
    let address: MySQLAddress

    /// CLIENT_MULTI_STATEMENTS and CLIENT_MULTI_RESULTS.
    private static let flags: UInt = 1 << 16 | 1 << 17
    /// MYSQL_PROTOCOL_TCP and MYSQL_PROTOCOL_SOCKET: `localhost` is a host like others.
    private static let (tcp, unix): (UInt32, UInt32) = (1, 2)
    /// TLS could not be agreed upon.
    private static let noTLS = 2026

    /// A connection, as it was made.
    struct Made {
        let handle: LibMariaDB.Handle
        /// Where to: `nil` is the socket.
        let host: MySQLAddress.Host?
        /// Whether the library can return while it waits: it cannot on every kind of processor.
        let returnsWhileWaiting: Bool
    }

    /// Connects to the first host that answers.
    /// - Throws: ``ServerError`` of the last one.
    func connect() throws(ServerError) -> Made {
        if address.socket != nil { return try connect(to: nil, usesTLS: false) }
        var failure = ServerError(.cannotConnect, "the address has no host")
        for host in address.hosts {
            do throws(ServerError) {
                return try attempt(host)
            } catch {
                failure = error
                failure.message = "\(host.name):\(host.port): \(error.message)"
                // Another host has the same users.
                if error.kind == .notAllowed || error.kind == .noDatabase { throw failure }
            }
        }
        throw failure
    }

    private func attempt(_ host: MySQLAddress.Host) throws(ServerError) -> Made {
        guard address.tls.mode != .disabled else { return try connect(to: host, usesTLS: false) }
        do throws(ServerError) {
            return try connect(to: host, usesTLS: true)
        } catch {
            guard error.number == Self.noTLS, address.tls.mode == .preferred else { throw error }
            return try connect(to: host, usesTLS: false)
        }
    }

    private func connect(to host: MySQLAddress.Host?, usesTLS: Bool) throws(ServerError) -> Made {
        guard let handle = library.make(nil) else { throw ServerError(.cannotConnect, "out of memory") }
        set(handle, LibMariaDB.Option.connectTimeout, UInt32(clamping: address.connectTimeout))
        set(handle, LibMariaDB.Option.readTimeout, UInt32(clamping: address.readTimeout))
        set(handle, LibMariaDB.Option.writeTimeout, UInt32(clamping: address.readTimeout))
        set(handle, LibMariaDB.Option.charset, address.charset.rawValue)
        // A server that asks for a file gets none.
        set(handle, LibMariaDB.Option.localInfile, UInt32(0))
        set(handle, LibMariaDB.Option.reconnect, UInt8(0))
        set(handle, LibMariaDB.Option.transport, host == nil ? Self.unix : Self.tcp)
        let returnsWhileWaiting = library.options(handle, LibMariaDB.Option.nonBlocking, nil) == 0
        let tls = address.tls
        let isVerified = usesTLS && (tls.mode == .verifyCA || tls.mode == .verifyIdentity)
        set(handle, LibMariaDB.Option.enforceTLS, UInt8(usesTLS ? 1 : 0))
        set(handle, LibMariaDB.Option.verifyCertificate, UInt8(isVerified ? 1 : 0))
        if usesTLS {
            set(handle, LibMariaDB.Option.key, tls.key)
            set(handle, LibMariaDB.Option.certificate, tls.certificate)
            set(handle, LibMariaDB.Option.authorities, tls.authorities)
            set(handle, LibMariaDB.Option.authorityFolder, tls.authorityFolder)
            set(handle, LibMariaDB.Option.ciphers, tls.ciphers)
        }
        let connected = library.connect(
            handle, host?.name, address.user, address.password, address.database, UInt32(clamping: host?.port ?? 0),
            address.socket, Self.flags)
        guard connected != nil else {
            defer { library.close(handle) }
            throw ServerError(library, handle, isConnecting: true)
        }
        // Where no certificate is verified, the library goes on without TLS if the server has none, whatever it is
        // told.
        if usesTLS, tls.mode != .preferred, library.cipher(handle) == nil {
            library.close(handle)
            throw ServerError(.cannotConnect, "TLS is required, but the server does not have it", number: Self.noTLS)
        }
        return Made(handle: handle, host: host, returnsWhileWaiting: returnsWhileWaiting)
    }

    private func set<Value: BitwiseCopyable>(_ handle: LibMariaDB.Handle, _ option: Int32, _ value: Value) {
        withUnsafeBytes(of: value) { _ = library.options(handle, option, $0.baseAddress) }
    }

    private func set(_ handle: LibMariaDB.Handle, _ option: Int32, _ text: String?) {
        // The library keeps a copy.
        text?.withCString { _ = library.options(handle, option, $0) }
    }
}
