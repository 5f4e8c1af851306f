extension String {
    /// The text with a scalar before each of some: how languages escape what would end a text.
    ///
    /// By scalars, not by characters: a sign that joins the next into one character would hide a quote within it.
    public func putting(_ escape: Unicode.Scalar, before escaped: Set<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if escaped.contains(scalar) { result.append(escape) }
            result.append(scalar)
        }
        return String(result)
    }
}
