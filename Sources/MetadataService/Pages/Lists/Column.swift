import Lineage
import MetadataAPI

/// Keys of columns, as addresses say them.
enum ColumnKey {
    /// Before the name of a property.
    static let property = "prop:"
    /// Those by which rows can stand together.
    static let groups: Set<String> = ["type", "run", "workspace", "pipeline", "state"]
}

/// A column of a list.
struct Column<Node: ShownNode>: Sendable {
    /// As addresses and CSV name it.
    var key: String
    var title: String
    /// The class of its cells.
    var style = ""
    /// The orders of the list by this column, where an index serves it: down and up.
    var orders: (down: NodeList.Order, up: NodeList.Order)?
    /// Its text, for CSV and where nothing else is shown.
    var text: @Sendable (Node) -> String
    /// Its cell; the text by default.
    var html: (@Sendable (Node, inout HTML) -> Void)?

    func write(_ node: Node, _ html: inout HTML) {
        if let own = self.html { own(node, &html) } else { html.text(text(node), upTo: PageFrame.shownText) }
    }

    /// The column of a property.
    static func property(_ name: String) -> Column {
        Column(key: ColumnKey.property + name, title: name, style: "value") { $0.text(name) }
    }

    static var name: Column {
        Column(key: "name", title: "Name", style: "name") {
            $0.title
        } html: {
            $1.link($0.path, $0.title)
        }
    }

    static var type: Column {
        Column(key: "type", title: "Type") { $0.type }
    }

    static var created: Column {
        Column(key: "created", title: "Recorded", style: "nowrap", orders: (.newest, .oldest)) {
            PageFrame.time($0.createTimeSinceEpoch)
        } html: {
            $1.time($0.createTimeSinceEpoch)
        }
    }

    static var updated: Column {
        Column(key: "updated", title: "Changed", style: "nowrap", orders: (.changed, .unchanged)) {
            PageFrame.time($0.lastUpdateTimeSinceEpoch)
        } html: {
            $1.time($0.lastUpdateTimeSinceEpoch)
        }
    }

    static var number: Column { Column(key: "id", title: "Id", style: "number") { String($0.id) } }

    static var externalID: Column { Column(key: "external_id", title: "External id", style: "uri") { $0.externalID } }

    /// Those of an outcome: the state, when it ran, and what it said.
    static func outcome(_ outcome: @escaping @Sendable (Node) -> Outcome) -> [Column] {
        [
            Column(key: "state", title: "State", style: "nowrap") {
                outcome($0).state
            } html: {
                PageFrame.state(outcome($0).state, &$1)
            },
            Column(key: "started", title: "Started", style: "nowrap") {
                outcome($0).start.map(Timestamp.format) ?? ""
            } html: {
                if let start = outcome($0).start { $1.time(start) }
            },
            Column(key: "took", title: "Took", style: "nowrap") { outcome($0).took },
            Column(key: "message", title: "Message", style: "uri") { outcome($0).message.cut(to: 200) },
        ]
    }
}
