import Foundation
import Platform
import TestSupport
import Testing

/// The recipes of docs/integrations.md, as they stand there.
@Suite("The recipes do what they say")
struct IntegrationTests {
    /// The block whose first line, or whose fence, has that name.
    private static func recipe(_ name: String) throws -> String {
        let page = try String(contentsOfFile: Program.repository + "/docs/integrations.md", encoding: .utf8)
        let parts = page.components(separatedBy: "```")
        for part in stride(from: 1, to: parts.count, by: 2).map({ parts[$0] }) {
            var lines = part.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            let fence = lines.removeFirst().split(separator: " ")
            if fence.dropFirst().first.map(String.init) == name || lines.first == "# " + name { return lines.joined(separator: "\n") }
        }
        throw Scene.Failed(description: "docs/integrations.md has no recipe \(name)")
    }

    /// A directory for PATH with our program under its name and stand-ins for others'.
    private static func path(_ scene: Scene, _ others: [String: String] = [:]) async throws -> String {
        let folder = scene.home.path + "/bin"
        try scene.home.makeDirectory(folder)
        try scene.home.link(folder + "/ai-usage-agent", to: Program.path)
        for (name, script) in others { try await Executable.write("#!/bin/sh\n" + script, to: folder + "/" + name) }
        return folder + ":/usr/bin:/bin"
    }

    private static func shell(_ scene: Scene, _ script: String, _ arguments: [String] = [], path: String) async throws -> Outcome {
        let child = try Child(
            "/bin/bash", ["-c", script, "bash"] + arguments, environment: scene.home.environment.merging(["PATH": path]) { $1 })
        return await scene.finish(child)
    }

    @Test("curl gets a header that the server takes, and not as an argument", .enabled(if: Program.find("curl") != nil, "needs curl"))
    func curl() async throws {
        try await Scene.with { scene in
            let recipe = try IntegrationTests.recipe("curl")
                .replacing("https://chatgpt.com", with: scene.provider.base)
            for withAgent in [false, true] {
                let agent = withAgent ? try await RunningAgent.start(scene) : nil
                let path = withAgent ? scene.home.path + "/bin:/usr/bin:/bin" : try await IntegrationTests.path(scene)
                let outcome = try await IntegrationTests.shell(scene, recipe, path: path)
                #expect(outcome.status == 0 && outcome.json["plan_type"].string == "plus", "\(outcome)")
                await agent?.stop()
            }
            #expect(recipe.contains("--header @-"))
        }
    }

    @Test("Codex finds the token in its variable and its own arguments as they were")
    func codex() async throws {
        try await Scene.with { scene in
            let path = try await IntegrationTests.path(scene, ["codex": "printf '%s|' \"$CODEX_ACCESS_TOKEN\" \"$@\"\n"])
            let token = try await scene.require("token", "codex").text
            let outcome = try await IntegrationTests.shell(scene, try IntegrationTests.recipe("codex"), ["exec", "two words"], path: path)
            #expect(outcome.text == token + "|exec|two words|", "\(outcome)")
        }
    }

    @Test("Claude Code's apiKeyHelper prints the token and nothing else")
    func claudeCode() async throws {
        let configuration = Scene.configuration.replacing(
            #""acme": {"#,
            with: #""claude": {"clientId": "cli", "issuer": "BASE/claude", "redirectUri": "http://127.0.0.1/callback"}, "acme": {"#)
        try await Scene.with(start: .vault, configuration: configuration) { scene in
            let path = try await IntegrationTests.path(scene)
            let command = try #require(try JSONValue(parsing: try IntegrationTests.recipe("claude-code"))["apiKeyHelper"].string)
            let child = try Child(
                "/bin/sh", ["-c", command],
                environment: scene.home.environment.merging(["PATH": path, "AI_USAGE_AGENT_CLAUDE_TOKEN": "sk-ant-oat01-example"]) { $1 })
            let outcome = await scene.finish(child)
            #expect(outcome.status == 0 && outcome.text == "sk-ant-oat01-example" && outcome.errorText == "", "\(outcome)")
        }
    }

    @Test("The prompt shows a line with a number, and nothing where there is no login")
    func prompt() async throws {
        try await Scene.with { scene in
            let path = try await IntegrationTests.path(scene)
            let recipe = try IntegrationTests.recipe("prompt") + "\nai_usage_prompt"
            let shown = try await IntegrationTests.shell(scene, recipe, path: path)
            #expect(shown.status == 0 && shown.text.contains("%") && !shown.text.contains("\n"), "\(shown)")
            #expect(!shown.text.contains("\u{1B}"))
        }
    }

    @Test("guard lets the job run while enough is left, and does not when it is not")
    func guardRecipe() async throws {
        try await Scene.with { scene in
            let path = try await IntegrationTests.path(scene)
            let recipe = try IntegrationTests.recipe("guard").replacing("./nightly-job", with: "/usr/bin/printenv CODEX_ACCESS_TOKEN")
            let token = try await scene.require("token", "codex").text
            let outcome = try await IntegrationTests.shell(scene, recipe, path: path)
            #expect(outcome.status == 0 && outcome.text.contains(token), "\(outcome)")
            let refused = try await IntegrationTests.shell(
                scene, recipe.replacing("--min-remaining 20", with: "--min-remaining 99"), path: path)
            #expect(refused.status == 10 && !refused.text.contains(token), "\(refused)")
        }
    }

    @Test("waybar's command prints one line of JSON with a text and a tooltip")
    func waybar() async throws {
        try await Scene.with { scene in
            let path = try await IntegrationTests.path(scene)
            let module = try JSONValue(parsing: try IntegrationTests.recipe("waybar"))["custom/ai-usage"]
            #expect(module["return-type"].string == "json")
            let outcome = try await IntegrationTests.shell(scene, try #require(module["exec"].string), path: path)
            let line = try JSONValue(parsing: outcome.text)
            #expect(outcome.status == 0 && line["text"].string?.contains("%") == true && line["tooltip"].string != nil, "\(outcome)")
        }
    }

    @Test("The Python client prints the token", .enabled(if: Python.path != nil, "needs the Python environment"))
    func python() async throws {
        try await Scene.with { scene in
            try await RunningAgent.with(scene) { agent in
                let python = try #require(Python.path)
                let outcome = await scene.finish(
                    try Child(python, ["-c", try IntegrationTests.recipe("python")], environment: scene.home.environment))
                let token = try await agent.token()
                #expect(outcome.status == 0 && outcome.text == token, "\(outcome)")
            }
        }
    }
}
