extension JSONValue {
    /// The value after a JSON merge patch (RFC 7386).
    public func merging(patch: JSONValue) -> JSONValue {
        guard let changes = patch.object else { return patch }
        var result = object ?? JSONObject()
        for member in changes {
            if member.value.isNull {
                result[member.key] = nil
            } else {
                result[member.key] = (result[member.key] ?? .null).merging(patch: member.value)
            }
        }
        return .object(result)
    }
}
