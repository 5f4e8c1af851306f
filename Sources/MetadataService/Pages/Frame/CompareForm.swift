/// The form around a table whose rows can be chosen to be compared.
struct CompareForm {
    /// As whom they are compared: `runs`, `executions`, `artifacts`.
    var kind: String
    /// One that is compared with whatever is chosen.
    var with: Int64?

    func begin(_ html: inout HTML) {
        html.raw("<form class=\"compare\" action=\"")
        html.address("/compare")
        html.raw("\"><input type=\"hidden\" name=\"kind\" value=\"")
        html.text(kind)
        html.raw("\">")
        guard let with else { return }
        html.raw("<input type=\"hidden\" name=\"id\" value=\"")
        html.number(with)
        html.raw("\">")
    }

    /// The head of the column of choices.
    static func head(_ html: inout HTML) {
        html.raw("<th scope=\"col\"><span class=\"hidden\">Compare</span></th>")
    }

    /// The cell in which a node is chosen.
    func cell(_ id: Int64, _ label: String, _ html: inout HTML) {
        html.raw("<td class=\"choose\"><input type=\"checkbox\" name=\"id\" value=\"")
        html.number(id)
        html.raw(with == nil ? "\" aria-label=\"Compare " : "\" aria-label=\"Compare with ")
        html.text(label, upTo: 80)
        html.raw("\"></td>")
    }

    func end(_ html: inout HTML) {
        html.raw(
            with == nil
                ? "<p class=\"below\"><button>Compare the chosen</button> <span class=\"soft\">two to six</span></p></form>"
                : "<p class=\"below\"><button>Compare with this one</button></p></form>")
    }
}
