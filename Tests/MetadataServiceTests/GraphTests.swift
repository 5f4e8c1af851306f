import MetadataAPI
import MetadataStore
import NIOCore
import Testing

@testable import MetadataService

/// Pictures: what holds for any graph, any text and any number.
@Suite struct GraphTests {
    /// Numbers that a seed makes, the same each time.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    @Test(arguments: 0..<10) func aThousandGraphsAreDrawnWell(part: Int) {
        for seed in 0..<100 {
            var random = Seeded(state: UInt64(part * 100 + seed))
            let count = Int.random(in: 1...40, using: &random)
            var edges: [(from: Int, to: Int)] = []
            // Of lineage: from what was before to what came after; some seeds have circles all the same.
            let hasCircles = seed % 10 == 0
            for _ in 0..<Int.random(in: 0...(2 * count), using: &random) {
                let (a, b) = (Int.random(in: 0..<count, using: &random), Int.random(in: 0..<count, using: &random))
                if a != b { edges.append(hasCircles ? (a, b) : (min(a, b), max(a, b))) }
            }
            let layout = Layout(count: count, edges: edges)
            #expect(layout.positions.count == count && layout.routes.count == edges.count)
            for edge in edges where !hasCircles {
                #expect(layout.positions[edge.from].x + Layout.nodeWidth <= layout.positions[edge.to].x)
            }
            for one in 0..<count {
                let a = layout.positions[one]
                #expect(a.x >= 0 && a.y >= 0)
                #expect(a.x + Layout.nodeWidth <= layout.width && a.y + Layout.nodeHeight <= layout.height)
                for two in 0..<one {
                    let b = layout.positions[two]
                    #expect(abs(a.x - b.x) >= Layout.nodeWidth || abs(a.y - b.y) >= Layout.nodeHeight)
                }
            }
            // An edge over several columns runs behind no node of those.
            for (index, edge) in edges.enumerated() {
                for point in layout.routes[index] {
                    for node in 0..<count where node != edge.from && node != edge.to {
                        let place = layout.positions[node]
                        let isWithin =
                            point.x > place.x && point.x < place.x + Layout.nodeWidth && point.y > place.y
                            && point.y < place.y + Layout.nodeHeight
                        #expect(!isWithin, "seed \(part * 100 + seed)")
                    }
                }
            }
        }
    }

    @Test(arguments: [
        "", "short", "a-very-long-name-of-a-pipeline-run-20261120-version-7", String(repeating: "W", count: 5_000),
        String(repeating: "模型", count: 300), "👩‍👩‍👧‍👦 family of emoji that is rather long indeed", "\u{0301}\u{0301}x",
    ]) func labelsStayInTheirBoxes(text: String) {
        for width in [20.0, 100, 178] {
            let fitted = TextFit.fit(text, width, size: 13)
            #expect(TextFit.width(fitted) * 13 <= max(width, 13.1), "\(fitted)")
            // Both ends are there: names differ at either.
            if fitted != text, width > 100 {
                #expect(
                    fitted.unicodeScalars.first == text.unicodeScalars.first
                        && fitted.unicodeScalars.last == text.unicodeScalars.last)
            }
        }
    }

    @Test(
        arguments: [
            [0.5], [1, 1, 1], [-1e308, 1e308], [1e-300, 1e300], [.greatestFiniteMagnitude, -.greatestFiniteMagnitude],
            [], [0, 0],
            [1e15, 1e16],
        ] as [[Double]]) func anyNumberCanBeDrawn(values: [Double])
    {
        for isLogarithmic in [false, true] {
            var html = HTML()
            let points = values.map { Plot.Point(value: $0, title: "t", href: "/a") }
            Plot(points: points, isLogarithmic: isLogarithmic).write(label: "l", to: &html)
            let text = String(buffer: html.buffer)
            #expect(text.ranges(of: "<circle").count == values.count)
            #expect(!text.contains("cx=\"-") && !text.contains("cy=\"-"), "\(text)")
        }
    }

    @Test(arguments: [
        (0.9547, "0.9547"), (1_204_113, "1,204,113"), (-5, "-5"), (0.123456789, "0.12346"), (1234.5678, "1234.6"),
        (1e-9, "1e-09"), (.nan, "nan"), (1e300, "1e+300"), (0, "0"),
    ]) func numbersAreRead(value: Double, text: String) {
        #expect(Plot.format(value) == text)
    }

    @Test func whatGoesOnAndWhatSaysNothingOfItsTimes() {
        func step(_ start: String?, _ end: String?) -> MlMetadata_Execution {
            .with {
                if let start { $0.customProperties["start_time"] = .with { $0.stringValue = start } }
                if let end { $0.customProperties["end_time"] = .with { $0.stringValue = end } }
            }
        }
        var html = HTML()
        Gantt([
            step("2026-11-02T09:00:00Z", nil), step("2026-11-02T09:05:00Z", "2026-11-02T09:01:00Z"), step(nil, nil),
            step("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ]).write(to: &html)
        let text = String(buffer: html.buffer)
        #expect(text.ranges(of: "<rect").count == 3 && text.contains("goes on") && !text.contains("width=\"-"))
        #expect(text.contains("1 steps do not say") || text.contains("One step does not say"))
    }
}
