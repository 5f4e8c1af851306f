import FoundationEssentials
import Lineage

/// Records and executions as bytes, for the journal and the store: texts and lists with their lengths before them, fields in the
/// order of ``Execution``. Several times as fast as JSON, and the journal is written for every event.
enum FactsCoding {
    /// The first byte. Another format gets another; JSON, which the first journals had, begins with `{`.
    fileprivate static let version: UInt8 = 4
    /// An execution, and not a record of sights.
    fileprivate static let versionOfExecutions: UInt8 = 3
    /// It had two flags for the role.
    fileprivate static let versionOfFlags: UInt8 = 2

    /// Bytes that are no execution.
    struct Damaged: Error, CustomStringConvertible {
        var description: String
    }

    static func encode(_ record: Record) -> [UInt8] {
        var writer = FactsWriter()
        writer.bytes.reserveCapacity(4096)
        writer.bytes.append(version)
        writer.put(record)
        return writer.bytes
    }

    /// What older journals have is the record of one sight.
    /// - Throws: ``Damaged``.
    static func decode(_ bytes: [UInt8]) throws -> Record {
        if bytes.first == UInt8(ascii: "{") { return former(try decodeJSON(bytes)) }
        guard let format = bytes.first, [version, versionOfExecutions, versionOfFlags].contains(format) else {
            throw Damaged(description: "facts of an unknown format")
        }
        return try bytes.withUnsafeBufferPointer { buffer in
            var reader = FactsReader(bytes: buffer, index: 1)
            return format == version ? try reader.record() : former(try reader.execution(format))
        }
    }

    /// What an older journal knew of all objects together: no sight of one of them stands in its place.
    private static func former(_ execution: Execution) -> Record {
        Record(
            id: execution.id, seen: [.init(kind: Record.journalKind, object: execution.id): .init(sight: execution)],
            served: execution.isServing ? execution.start : nil, superseded: nil)
    }

    /// What is said of an artifact, and by whom.
    static func encode(_ statements: ArtifactStatements) -> [UInt8] {
        var writer = FactsWriter()
        writer.bytes.append(version)
        writer.put(statements.all) { writer, statement in
            writer.put(statement.place)
            writer.put(statement.execution)
            writer.put(statement.isWriter)
            writer.put(statement.time)
            writer.put(statement.workspace)
            writer.put(statement.run)
            writer.put(statement.artifact)
        }
        return writer.bytes
    }

    /// - Throws: ``Damaged``.
    static func decodeStatements(_ bytes: [UInt8]) throws -> ArtifactStatements {
        guard bytes.first == version else { throw Damaged(description: "facts of an unknown format") }
        return try bytes.withUnsafeBufferPointer { buffer in
            var reader = FactsReader(bytes: buffer, index: 1)
            return ArtifactStatements(
                try reader.list {
                    ArtifactStatements.Statement(
                        place: try $0.text(), execution: try $0.text(), isWriter: try $0.bool(), time: try $0.date(),
                        workspace: try $0.text(), run: try $0.text(), artifact: try $0.artifact())
                })
        }
    }

    private static func decodeJSON(_ bytes: [UInt8]) throws -> Execution {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do {
            return try decoder.decode(Execution.self, from: Data(bytes))
        } catch {
            throw Damaged(description: "facts that are no execution: \(error)")
        }
    }
}

private struct FactsWriter {
    var bytes: [UInt8] = []

