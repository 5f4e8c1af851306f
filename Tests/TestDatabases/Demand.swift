import Foundation

/// What the environment says about databases.
enum Demand {
    static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The reason to skip a test. None where databases are demanded: the test then fails with the reason.
    static func reason(_ isMissing: String?) -> String? {
        variable("KFMD_REQUIRE_DATABASES") == "1" ? nil : off ?? isMissing
    }

    /// Databases are not wanted.
    static var off: String? { variable("KFMD_TEST_DATABASES") == "off" ? "KFMD_TEST_DATABASES=off" : nil }
}
