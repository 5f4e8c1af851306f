import FoundationEssentials
import Testing

@testable import Webhook

/// When certificates are made, trusted and served.
@Suite struct CertificatePlanTests {
    static let start = Date(timeIntervalSince1970: 1_800_000_000)

    private static func day(_ number: Double) -> Date { start.addingTimeInterval(number * 86_400) }

    /// A certificate made at a time, with those of others before it.
    private static func held(_ name: String, made: Date, beside others: [HeldCertificate.Authority] = [])
        -> HeldCertificate
    {
        let begin = made.addingTimeInterval(-HeldCertificate.backdating)
        let end = made.addingTimeInterval(HeldCertificate.lifetime)
        return HeldCertificate(
            certificate: name, key: "key", authorities: [.init(pem: "<\(name)>\n", end: end)] + others, start: begin,
            end: end)
    }

    private static func configurations(_ bundle: String) -> [CertificatePlan.Configuration] {
        [.init(kind: .mutating, bundles: [bundle]), .init(kind: .validating, bundles: [bundle, bundle])]
    }

    private static func minutes(_ number: Double) -> TimeInterval { number * 60 }

    @Test func aFirstCertificateIsMadeTrustedAndServed() {
        var plan = CertificatePlan()
        #expect(
            plan.actions(at: Self.start, secret: .absent, configurations: Self.configurations(""))
                == [.issue(replacing: nil, authorities: [])])
        plan.wroteCertificate(at: Self.start)
        let held = Self.held("a", made: Self.start)
        #expect(
            plan.actions(at: Self.start, secret: .holds(version: "1", held), configurations: Self.configurations(""))
                == [
                    .trust(.mutating, bundle: "<a>\n"), .trust(.validating, bundle: "<a>\n"), .serve(held),
                ])
        #expect(!plan.isTrusted(by: Self.configurations("")))
        #expect(!plan.isTrusted(by: []))
        #expect(plan.isTrusted(by: Self.configurations("<a>\n")))
        let later = Self.start.addingTimeInterval(Self.minutes(1))
        #expect(
            plan.actions(
                at: later, secret: .holds(version: "1", held), configurations: Self.configurations(held.bundle)
            ).isEmpty)
    }

    /// Seen of a real API server: it would call the old certificate for a minute with the new authority alone.
    @Test func whatIsServedStaysTrustedWhenTheSecretIsDeleted() {
        var plan = CertificatePlan()
        let old = Self.held("old", made: Self.start)
        _ = plan.actions(
            at: Self.start, secret: .holds(version: "v", old), configurations: Self.configurations(old.bundle))
        #expect(
            plan.actions(at: Self.day(1), secret: .absent, configurations: Self.configurations(old.bundle))
                == [.issue(replacing: nil, authorities: old.authorities)])
        let new = Self.held("new", made: Self.day(1), beside: old.authorities)
        let actions = plan.actions(
            at: Self.day(1), secret: .holds(version: "w", new), configurations: Self.configurations(old.bundle))
        #expect(!actions.contains(.serve(new)) && plan.served == old, "\(actions)")
    }

    @Test func aThirdBeforeTheEndItIsReplacedWithOverlap() {
        var plan = CertificatePlan()
        let old = Self.held("old", made: Self.start)
        func step(_ now: Date, _ held: HeldCertificate, _ bundle: String) -> [CertificatePlan.Action] {
            plan.actions(at: now, secret: .holds(version: "v", held), configurations: Self.configurations(bundle))
        }
        #expect(step(Self.start, old, old.bundle) == [.serve(old)])
        #expect(step(Self.day(59.9), old, old.bundle).isEmpty)
        let now = Self.day(60.1)
        #expect(step(now, old, old.bundle) == [.issue(replacing: "v", authorities: old.authorities)])
        plan.wroteCertificate(at: now)

        let new = Self.held("new", made: now, beside: old.authorities)
        #expect(new.bundle == "<new>\n<old>\n")
        // Not served before everybody trusts it.
        #expect(
            step(now, new, old.bundle) == [
                .trust(.mutating, bundle: new.bundle), .trust(.validating, bundle: new.bundle),
            ])
        #expect(step(now.addingTimeInterval(1), new, new.bundle).isEmpty)
        #expect(plan.served == old)
        #expect(plan.isTrusted(by: Self.configurations(new.bundle)))
        #expect(step(now.addingTimeInterval(60), new, new.bundle) == [.serve(new)])

        // The old one is trusted until a day after its end.
        #expect(step(Self.day(90.5), new, new.bundle).isEmpty)
        let pruned = step(Self.day(91.5), new, new.bundle)
        var without = new
        without.authorities = Array(new.authorities.prefix(1))
        #expect(pruned == [.prune(version: "v", without)])
        #expect(step(Self.day(91.6), without, without.bundle) == [.serve(without)])
    }

    @Test func whoIsLateServesTheNewOneAtTheEndOfTheOld() {
        var plan = CertificatePlan()
        let old = Self.held("old", made: Self.start)
        _ = plan.actions(
            at: Self.start, secret: .holds(version: "1", old), configurations: Self.configurations(old.bundle))
        let new = Self.held("new", made: Self.day(89))
        // Nobody lets it write the configurations.
        let before = plan.actions(
            at: Self.day(89.5), secret: .holds(version: "2", new), configurations: Self.configurations(old.bundle))
        #expect(!before.contains(.serve(new)))
        let after = plan.actions(
            at: Self.day(90.1), secret: .holds(version: "2", new), configurations: Self.configurations(old.bundle))
        #expect(after.contains(.serve(new)))
    }

    @Test func anotherControllerIsNotAnsweredMoreThanOnceAMinute() {
        var plan = CertificatePlan()
        let held = Self.held("a", made: Self.start)
        var writes = 0
        for second in 0..<600 {
            let now = Self.start.addingTimeInterval(Double(second))
            let actions = plan.actions(
                at: now, secret: .holds(version: "1", held), configurations: Self.configurations("<other>"))
            writes += actions.count { if case .trust(.mutating, _) = $0 { true } else { false } }
        }
        #expect(writes == 10)
    }

    @Test func aSecretThatSomebodySpoilsIsMadeAnewOnceAnHour() {
        var plan = CertificatePlan()
        let authority = HeldCertificate.Authority(pem: "<x>\n", end: Self.day(10))
        let ended = HeldCertificate.Authority(pem: "<y>\n", end: Self.day(-10))
        var writes = 0
        for minute in 0..<(24 * 60) {
            let now = Self.start.addingTimeInterval(Self.minutes(Double(minute)))
            let actions = plan.actions(
                at: now, secret: .unusable(version: "7", authorities: [authority, ended]), configurations: [])
            guard !actions.isEmpty else { continue }
            #expect(actions == [.issue(replacing: "7", authorities: [authority])])
            plan.wroteCertificate(at: now)
            writes += 1
        }
        #expect(writes == 24)
    }

    @Test func whatCouldNotBeWrittenIsTriedAgain() {
        var plan = CertificatePlan()
        for minute in 0..<3 {
            let now = Self.start.addingTimeInterval(Self.minutes(Double(minute)))
            #expect(
                plan.actions(at: now, secret: .absent, configurations: []) == [
                    .issue(replacing: nil, authorities: [])
                ])
        }
    }

    @Test func aClockThatGoesBackALittleChangesNothing() {
        var plan = CertificatePlan()
        let held = Self.held("a", made: Self.start)
        let configurations = Self.configurations(held.bundle)
        _ = plan.actions(at: Self.start, secret: .holds(version: "1", held), configurations: configurations)
        let back = Self.start.addingTimeInterval(-Self.minutes(50))
        #expect(plan.actions(at: back, secret: .holds(version: "1", held), configurations: configurations).isEmpty)
    }

    @Test func aClockThatGoesBackFarMakesOneAndGoesOn() {
        var plan = CertificatePlan()
        let held = Self.held("a", made: Self.start)
        plan.wroteCertificate(at: Self.start)
        _ = plan.actions(
            at: Self.start, secret: .holds(version: "1", held), configurations: Self.configurations(held.bundle))
        let back = Self.day(-400)
        #expect(
            plan.actions(
                at: back, secret: .holds(version: "1", held), configurations: Self.configurations(held.bundle))
                == [.issue(replacing: "1", authorities: held.authorities)])
        plan.wroteCertificate(at: back)
        let wrong = Self.held("b", made: back, beside: held.authorities)
        // Right again: what was made has ended.
        let actions = plan.actions(
            at: Self.day(1), secret: .holds(version: "2", wrong), configurations: Self.configurations(wrong.bundle))
        #expect(actions.first == .issue(replacing: "2", authorities: held.authorities))
    }

    /// Two replicas whose clocks are 70 days apart take each other's certificates for wrong.
    @Test func clocksFarApartDoNotFight() {
        var plans = [CertificatePlan(), CertificatePlan()]
        var held = Self.held("first", made: Self.start)
        var writes = 0
        for minute in 0..<(24 * 60) {
            for replica in 0..<2 {
                let now = Self.day(replica == 0 ? 0 : 70).addingTimeInterval(Self.minutes(Double(minute)))
                for action in plans[replica].actions(
                    at: now, secret: .holds(version: "\(writes)", held), configurations: [])
                {
                    guard case .issue(_, let authorities) = action else { continue }
                    writes += 1
                    held = Self.held("\(writes)", made: now, beside: authorities)
                    plans[replica].wroteCertificate(at: now)
                }
            }
        }
        #expect(writes <= 48)
        #expect(held.authorities.count <= 8)
    }

    /// Through all times and states: what is served has not ended unless there is nothing else, and the bundle that is
    /// written always has what is served.
    @Test func overTwoYearsSomebodyTrustedIsServed() {
        var plan = CertificatePlan()
        var secret = CertificatePlan.Secret.absent
        var bundle = ""
        var issued = 0
        for hour in 0..<(24 * 730) {
            let now = Self.start.addingTimeInterval(Double(hour) * 3600)
            for _ in 0..<3 {
                for action in plan.actions(at: now, secret: secret, configurations: Self.configurations(bundle)) {
                    switch action {
                    case .issue(_, let authorities):
                        issued += 1
                        secret = .holds(version: "\(issued)", Self.held("\(issued)", made: now, beside: authorities))
                        plan.wroteCertificate(at: now)
                    case .prune(let version, let held): secret = .holds(version: version, held)
                    case .trust(_, let new): bundle = new
                    case .serve: break
                    }
                }
            }
            #expect(plan.served.map { $0.end > now } == true)
            #expect(plan.isTrusted(by: Self.configurations(bundle)))
        }
        #expect((12...14).contains(issued))
    }
}
