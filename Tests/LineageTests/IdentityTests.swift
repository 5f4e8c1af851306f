import FoundationEssentials
import Lineage
import Testing

@Suite struct IdentityTests {
    @Test func longNamesKeepTheirHeadAndEndInAHash() {
        let long = "name-" + String(repeating: "é", count: 300)
        let bounded = Identity.bounded(long)
        #expect(bounded.utf8.count <= 255)
        #expect(bounded.hasPrefix("name-é"))
        #expect(bounded.hasSuffix(Identity.sha256(long)))
        #expect(Identity.bounded("short") == "short")
    }

    @Test func sha256IsTheStandardOne() {
        #expect(
            Identity.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func contentIsKnownByDigestElseByVersion() {
        var artifact = Artifact(type: "t", name: "n", uri: "u")
        #expect(Identity.content(of: artifact, in: "c/n") == nil)
        artifact.version = "1"
        let byVersion = Identity.content(of: artifact, in: "c/n")
        artifact.digest = "sha256:x"
        let byDigest = Identity.content(of: artifact, in: "c/n")
        #expect(byVersion != nil)
        #expect(byDigest != nil && byDigest != byVersion)
        artifact.name = "another"
        #expect(Identity.content(of: artifact, in: "c/n") == byDigest)
        // Neither the type nor the spelling is of it, nor is the namespace where there is a location.
        artifact.type = "another"
        artifact.uri = "u/"
        #expect(Identity.content(of: artifact, in: "c/m") == byDigest)
        artifact.uri = nil
        #expect(Identity.content(of: artifact, in: "c/m") != Identity.content(of: artifact, in: "c/n"))
    }

    @Test(arguments: ["2026-11-22T03:44:29Z", "2026-11-22T03:44:29.000000Z", "2026-11-22T04:44:29+01:00"])
    func readsTheTimesOfKubernetes(text: String) throws {
        let date = try #require(Timestamp.parse(text))
        #expect(Timestamp.format(date) == "2026-11-22T03:44:29Z")
    }

    @Test func refusesWhatIsNoTime() { #expect(Timestamp.parse("yesterday") == nil) }
}
