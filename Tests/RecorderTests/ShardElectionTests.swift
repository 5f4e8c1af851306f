import Kubernetes
@testable import Recorder
import Testing

/// Replicas that come and go, in simulated time: the leases are the only thing that they share.
@Suite struct ShardElectionTests {
    /// The API server's leases, with versions.
    private struct Leases {
        var leases: [Int: Lease] = [:]
        var version = 1

        /// - Returns: the lease as written; `nil` when it has changed since it was seen.
        mutating func put(_ shard: Int, _ lease: Lease) -> Lease? {
            guard (leases[shard]?.resourceVersion ?? "") == lease.resourceVersion else { return nil }
            version += 1
            var written = lease
            written.resourceVersion = String(version)
            leases[shard] = written
            return written
        }
    }

    private struct Replica {
        var election: ShardElection
        /// Its clock is its own: it began at another time.
        var clockOffset: Duration
        /// Until then it is stopped, as by a long pause of its node, or cannot reach the API server.
        var pausedUntil: Duration = .zero
    }

    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let namespaces = (0..<200).map { "team-\($0)" }

    /// One step of every replica: what it sees, what it does.
    private func step(_ replicas: inout [String: Replica], _ leases: inout Leases, _ now: Duration) {
        for name in replicas.keys.sorted() {
            guard var replica = replicas[name], replica.pausedUntil <= now else { continue }
            let own = now + replica.clockOffset
            for shard in 0..<replica.election.shards { replica.election.observe(shard, leases.leases[shard], at: own) }
            switch replica.election.action(at: own) {
            case .standBy: break
            case .renew(let shard), .acquire(let shard):
                let lease = replica.election.lease(for: shard, name: "l-\(shard)", time: "\(now)")
                if let written = leases.put(shard, lease) {
                    replica.election.wrote(written, shard, begun: own, at: own)
                } else {
                    replica.election.observe(shard, leases.leases[shard], at: own)
                }
            }
            replicas[name] = replica
        }
    }

    /// The replicas that take a namespace for theirs.
    private func owners(_ namespace: String, _ replicas: [String: Replica], _ now: Duration) -> [String] {
        replicas.filter { _, replica in
            let own = now + replica.clockOffset
            guard let held = replica.election.held(at: own) else { return false }
            return ShardElection.owner(of: namespace, among: replica.election.members(at: own)) == held
        }.map(\.key).sorted()
    }

    @Test(arguments: [1, 2] as [UInt64], [1, 3, 5]) func fiveReplicasComeAndGo(seed: UInt64, shards: Int) {
        var random = Random(state: seed)
        var leases = Leases()
        var replicas: [String: Replica] = [:]
        var now = Duration.zero
        var number = 0
        func tick(_ count: Int) {
            for _ in 0..<count {
                now += .milliseconds(500)
                step(&replicas, &leases, now)
                // Never do two hold one shard and know it.
                let held = replicas.values.compactMap { $0.election.held(at: now + $0.clockOffset) }
                #expect(Set(held).count == held.count)
            }
        }
        func start() {
            number += 1
            replicas["replica-\(number)"] = Replica(
                election: ShardElection(identity: "replica-\(number)", shards: shards),
                clockOffset: .seconds(Int.random(in: 0..<100_000, using: &random)))
        }
        for _ in 0..<5 { start() }
        tick(60)
        for _ in 0..<200 {
            let before = Self.namespaces.map { owners($0, replicas, now) }
            let names = replicas.keys.sorted()
            let gone = names.randomElement(using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where names.count > 1:
                // Killed.
                if let gone { replicas[gone] = nil }
            case 1 where names.count > 1:
                // Stopped in good order.
                if let gone, let (shard, lease) = replicas[gone]?.election.release(name: { "l-\($0)" }, time: "\(now)")
                {
                    _ = leases.put(shard, lease)
                }
                if let gone { replicas[gone] = nil }
            case 2:
                if let gone { replicas[gone]?.pausedUntil = now + .seconds(Int.random(in: 1..<40, using: &random)) }
            default: if replicas.count < 5 { start() }
            }
            tick(100)
            // Within fifty seconds of whatever happened each namespace has one owner, and one only.
            let after = Self.namespaces.map { owners($0, replicas, now) }
            #expect(after.allSatisfy { $0.count == 1 }, "\(replicas.keys.sorted())")
            // Namespaces of replicas that stayed stay with them, or go to one that is new to the shards.
            let writers = { (owners: [[String]]) in Set(owners.joined()) }
            let came = writers(after).subtracting(writers(before))
            for (old, new) in zip(before, after) where old != new {
                let stayed = old.allSatisfy { writers(after).contains($0) }
                if stayed { #expect(new.allSatisfy { came.contains($0) } || shards > replicas.count) }
            }
        }
    }

    @Test func aStandbyTakesOverWithinFifteenSecondsOfAKill() {
        var leases = Leases()
        var replicas = [
            "a": Replica(election: ShardElection(identity: "a", shards: 1), clockOffset: .zero),
            "b": Replica(election: ShardElection(identity: "b", shards: 1), clockOffset: .seconds(7)),
        ]
        var now = Duration.zero
        func tick(while condition: () -> Bool) -> Duration {
            let start = now
            while condition(), now - start < .seconds(60) {
                now += .seconds(2)
                step(&replicas, &leases, now)
            }
            return now - start
        }
        _ = tick { owners("x", replicas, now).isEmpty }
        _ = tick { now < .seconds(30) }
        let leader = owners("x", replicas, now)
        #expect(leader.count == 1)
        replicas[leader.first ?? ""] = nil
        #expect(tick { owners("x", replicas, now).isEmpty } <= .seconds(15))
        #expect(owners("x", replicas, now).count == 1)
    }

    @Test func namespacesAreSharedEvenly() {
        let members = [0, 1, 2, 3, 4]
        let counts = Dictionary(grouping: Self.namespaces) { ShardElection.owner(of: $0, among: members) ?? -1 }
            .mapValues(\.count)
        #expect(counts.count == 5)
        #expect(counts.values.allSatisfy { (20...65).contains($0) }, "\(counts)")
    }
}
