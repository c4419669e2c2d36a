import Foundation
import Platform
import Testing

@testable import OAuth

@Suite("The pages of the callback listener are static and locked down")
struct CallbackPageTests {
    static let pages: [(String, CallbackPage)] = [
        ("303 See Other", .toDone), ("200 OK", .done), ("400 Bad Request", .badRequest), ("404 Not Found", .notFound),
        ("405 Method Not Allowed", .methodNotAllowed), ("431 Request Header Fields Too Large", .tooLarge),
        ("421 Misdirected Request", .misdirected),
    ]

    struct Parsed {
        let status: String
        let headers: [String: String]
        let body: String

        init(_ response: [UInt8]) throws {
            let text = String(decoding: response, as: UTF8.self)
            let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
            let empty = try #require(lines.firstIndex(of: ""))
            status = lines[0]
            body = lines[(empty + 1)...].joined(separator: "\r\n")
            var headers: [String: String] = [:]
            for line in lines[1..<empty] {
                let colon = try #require(line.firstIndex(of: ":"))
                headers[line[..<colon].lowercased()] = String(line[line.index(colon, offsetBy: 2)...])
            }
            self.headers = headers
        }
    }

    @Test("Every page is HTML that may load nothing, is never stored, sends no referrer and ends the connection", arguments: 0..<7)
    func headers(_ index: Int) throws {
        let (status, page) = CallbackPageTests.pages[index]
        let parsed = try Parsed(page.response)
        #expect(parsed.status == "HTTP/1.1 " + status)
        #expect(parsed.headers["content-type"] == "text/html; charset=utf-8")
        #expect(parsed.headers["content-length"] == String(parsed.body.utf8.count))
        #expect(parsed.headers["cache-control"] == "no-store")
        #expect(parsed.headers["referrer-policy"] == "no-referrer")
        #expect(parsed.headers["x-content-type-options"] == "nosniff")
        #expect(parsed.headers["connection"] == "close")
        #expect(parsed.headers["set-cookie"] == nil)
        let policy = try #require(parsed.headers["content-security-policy"])
        #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-"))
        #expect(policy.hasSuffix("'; frame-ancestors 'none'"))
        #expect(!policy.contains("unsafe"))
        #expect(!parsed.body.contains("<script"))
        #expect(!parsed.body.contains("http:") && !parsed.body.contains("https:"))
    }

    @Test("The hash in the policy is that of the page's own style", arguments: 0..<7)
    func styleHash(_ index: Int) throws {
        let parsed = try Parsed(CallbackPageTests.pages[index].1.response)
        let opening = try #require(parsed.body.range(of: "<style>"))
        let closing = try #require(parsed.body.range(of: "</style>"))
        let style = Array(parsed.body[opening.upperBound..<closing.lowerBound].utf8)
        let hash = Base64.encode(SHA256.hash(style.span).span, padded: true)
        #expect(parsed.headers["content-security-policy"]?.contains("style-src 'sha256-\(hash)';") == true)
        #expect(!parsed.body.contains("style="))
    }

    @Test("The redirect leads to /done without the code, and 405 names the one method")
    func extras() throws {
        #expect(try Parsed(CallbackPage.toDone.response).headers["location"] == "/done")
        #expect(try Parsed(CallbackPage.methodNotAllowed.response).headers["allow"] == "GET")
    }

    @Test(
        "Nothing of a request comes back, whatever becomes of it",
        arguments: [
            "/callback?code=MARKER&state=MARKER", "/MARKER?code=1", "/callback?error=MARKER&state=\(CallbackRequestTests.state)",
            "/callback?code=MARKER&state=\(CallbackRequestTests.state)", "/callback?%3Cscript%3EMARKER",
        ])
    func noEcho(_ target: String) {
        let hosts = ["127.0.0.1:4321", "MARKER.example:4321"]
        for host in hosts {
            for method in ["GET", "MARKER"] {
                let head = CallbackRequestTests.head(target, method: method, host: host, "User-Agent: MARKER", "Origin: null")
                let page: CallbackPage
                switch CallbackRequestTests.judge(head) {
                case .answer(let answer): page = answer
                case .hit: page = .toDone
                case .done: page = .done
                }
                #expect(!String(decoding: page.response, as: UTF8.self).contains("MARKER"))
                // What is answered is one of the seven, byte for byte.
                #expect(CallbackPageTests.pages.contains { $0.1.response == page.response })
            }
        }
    }
}
