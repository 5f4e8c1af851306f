import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOSSL

/// A cluster's configuration as settings of the HTTP client.
extension ClusterConfiguration {
    struct Address {
        var scheme: String
        /// The host in URLs, which is the name that the certificate must have.
        var host: String
        var port: Int
        var path: String
        /// The host and port of the server itself.
        var authority: String

        var url: String { "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)\(path)" }
    }

    /// - Throws: ``ConfigurationError``.
    func address() throws -> Address {
        let text = server.contains("://") ? server : "https://\(server)"
        guard let url = URL(string: text), let scheme = url.scheme, let host = url.host(percentEncoded: false),
            scheme == "http" || scheme == "https"
        else { throw ConfigurationError("\(origin): server “\(server)” is no http(s) URL") }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        let path = url.path(percentEncoded: true)
        return Address(
            scheme: scheme, host: tlsServerName ?? host.trimmingBrackets, port: port,
            path: path.hasSuffix("/") ? String(path.dropLast()) : path,
            authority: "\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host):\(port)")
    }

    /// - Parameters:
    ///   - readTimeout: how long a connection may be silent.
    ///   - connections: the most connections at the same time; who comes later waits.
    /// - Throws: ``ConfigurationError``.
    func httpConfiguration(readTimeout: Duration, connections: Int) throws -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        // NIOSSL's own default is TLS 1.0, which RFC 8996 forbids.
        tls.minimumTLSVersion = .tlsv12
        do {
            switch serverTrust {
            case .system: break
            case .insecure: tls.certificateVerification = .none
            case .authorities(let pem):
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(pem))
            }
        } catch {
            throw ConfigurationError("\(origin): the certificate authority is no PEM certificate (\(error))")
        }
        if let clientCertificate {
            do {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(clientCertificate.certificate)
                    .map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: clientCertificate.key, format: .pem))
            } catch {
                throw ConfigurationError("\(origin): the client certificate or its key is no PEM (\(error))")
            }
        }
        var result = HTTPClient.Configuration(
            tlsConfiguration: tls,
            timeout: .init(
                connect: .seconds(10),
                read: .nanoseconds(Int64(readTimeout / .nanoseconds(1)))))
        // Over HTTP/1.1 each watch has a connection of its own, and streams twice as fast.
        result.httpVersion = .http1Only
        result.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // Callers try again themselves. The pool's own backoff grows to a minute beside theirs.
        result.connectionPool.retryConnectionEstablishment = false
        result.redirectConfiguration = .disallow
        if let tlsServerName, let host = URL(string: server)?.host(percentEncoded: false) {
            result.dnsOverride = [tlsServerName: host.trimmingBrackets]
        }
        if let proxyURL { result.proxy = try proxy(proxyURL) }
        return result
    }

    private func proxy(_ text: String) throws -> HTTPClient.Configuration.Proxy {
        guard let url = URL(string: text), let host = url.host(percentEncoded: false) else {
            throw ConfigurationError("\(origin): proxy-url “\(text)” is no URL")
        }
        switch url.scheme {
        case "http", "https":
            let authorization = url.user(percentEncoded: false).map {
                HTTPClient.Authorization.basic(
                    username: $0, password: url.password(percentEncoded: false) ?? "")
            }
            return .server(host: host, port: url.port ?? 3128, authorization: authorization)
        case "socks5": return .socksServer(host: host, port: url.port ?? 1080)
        default: throw ConfigurationError("\(origin): proxy-url “\(text)” is neither http nor socks5")
        }
    }
}

extension String {
    /// An IPv6 address without the brackets that it has in URLs.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
