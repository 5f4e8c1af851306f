/// A layered drawing of a graph whose edges go from left to right.
///
/// Layers by the longest way from a source, order within a layer by the middle of the neighbours
/// (Sugiyama's method), positions packed from the top. A cycle, which lineage should not have, is cut
/// at the edge that closes it.
struct Layout {
    /// A place in the drawing, in pixels.
    struct Point: Equatable {
        var x: Double
        var y: Double
    }

    /// The upper left corner of each node.
    private(set) var positions: [Point]
    /// The way of each edge that was given: the points between its ends, where it spans columns.
    private(set) var routes: [[Point]]
    private(set) var width: Double
    private(set) var height: Double

    static let nodeWidth = 216.0
    static let nodeHeight = 46.0
    /// Of long edges in the columns that they pass: beyond, they run straight, behind what lies between.
    private static let mostPlaces = 5_000
    private static let columnGap = 46.0
    private static let rowGap = 18.0
    private static let margin = 12.0

    /// - Parameters:
    ///   - count: the number of nodes.
    ///   - edges: pairs of nodes, from and to.
    init(count: Int, edges: [(from: Int, to: Int)]) {
        let forward = Self.acyclic(count, edges)
        var layers = Self.layers(count, forward)
        // An edge over several columns goes through a place of its own in each of them, so that it
        // does not run behind other nodes.
        var steps: [(from: Int, to: Int)] = []
        var chains: [[Int]] = []
        var places = 0
        for edge in edges {
            var last = edge.from
            var chain: [Int] = []
            let span = layers[edge.to] - layers[edge.from] - 1
            if span > 0, places + span <= Self.mostPlaces {
                places += span
                for layer in layers[edge.from] + 1..<layers[edge.to] {
                    layers.append(layer)
                    chain.append(layers.count - 1)
                    steps.append((last, layers.count - 1))
                    last = layers.count - 1
                }
            }
            if layers[edge.to] > layers[edge.from] { steps.append((last, edge.to)) }
            chains.append(chain)
        }
        var rows = Self.rows(layers)
        Self.order(&rows, steps, layers.count)
        var corners = Array(repeating: Point(x: 0, y: 0), count: layers.count)
        let tallest = rows.map(\.count).max() ?? 0
        let rowHeight = Self.nodeHeight + Self.rowGap
        height = Double(max(tallest, 1)) * rowHeight - Self.rowGap + 2 * Self.margin
        width =
            Double(max(rows.count, 1)) * (Self.nodeWidth + Self.columnGap) - Self.columnGap + 2 * Self.margin
        for (column, row) in rows.enumerated() {
            // Shorter columns stand in the middle.
            let top = Self.margin + Double(tallest - row.count) * rowHeight / 2
            for (index, node) in row.enumerated() {
                corners[node] = Point(
                    x: Self.margin + Double(column) * (Self.nodeWidth + Self.columnGap),
                    y: top + Double(index) * rowHeight)
            }
        }
        positions = Array(corners.prefix(count))
        routes = chains.map { chain in
            chain.flatMap { node in
                let (x, y) = (corners[node].x, corners[node].y + Self.nodeHeight / 2)
                return [Point(x: x, y: y), Point(x: x + Self.nodeWidth, y: y)]
            }
        }
    }

    /// The edges without those that close a cycle, found by a search in depth.
    private static func acyclic(_ count: Int, _ edges: [(from: Int, to: Int)]) -> [(from: Int, to: Int)] {
        var next = Array(repeating: [Int](), count: count)
        for edge in edges where edge.from != edge.to { next[edge.from].append(edge.to) }
        enum Mark { case new, open, done }
        var marks = Array(repeating: Mark.new, count: count)
        var result: [(from: Int, to: Int)] = []
        for start in 0..<count where marks[start] == .new {
            // An explicit stack: a lineage may be deeper than a thread's stack.
            var stack: [(node: Int, index: Int)] = [(start, 0)]
            marks[start] = .open
            while let top = stack.last {
                guard top.index < next[top.node].count else {
                    marks[top.node] = .done
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].index += 1
                let target = next[top.node][top.index]
                if marks[target] == .open { continue }
                result.append((top.node, target))
                if marks[target] == .new {
                    marks[target] = .open
                    stack.append((target, 0))
                }
            }
        }
        return result
    }

    /// The column of each node: one more than the farthest of those before it.
    private static func layers(_ count: Int, _ edges: [(from: Int, to: Int)]) -> [Int] {
        var incoming = Array(repeating: 0, count: count)
        var next = Array(repeating: [Int](), count: count)
        for edge in edges {
            incoming[edge.to] += 1
            next[edge.from].append(edge.to)
        }
        var result = Array(repeating: 0, count: count)
        var ready = (0..<count).filter { incoming[$0] == 0 }
        while let node = ready.popLast() {
            for target in next[node] {
                result[target] = max(result[target], result[node] + 1)
                incoming[target] -= 1
                if incoming[target] == 0 { ready.append(target) }
            }
        }
        // A source stands just before what it goes to, not at the far left.
        let targets = Set(edges.map(\.to))
        for node in 0..<count where !next[node].isEmpty && !targets.contains(node) {
            result[node] = (next[node].map { result[$0] }.min() ?? 1) - 1
        }
        return result
    }

    private static func rows(_ layers: [Int]) -> [[Int]] {
        var rows = Array(repeating: [Int](), count: (layers.max() ?? -1) + 1)
        for (node, layer) in layers.enumerated() { rows[layer].append(node) }
        return rows
    }

    /// Sorts each column by the middle of its neighbours, forth and back a few times.
    private static func order(_ rows: inout [[Int]], _ edges: [(from: Int, to: Int)], _ count: Int) {
        var before = Array(repeating: [Int](), count: count)
        var after = Array(repeating: [Int](), count: count)
        for edge in edges {
            before[edge.to].append(edge.from)
            after[edge.from].append(edge.to)
        }
        var place = Array(repeating: 0.0, count: count)
        func number(_ row: [Int]) {
            for (index, node) in row.enumerated() { place[node] = Double(index) - Double(row.count) / 2 }
        }
        rows.forEach(number)
        for round in 0..<6 {
            let forward = round.isMultiple(of: 2)
            for column in forward ? Array(rows.indices) : rows.indices.reversed() {
                let neighbours = forward ? before : after
                func middle(_ node: Int) -> Double {
                    let all = neighbours[node]
                    return all.isEmpty ? place[node] : all.reduce(0) { $0 + place[$1] } / Double(all.count)
                }
                let keyed = rows[column].enumerated().map { (middle($1), $0, $1) }
                rows[column] = keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
                number(rows[column])
            }
        }
    }
}