    mutating func put(_ value: Int) {
        var rest = UInt64(bitPattern: Int64(value))
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func put(_ value: Double) {
        let bits = value.bitPattern
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    }

    mutating func put(_ value: String) {
        var value = value
        value.withUTF8 { utf8 in
            put(utf8.count)
            bytes.append(contentsOf: utf8)
        }
    }

    mutating func put<Value>(_ value: Value?, _ body: (inout FactsWriter, Value) -> Void) {
        put(value != nil)
        if let value { body(&self, value) }
    }

    mutating func put<Element>(_ list: some Collection<Element>, _ body: (inout FactsWriter, Element) -> Void) {
        put(list.count)
        for element in list { body(&self, element) }
    }

    mutating func put(_ properties: [String: PropertyValue]) {
        put(properties) { writer, member in
            writer.put(member.key)
            switch member.value {
            case .int(let value):
                writer.put(0)
                writer.put(Int(value))
            case .double(let value):
                writer.put(1)
                writer.put(value)
            case .string(let value):
                writer.put(2)
                writer.put(value)
            case .bool(let value):
                writer.put(3)
                writer.put(value)
            case .structure(let text):
                writer.put(4)
                writer.put(text)
            }
        }
    }

    mutating func put(_ date: Date?) { put(date) { $0.put($1.timeIntervalSinceReferenceDate) } }
    mutating func put(_ text: String?) { put(text) { $0.put($1) } }

    mutating func put(_ record: Record) {
        put(record.id)
        put(record.isSlim)
        put(record.served)
        put(record.superseded) { writer, superseded in
            writer.put(superseded.age)
            writer.put(superseded.time)
        }
        put(record.seen) { writer, member in
            writer.put(member.key.kind)
            writer.put(member.key.object)
            writer.put(Int(member.key.attempt))
            writer.put(member.key.isDeletion)
            writer.put(member.value.isGone)
            writer.put(member.value.sight)
        }
    }

    private mutating func put(_ age: Age) {
        put(Int(age.time))
        put(Int(bitPattern: UInt(age.version)))
        put(age.isDeleted)
    }

    private mutating func put(_ problem: Problem) {
        put(problem.object)
        put(problem.field)
        put(problem.reason)
    }

    private mutating func put(_ execution: Execution) {
        put(execution.id)
        put(execution.type)
        put(execution.name)
        put(execution.state.rawValue)
        put(execution.start)
        put(execution.end)
        put(execution.run)
        put(execution.workspace.name)
        put(execution.workspace.isDeclared)
        put(execution.parameters) { writer, parameter in
            writer.put(parameter.name)
            writer.put(parameter.value)
        }
        put(execution.inputs) { $0.put($1) }
        put(execution.outputs) { $0.put($1) }
        put(execution.properties)
        put(execution.customProperties)
        put(execution.evidence) { writer, evidence in
            writer.put(evidence.convention)
            writer.put(evidence.fact)
            writer.put(evidence.field)
        }
        put(execution.problems) { $0.put($1) }
        put(execution.authority.rawValue)
        put(execution.endSeenIn) { $0.put($1) }
        put(execution.origins.values) { writer, origin in
            writer.put(origin.kind)
            writer.put(origin.namespace)
            writer.put(origin.name)
            writer.put(origin.uid)
        }
        put(execution.wantsWriteBack)
        put(execution.recordedID) { $0.put(Int($1)) }
        put(execution.role.rawValue)
        put(execution.age)
        put(execution.conclusion) { $0.put($1) }
        put(execution.replacement) { $0.put($1.time) }
    }

    private mutating func put(_ run: Run) {
        put(run.type)
        put(run.name)
        put(run.displayName)
        put(run.pipeline)
        put(run.properties)
        put(run.customProperties)
    }

    private mutating func put(_ use: ArtifactUse) {
        put(use.name)
        put(use.convention)
        put(use.artifact)
    }

    mutating func put(_ artifact: Artifact) {
        put(artifact.type)
        put(artifact.isTypeDeclared)
        put(artifact.name)
        put(artifact.uri)
        put(artifact.version)
        put(artifact.digest)
        put(artifact.state.rawValue)
        put(artifact.properties)
        put(artifact.customProperties)
    }
}

private struct FactsReader {
    let bytes: UnsafeBufferPointer<UInt8>
    var index: Int

    private typealias Damaged = FactsCoding.Damaged

    private mutating func byte() throws -> UInt8 {
        guard index < bytes.count else { throw Damaged(description: "facts that end too early") }
        defer { index += 1 }
        return bytes[index]
    }

