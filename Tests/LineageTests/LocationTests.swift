import Lineage
import Testing

@Suite struct LocationTests {
    @Test(arguments: [
        [
            "s3://b/k", "s3a://b/k/", "s3n://b/k", "minio://b/k", "S3://b/k", "https://b.s3.eu-west-1.amazonaws.com/k",
            "https://s3.amazonaws.com/b/k", "https://b.s3-us-west-2.amazonaws.com/k", "s3://AKIA:se/cr@b/k",
        ],
        ["s3://s3-data/k", "https://s3-data.s3.us-east-1.amazonaws.com/k"],
        ["s3://my.s3.logs/k", "https://my.s3.logs.s3.eu-west-1.amazonaws.com/k"],
        ["s3://b", "s3://b/"],
        ["gs://b/k", "gcs://b/k/", "https://storage.googleapis.com/b/k"],
        [
            "abfss://c@a.dfs.core.windows.net/k", "abfs://c@A.dfs.core.windows.net/k/",
            "wasbs://c:secret@a.blob.core.windows.net/k", "abfs://c@a.blob.core.windows.net/k",
        ],
        [
            "https://h/x", "HTTPS://H:443/x", "https://user:token@h/x", "https://ghp_token@h/x",
            "https://h/x?X-Amz-Signature=1",
        ],
        ["file:///d/x", "file:/d//x/", "file://localhost/d/x"],
        ["git+https://h/r.git@abc", "git+https://oauth2:tok@h/r.git@abc"],
    ])
    func oneLocationHasOneKey(spellings: [String]) {
        let keys = spellings.map { Location.key(of: $0) }
        #expect(Set(keys).count == 1, "\(zip(spellings, keys).map { "\($0): \($1)" })")
    }

