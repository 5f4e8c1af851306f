/// The routes of the Kubeflow Metadata REST API, v1alpha1, matched as grpc-gateway 1.8.3 does: the
/// path is percent-decoded first, then cut at its slashes; a type name is any number of segments.
enum RESTRoute: Equatable {
    /// Artifacts and their types, or executions and theirs.
    enum Kind: String, CaseIterable {
        case artifact, execution

        /// The first segment of the routes of types, and of those of instances.
        var types: String { rawValue + "_types" }
        var instances: String { rawValue + "s" }
        /// As the service's messages call it.
        var word: String {
            switch self {
            case .artifact: "Artifact"
            case .execution: "Execution"
            }
        }
    }

    case createInstance(Kind, type: String)
    case instance(Kind, name: String)
    case instancesOfType(Kind, type: String)
    case deleteInstance(Kind)
    case instances(Kind)
    case createType(Kind)
    case updateType(Kind)
    case types(Kind)
    case type(Kind, name: String)
    case deleteType(Kind)
    case createEvent
    /// The events of one artifact or execution, by what the path says after `events/`.
    case events(Kind, name: String)

    /// Why there is no route.
    enum Mismatch: Error, Equatable {
        case notFound, methodNotAllowed
    }

    /// - Parameter path: decoded, what follows `/api/v1alpha1/`.
    static func match(_ method: String, _ path: String) throws(Mismatch) -> RESTRoute {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        // A colon in the last segment begins a verb, and no route has one.
        guard let last = segments.last, !last.contains(":") else { throw .notFound }
        let routes = routes(segments)
        guard !routes.isEmpty else { throw .notFound }
        if let route = routes[method] { return route }
        throw .methodNotAllowed
    }

    /// The routes of a path by their methods.
    private static func routes(_ segments: [String]) -> [String: RESTRoute] {
        if segments == ["events"] { return ["POST": .createEvent] }
        for kind in Kind.allCases {
            let routes = routes(segments, kind)
            if !routes.isEmpty { return routes }
        }
        return [:]
    }

    private static func routes(_ segments: [String], _ kind: Kind) -> [String: RESTRoute] {
        if segments == [kind.instances] { return ["GET": .instances(kind)] }
        if segments == [kind.types] {
            return ["GET": .types(kind), "POST": .createType(kind), "PATCH": .updateType(kind)]
        }
        if segments.count == 3, segments[0] == "events", segments[1] == kind.instances {
            return ["GET": .events(kind, name: segments[1...].joined(separator: "/"))]
        }
        guard segments.count >= 2, segments[0] == kind.types else { return [:] }
        let count = segments.count
        if count >= 4, segments[count - 2] == kind.instances {
            return ["GET": .instance(kind, name: segments.joined(separator: "/")), "DELETE": .deleteInstance(kind)]
        }
        if count >= 3, segments[count - 1] == kind.instances {
            let type = segments[1..<(count - 1)].joined(separator: "/")
            return ["GET": .instancesOfType(kind, type: type), "POST": .createInstance(kind, type: type)]
        }
        let type = segments[1...].joined(separator: "/")
        return ["GET": .type(kind, name: type), "DELETE": .deleteType(kind)]
    }

    /// Percent-decoded text; `nil` for a percent sign without two hexadecimal digits, or no UTF-8.
    static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(hexadecimal), let low = rest.next().flatMap(hexadecimal) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
