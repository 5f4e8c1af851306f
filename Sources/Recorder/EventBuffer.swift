/// Events between a watch and the journal: while one commit is being synced, those that come meanwhile
/// gather here, and go into the next together.
///
/// It holds so many at most; then the watch waits, and with it the API server.
actor EventBuffer<Element: Sendable> {
    private let capacity: Int
    private var elements: [Element] = []
    private var isFinished = false
    private var isClosed = false
    private var taker: CheckedContinuation<Void, Never>?
    private var adder: CheckedContinuation<Void, Never>?

    init(capacity: Int) { self.capacity = capacity }

    /// Adds an element, once there is room. One task adds.
    func add(_ element: Element) async {
        while elements.count >= capacity, !isClosed {
            await withCheckedContinuation { adder = $0 }
        }
        if isClosed { return }
        elements.append(element)
        wakeTaker()
    }

    /// No more elements come.
    func finish() {
        isFinished = true
        wakeTaker()
    }

    /// All elements that are there, at least one; `nil` at the end. One task takes.
    func take() async -> [Element]? {
        while elements.isEmpty {
            if isFinished { return nil }
            await withCheckedContinuation { taker = $0 }
        }
        let taken = elements
        elements = []
        adder?.resume()
        adder = nil
        return taken
    }

    /// Nobody takes any more.
    func close() {
        isClosed = true
        elements = []
        adder?.resume()
        adder = nil
    }

    private func wakeTaker() {
        taker?.resume()
        taker = nil
    }
}
