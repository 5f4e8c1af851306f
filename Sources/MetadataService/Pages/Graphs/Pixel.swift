/// Places in pictures.
enum Pixel {
    private static let farthest = 1e7

    /// A whole number of pixels, whatever the numbers were that it comes of; 0 for none.
    static func of(_ value: Double) -> Int {
        value.isNaN ? 0 : Int(exactly: min(max(value, -farthest), farthest).rounded(.towardZero)) ?? 0
    }
}
