import Testing

@testable import MetadataService

@Suite struct LayoutTests {
    @Test func edgesGoToTheRightAndNodesDoNotOverlap() {
        let edges = [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (2, 5), (0, 6), (6, 7), (7, 3)].map {
            (from: $0.0, to: $0.1)
        }
        let layout = Layout(count: 8, edges: edges)
        for edge in edges { #expect(layout.positions[edge.from].x < layout.positions[edge.to].x) }
        for one in 0..<8 {
            for two in 0..<one {
                let (a, b) = (layout.positions[one], layout.positions[two])
                #expect(abs(a.x - b.x) >= Layout.nodeWidth || abs(a.y - b.y) >= Layout.nodeHeight)
            }
        }
        #expect(layout.positions.allSatisfy { $0.x >= 0 && $0.x + Layout.nodeWidth <= layout.width })
        #expect(layout.positions.allSatisfy { $0.y >= 0 && $0.y + Layout.nodeHeight <= layout.height })
    }

    @Test func longEdgesGoAroundNodes() {
        let layout = Layout(count: 3, edges: [(from: 0, to: 1), (from: 1, to: 2), (from: 0, to: 2)])
        let middle = layout.positions[1]
        for point in layout.routes[2] {
            #expect(point.y < middle.y || point.y > middle.y + Layout.nodeHeight)
        }
    }

    @Test func cyclesAndLargeGraphsEnd() {
        _ = Layout(count: 3, edges: [(from: 0, to: 1), (from: 1, to: 2), (from: 2, to: 0), (from: 1, to: 1)])
        _ = Layout(count: 0, edges: [])
        let chain = (0..<2000).map { (from: $0, to: $0 + 1) }
        #expect(Layout(count: 2001, edges: chain).positions.count == 2001)
    }

    @Test func textIsEscaped() {
        var html = HTML()
        html.raw("<b>")
        html.text("<script>alert(\"1\" & '2')</script>")
        #expect(String(buffer: html.buffer) == "<b>&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;")
    }
}
