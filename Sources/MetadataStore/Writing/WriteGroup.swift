import MetadataAPI
import SQLite

/// What a group of requests knows of the store, and the rows that it has yet to write: on a server all that a group writes
/// goes there in one round trip, with the commit.
///
/// What is known is a part of the store; whoever finds nothing here asks the store. It belongs to the writer's thread.
final class WriteGroup {
    /// A node's place.
    struct NodeKey: Hashable {
        var kind: NodeKind
        var id: Int64
    }

    struct ExternalIDKey: Hashable {
        var kind: NodeKind
        var text: ExactText

        init(kind: NodeKind, text: String) { (self.kind, self.text) = (kind, ExactText(text)) }
    }

    struct NameKey: Hashable {
        var kind: NodeKind
        var type: Int64
        var name: ExactText

        init(kind: NodeKind, type: Int64, name: String) {
            (self.kind, self.type, self.name) = (kind, type, ExactText(name))
        }
    }

    /// What is known; `nil` within for what is known not to be there.
    struct Known {
        var nodes: [NodeKey: (any Node)?] = [:]
        var present: [NodeKey: Bool] = [:]
        var externalIDs: [ExternalIDKey: Int64?] = [:]
        var names: [NameKey: Int64?] = [:]
    }

    struct State {
        var known = Known()
        var rows = PendingRows()
    }

    /// Tables that number their rows.
    enum Numbered: Hashable {
        case node(NodeKind)
        case event

        var table: String {
            switch self {
            case .node(let kind): kind.table
            case .event: "Event"
            }
        }
    }

    private(set) var state = State()
    /// Whether what it would know is more than may be in memory: its requests are to run one by one, on the store itself.
    private(set) var isOverfull = false
    /// What makes the last changes undone, the last one last.
    private var undoing: [(inout State) -> Void] = []
    /// Numbers that the database gave for rows to come.
    private let numbers: RowNumbers
    /// Those that rows of the group have, in the order of their use.
    private var used: [(table: Numbered, number: Int64)] = []
    /// How many of them there were when the request began.
    private var usedBefore = 0

    /// - Parameter budget: of what it knows, in bytes.
    init(_ numbers: RowNumbers, budget: Int) {
        self.numbers = numbers
        // There is one group at a time: nobody shares it.
        meter = ReadMeter(ReadBudget(perRequest: budget, total: .max))
    }

    // MARK: Changes

    /// Changes a value, so that it can be undone.
    func set<Value>(_ path: WritableKeyPath<State, Value>, _ value: Value) {
        let old = state[keyPath: path]
        undoing.append { $0[keyPath: path] = old }
        state[keyPath: path] = value
    }

    /// Appends to a list, so that it can be undone.
    func append<Element>(_ path: WritableKeyPath<State, [Element]>, _ element: Element) {
        undoing.append { $0[keyPath: path].removeLast() }
        state[keyPath: path].append(element)
    }

    /// Adds a link, so that it can be undone; not by ``set(_:_:)``, which would copy all of them.
    func insert(_ link: PendingRows.Link) {
        guard state.rows.links.insert(link).inserted else { return }
        undoing.append { $0.rows.links.remove(link) }
    }

    /// Adds a property to those that go, so that it can be undone.
    func remove(_ key: PendingRows.PropertyKey) {
        guard state.rows.removed.insert(key).inserted else { return }
        undoing.append { $0.rows.removed.remove(key) }
    }

    /// What was read of the store, which stays however a request ends.
    func learn(_ body: (inout Known) -> Void) { body(&state.known) }

    /// Nothing more is to be known.
    func stop() { isOverfull = true }

    /// A request is done: what it changed stays.
    func keep() {
        undoing = []
        usedBefore = used.count
    }

    /// A request failed: what it changed goes.
    func undo() {
        for change in undoing.reversed() { change(&state) }
        undoing = []
        giveBack(used.count - usedBefore)
    }

    /// The rows to write; they count as written from now on.
    func takeRows() -> PendingRows {
        defer { state.rows = PendingRows() }
        return state.rows
    }

    /// The store was written to by statements of which nothing is known here.
    func forget() { state.known = Known() }

    // MARK: Budget

    /// What it reads of the store and keeps until its commit.
    private var meter: ReadMeter

    /// Counts a row that is to be kept.
    /// - Throws: `ReadMeter.Excess`.
    func count(_ bytes: Int) throws {
        meter.add(bytes)
        if let excess = meter.addRow() { throw excess }
    }

    // MARK: Numbers

    /// The number of a row to come; `nil` where there are none left.
    func number(_ table: Numbered) -> Int64? {
        guard let number = numbers.take(table) else { return nil }
        used.append((table, number))
        return number
    }

    func left(_ table: Numbered) -> Int { numbers.left(table) }

    /// - Parameter more: in the order of their use.
    func add(_ more: [Int64], _ table: Numbered) { numbers.add(more, table) }

    /// The transaction was undone: its numbers are still ours.
    func giveBack() { giveBack(used.count) }

    /// Gives back the last numbers that were used.
    private func giveBack(_ count: Int) {
        for (table, number) in used.suffix(count).reversed() { numbers.giveBack(number, table) }
        used.removeLast(count)
    }
}
