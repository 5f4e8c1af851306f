import Testing

/// The pages as people use them. By itself, after all others: a browser on a busy machine is slow.
@Suite(.timeLimit(.minutes(30))) struct BrowserTests {
    /// As people use them: by mouse, by keys, without script, below a path, at three widths, light and dark, while a
    /// run goes on; with hostile texts; ten questions by clicks alone; WCAG 2.2 AA by axe.
    @Test(
        .enabled(
            if: Program.exists("chromedriver") && Program.browserPython != nil,
            "chromedriver is not installed, or KFMD_BROWSER_PYTHON is not set: run make test")
    )
    func thePagesAreUsedAsPeopleDo() async throws {
        let python = try #require(Program.browserPython)
        let ended = try await Program.run(python, ["\(Program.root)Tests/browser/pages.py", Program.kfmd])
        print(ended.output)
        #expect(ended.status == 0, "\(ended)")
    }
}
