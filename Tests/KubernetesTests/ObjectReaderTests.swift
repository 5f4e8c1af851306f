import JSON
import Kubernetes
import Testing

@Suite struct ObjectReaderTests {
    /// The names of what is read, in chunks of a size.
    private func read(_ text: String, chunk: Int) -> [String] {
        var reader = ObjectReader()
        var found: [String] = []
        func take(_ item: ObjectFile.Item) {
            switch item {
            case .object(let object, let isDeleted):
                found.append("\(object.kind) \(object.name)\(isDeleted ? " deleted" : "")")
            case .malformed(let reason): found.append("malformed: \(reason)")
            }
        }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            reader.read(Array(rest.prefix(chunk)), take)
            rest = rest.dropFirst(chunk)
        }
        reader.read([], isLast: true, take)
        return found
    }

    private static func pod(_ name: String) -> String { #"{"kind": "Pod", "metadata": {"name": "\#(name)"}}"# }

    static let files: [(String, [String])] = [
        (pod("a"), ["Pod a"]),
        ("[\(pod("a")), \(pod("b"))]", ["Pod a", "Pod b"]),
        ("\n \(pod("a"))\n\(pod("b"))\n\n", ["Pod a", "Pod b"]),
        (pod("a") + pod("b"), ["Pod a", "Pod b"]),
        (
            #"{"apiVersion": "v1", "items": [\#(pod("a")), \#(pod("b"))], "kind": "List", "metadata": {"resourceVersion": ""}}"#,
            ["Pod a", "Pod b"]
        ),
        (
            #"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}, 5]}"#,
            ["Pod a", "malformed: item 1 of the PodList: a number where an object should be"]
        ),
        (
            #"{"type": "ADDED", "object": \#(pod("a"))}"# + "\n" + #"{"type": "BOOKMARK", "object": {}}"# + "\n"
                + #"{"type": "DELETED", "object": \#(pod("a"))}"#, ["Pod a", "Pod a deleted"]
        ),
        (
            pod("a") + "\n{\"kind\": oops}\n" + pod("b"),
            ["Pod a", "malformed: line 2, column 10: “o” where a value should be", "Pod b"]
        ),
        (pod("a") + "\n{\"kind\": \"Pod\"", ["Pod a", "malformed: line 2, column 15: the text ends"]),
        ("kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: b}\n", ["Pod a", "Pod b"]),
        (
            "---\nkind: Pod\nmetadata: {name: a}\n---\n\n--- # two\nkind: [\n---\nkind: Pod\nmetadata: {name: b}",
            ["Pod a", "malformed", "Pod b"]
        ),
        ("", []), (" \n", []), ("# nothing\n", []),
        // As kubectl prints a List, with a text that looks like items.
        (
            """
            apiVersion: v1
            items:
            - apiVersion: v1
              kind: Pod
              metadata:
                name: a
                annotations:
                  text: |
                    items:
                    - kind: Pod

                    --- no separator
            - kind: Pod
              metadata: {name: b}
            # the last
            - kind: [
            -
              kind: Pod
              metadata: {name: c}
            kind: List
            metadata:
              resourceVersion: ""
            ---
            items:
              - kind: Pod
                metadata: {name: d}
            kind: List
            """,
            ["Pod a", "Pod b", "malformed: item 2 of the list: ", "Pod c", "Pod d"]
        ),
        // Items that do not tell what they are.
        (
            "apiVersion: v1\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\nkind: PodList\n", ["Pod a", "Pod b"]
        ),
        ("kind: Pod\nitems:\n  a: 1\nmetadata: {name: a}\n", ["Pod a"]),
        ("items: []\nkind: List\napiVersion: v1\n", []),
        ("--- {kind: Pod, metadata: {name: a}}\n--- # b\nkind: Pod\nmetadata: {name: b}\n", ["Pod a", "Pod b"]),
    ]

    @Test(arguments: files) func chunksMakeNoDifference(text: String, expected: [String]) {
        let whole = read(text, chunk: max(1, text.utf8.count))
        #expect(whole.count == expected.count)
        for (found, wanted) in zip(whole, expected) {
            #expect(found.hasPrefix(wanted))
        }
        for chunk in [1, 2, 3, 7, 16, 33] { #expect(read(text, chunk: chunk) == whole, "chunks of \(chunk)") }
    }
}