    private mutating func int() throws -> Int {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try byte()
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return Int(Int64(bitPattern: result)) }
        }
        throw Damaged(description: "facts with an endless number")
    }

    mutating func bool() throws -> Bool { try byte() != 0 }

    private mutating func double() throws -> Double {
        var bits: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bits |= UInt64(try byte()) << shift }
        return Double(bitPattern: bits)
    }

    mutating func text() throws -> String {
        let count = try int()
        guard count >= 0, count <= bytes.count - index else { throw Damaged(description: "facts that end too early") }
        defer { index += count }
        return String(decoding: UnsafeBufferPointer(rebasing: bytes[index..<index + count]), as: UTF8.self)
    }

    private mutating func optional<Value>(_ body: (inout FactsReader) throws -> Value) throws -> Value? {
        try bool() ? try body(&self) : nil
    }

    mutating func list<Element>(_ body: (inout FactsReader) throws -> Element) throws -> [Element] {
        let count = try int()
        guard count >= 0, count <= bytes.count - index else { throw Damaged(description: "facts that end too early") }
        var result: [Element] = []
        // A damaged count may be any.
        result.reserveCapacity(min(count, 1024))
        for _ in 0..<count { result.append(try body(&self)) }
        return result
    }

    private mutating func properties() throws -> [String: PropertyValue] {
        let members = try list { reader -> (String, PropertyValue) in
            let key = try reader.text()
            return switch try reader.int() {
            case 0: (key, .int(Int64(try reader.int())))
            case 1: (key, .double(try reader.double()))
            case 2: (key, .string(try reader.text()))
            case 3: (key, .bool(try reader.bool()))
            case 4: (key, .structure(try reader.text()))
            default: throw Damaged(description: "facts with a property of an unknown kind")
            }
        }
        return Dictionary(members) { $1 }
    }

    private mutating func raw<Value: RawRepresentable>(_ raw: Value.RawValue) throws -> Value {
        guard let value = Value(rawValue: raw) else {
            throw Damaged(description: "facts with an unknown \(Value.self)")
        }
        return value
    }

    mutating func date() throws -> Date? {
        try optional { reader in
            let seconds = try reader.double()
            // The years that a calendar has.
            guard seconds.isFinite, abs(seconds) < 3e11 else {
                throw Damaged(description: "facts with an impossible time")
            }
            return Date(timeIntervalSinceReferenceDate: seconds)
        }
    }

    mutating func record() throws -> Record {
        let id = try text()
        let isSlim = try bool()
        let served = try date()
        let superseded = try optional { Record.Superseded(age: try $0.age(), time: try $0.date()) }
        let seen = try list { reader in
            let source = Record.Source(
                kind: try reader.text(), object: try reader.text(), attempt: Int64(try reader.int()),
                isDeletion: try reader.bool())
            let isGone = try reader.bool()
            return (source, Record.Seen(sight: try reader.execution(FactsCoding.version), isGone: isGone))
        }
        guard !seen.isEmpty else { throw Damaged(description: "facts of nothing that was seen") }
        var record = Record(id: id, seen: Dictionary(seen) { $1 }, served: served, superseded: superseded)
        record.isSlim = isSlim
        return record
    }

    private mutating func age() throws -> Age {
        Age(time: Int64(try int()), version: UInt64(UInt(bitPattern: try int())), isDeleted: try bool())
    }

    mutating func execution(_ format: UInt8) throws -> Execution {
        var result = Execution(
            id: try text(), type: try text(), name: try text(), state: try raw(try text()), start: try date(),
            end: try date(), run: try run(), workspace: Workspace(name: try text(), isDeclared: try bool()),
            origin: .init(kind: "", namespace: "", name: "", uid: ""))
        result.parameters = try list { .init(name: try $0.text(), value: try $0.text()) }
        result.inputs = try list { try $0.use() }
        result.outputs = try list { try $0.use() }
        result.properties = try properties()
        result.customProperties = try properties()
        result.evidence = try list { .init(convention: try $0.text(), fact: try $0.text(), field: try $0.text()) }
        result.problems = try list { .init(object: try $0.text(), field: try $0.text(), reason: try $0.text()) }
        result.authority = try raw(try int())
        result.endSeenIn = Set(try list { try $0.text() })
        let origins = try list {
            Execution.Origin(kind: try $0.text(), namespace: try $0.text(), name: try $0.text(), uid: try $0.text())
        }
        result.origins = Dictionary(origins.map { ($0.kind, $0) }) { $1 }
        result.wantsWriteBack = try bool()
        result.recordedID = try optional { Int64(try $0.int()) }
        if format == FactsCoding.versionOfFlags {
            let (isServing, isFragment) = (try bool(), try bool())
            result.role = isServing ? .service : isFragment ? .fragment : .step
        } else {
            result.role = try raw(try int())
        }
        if format == FactsCoding.version {
            result.age = try age()
            result.conclusion = try optional {
                Problem(object: try $0.text(), field: try $0.text(), reason: try $0.text())
            }
            result.replacement = try optional { .init(time: try $0.date()) }
        }
        return result
    }

    private mutating func run() throws -> Run {
        var run = Run(type: try text(), name: try text(), displayName: try text())
        run.pipeline = try optional { try $0.text() }
        run.properties = try properties()
        run.customProperties = try properties()
        return run
    }

    private mutating func use() throws -> ArtifactUse {
        ArtifactUse(name: try text(), convention: try text(), artifact: try artifact())
    }

    mutating func artifact() throws -> Artifact {
        Artifact(
            type: try text(), isTypeDeclared: try bool(), name: try optional { try $0.text() },
            uri: try optional { try $0.text() }, version: try optional { try $0.text() },
            digest: try optional { try $0.text() }, state: try raw(try text()), properties: try properties(),
            customProperties: try properties())
    }
}