    @Test(arguments: [
        ("s3://b//x", "s3://b/x"), ("s3://b/k", "s3://B/k"), ("s3://b/K", "s3://b/k"), ("gs://b/k", "s3://b/k"),
        ("hf://gpt2@main", "hf://bert@main"), ("docker://nginx@sha256:1", "docker://alpine@sha256:1"),
        ("https://h/x?v=1", "https://h/x?v=2"), ("https://h/x?key=a", "https://h/x?key=b"),
        ("s3://b/k?a", "s3://b/k?b"),
        ("pvc://a/x", "pvc://b/x"), ("https://h/x?se=1", "https://h/x?se=2"),
        ("https://h/x?tokenizer=a", "https://h/x?tokenizer=b"),
        ("https://h/x?max_tokens=1", "https://h/x?max_tokens=2"),
        ("s3://minio:9000/b/users/alice@corp.com/m", "s3://minio:9000/b/users/bob@corp.com/m"),
    ])
    func othersAreOthers(one: String, two: String) { #expect(Location.key(of: one) != Location.key(of: two)) }

    /// What is looked for in a store is found however it was written, where that can be listed.
    @Test(arguments: [
        "s3a://b/k/", "minio://b/k", "gs://b/k", "wasbs://c@a.blob.core.windows.net/k", "https://h/x", "file:///d/x",
        "b/k",
    ])
    func spellingsHaveTheirKey(uri: String) {
        let spellings = Location.spellings(of: uri)
        #expect(spellings.contains(uri))
        #expect(Set(spellings).count == spellings.count)
        for spelling in spellings { #expect(Location.key(of: spelling) == Location.key(of: uri)) }
        for spelling in spellings { #expect(Set(Location.spellings(of: spelling)).isSuperset(of: [uri])) }
    }

    @Test func foldersAreWithinTheirBucket() {
        #expect(Location.folders(of: "s3a://b/x/y/z.bin", upTo: 5) == ["s3://b/x/y", "s3://b/x"])
        #expect(Location.folders(of: "s3://b/x/y/z", upTo: 1) == ["s3://b/x/y"])
        #expect(Location.folders(of: "s3://b/x", upTo: 5).isEmpty)
        #expect(Location.isBelow("s3://b/x/y", "s3a://b/x/"))
        #expect(!Location.isBelow("s3://b/xy", "s3://b/x"))
    }

    @Test func whatIsNotTheSameEverywhereSaysWithinWhat() {
        func scope(_ uri: String, _ endpoint: String? = nil, _ namespace: String = "ml") -> String? {
            Location.scope(of: uri, endpoint: endpoint, cluster: "c", namespace: namespace)
        }
        #expect(scope("pvc://claim/x") == "c/ml")
        #expect(scope("s3://b/k") == nil)
        #expect(scope("s3://b/k", "s3.amazonaws.com") == nil)
        #expect(scope("s3://b/k", "minio.example.com:9000") == "minio.example.com:9000")
        let inCluster = ["minio.ml:9000", "http://minio.ml.svc:9000", "minio.ml.svc.cluster.local:9000", "minio:9000"]
        #expect(Set(inCluster.map { scope("s3://b/k", $0) }) == ["c/minio.ml"])
        #expect(scope("s3://b/k", "minio:9000", "other") == "c/minio.other")
        #expect(scope("s3://b/k", "[fd00::1]:9000") == scope("s3://b/k", "[fd00::1]:9000", "other"))
    }

    @Test(arguments: [
        ("see https://u:SECRET@h/x, then https://v:SECRET@i/y", "see https://h/x, then https://i/y"),
        ("https://h/x?a=1&token=SECRET&b=2", "https://h/x?a=1&b=2"),
        (
            #"{"url": "https://h/x?a=1\u0026X-Amz-Credential=SECRET\u0026X-Amz-Signature=SECRET"}"#,
            #"{"url": "https://h/x?a=1"}"#
        ),
        ("https://h/x?sv=1&sig=SECRET&se=2", "https://h/x"), ("https://h/x#access_token=SECRET", "https://h/x"),
        ("jdbc:postgresql://user:SECRET@db/x", "jdbc:postgresql://db/x"),
        ("jdbc:sqlserver://h;user=sa;password=SECRET", "jdbc:sqlserver://h;user=sa"),
        (#"{"c":"{\"u\":\"https://h/x?token=SECRET\"}"}"#, #"{"c":"{\"u\":\"https://h/x\"}"}"#),
        (#"https:\/\/u:SECRET@h\/x"#, "https://h\\/x"), ("mail me@example.com, 10:30", "mail me@example.com, 10:30"),
        ("ssh://git@h/r", "ssh://git@h/r"), ("https://h/x?v=1;w=2", "https://h/x?v=1;w=2"),
    ])
    func secretsAreCut(text: String, expected: String) {
        #expect(Secrets.cut(from: text) == expected)
        #expect(!Secrets.cut(from: text).contains("SECRET"))
    }

    @Test(arguments: [
        "jdbc:postgresql://user:SECRET@db/x", "git::https://user:SECRET@host/r", "my_store://u:SECRET@h/k",
        " https://u:SECRET@h/x",
        "s3n://AKIA:SE/CRET@b/k", "wasbs://c:SECRET@a.blob.core.windows.net/x", "https://u:SE,CRET@h/x",
    ])
    func noLocationKeepsASecret(uri: String) {
        let tidied = Location.tidy(uri)
        #expect(!tidied.contains("SECRET") && !tidied.contains("CRET"), "\(tidied)")
        #expect(!Location.key(of: uri).contains("CRET"))
    }

    /// Hostile texts cost no more than their length.
    @Test func longTextsAreReadOnce() {
        let many = String(repeating: "://", count: 20_000) + String(repeating: "/", count: 60_000)
        #expect(Secrets.cut(from: many).utf8.count <= many.utf8.count)
        #expect(Location.tidy("file:///" + String(repeating: "/", count: 60_000)) == "file:///")
        #expect(Location.key(of: "https://h/x?" + String(repeating: "a=1&", count: 10_000)).utf8.count > 1_000)
    }
}
