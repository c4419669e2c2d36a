import Platform
import Testing

struct TimestampTests {
    @Test(
        "ISO 8601 with a zone is read to the millisecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T09:05:59Z", 1_795_251_959_000), ("2026-11-21t09:05:59z", 1_795_251_959_000),
            ("2026-11-21 09:05:59Z", 1_795_251_959_000), ("2026-11-21T11:05:59+02:00", 1_795_251_959_000),
            ("2026-11-21T03:35:59-0530", 1_795_251_959_000), ("2026-11-21T09:05:59+00:00", 1_795_251_959_000),
            ("2026-11-22T08:05:59+23:00", 1_795_251_959_000), ("2026-11-21T09:05:59.5Z", 1_795_251_959_500),
            ("2026-11-21T09:05:59.007Z", 1_795_251_959_007), ("2026-11-21T09:05:59.1239999Z", 1_795_251_959_123),
            ("2026-11-21T11:05:59.25+02:00", 1_795_251_959_250), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("1969-12-31T23:59:59.500Z", -500), ("1900-01-01T00:00:00Z", -2_208_988_800_000),
            ("2038-01-19T03:14:08Z", 2_147_483_648_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] as [(String, Int64)])
    func reads(_ text: String, _ milliseconds: Int64) { #expect(Timestamp(text)?.milliseconds == milliseconds) }

    @Test(
        "Anything else is refused",
        arguments: [
            "", "now", "2026-11-21", "2026-11-21T09:05Z", "2026-11-21T09:05:59", "2026-11-21T09:05:59 Z", "2026-11-21T09:05:59Z ",
            " 2026-11-21T09:05:59Z", "26-11-21T09:05:59Z", "2026-1-21T09:05:59Z", "+2026-11-21T09:05:59Z", "2026/11/21T09:05:59Z",
            "2026-00-21T09:05:59Z", "2026-13-21T09:05:59Z", "2026-11-00T09:05:59Z", "2026-11-32T09:05:59Z", "2026-11-21T24:00:00Z",
            "2026-11-21T09:60:00Z", "2026-11-21T09:05:61Z", "2026-11-21T09:05:59.Z", "2026-11-21T09:05:59,5Z", "2026-11-21T09:05:59+2:00",
            "2026-11-21T09:05:59+02", "2026-11-21T09:05:59+02:0", "2026-11-21T09:05:59UTC", "2026-11-21T09:05:59ZZ", "1795251959",
            "２０２６-11-21T09:05:59Z", "2026-11-21T-9:05:59Z", "2026-11-21T09:05:59Z\u{0}",
        ])
    func refuses(_ text: String) { #expect(Timestamp(text) == nil) }

    @Test(
        "A day that the calendar does not have is refused",
        arguments: ["2026-02-29", "2026-02-30", "2026-04-31", "2026-06-31", "2026-09-31", "2026-11-31", "1900-02-29", "2100-02-29"])
    func noSuchDay(_ day: String) { #expect(Timestamp(day + "T00:00:00Z") == nil) }

    @Test("An offset of a day or more, or of sixty minutes, is refused", arguments: ["+24:00", "-24:00", "+99:99", "+01:60"])
    func noSuchOffset(_ offset: String) { #expect(Timestamp("2026-11-21T09:05:59" + offset) == nil) }

    @Test(
        "A moment is written in UTC and reads back",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_795_251_959_000, "2026-11-21T09:05:59Z"), (1_795_251_959_007, "2026-11-21T09:05:59.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (-1000, "1969-12-31T23:59:59Z"), (951_825_600_120, "2000-02-29T12:00:00.120Z"),
        ] as [(Int64, String)])
    func writes(_ milliseconds: Int64, _ text: String) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(time.description == text)
        #expect(Timestamp(text) == time)
    }

    @Test("Every moment of four centuries survives its text")
    func roundTrip() {
        var generator = SplitMix(seed: 7)
        for _ in 0..<5000 {
            let time = Timestamp(milliseconds: Int64.random(in: -2_208_988_800_000...10_413_792_000_000, using: &generator))
            #expect(Timestamp(time.description) == time, "\(time)")
        }
    }

    @Test("Seconds are rounded down on both sides of 1970, and differences too")
    func arithmetic() {
        #expect(Timestamp(milliseconds: 1999).seconds == 1)
        #expect(Timestamp(milliseconds: -1).seconds == -1)
        #expect(Timestamp(milliseconds: 1999).wholeSeconds == Timestamp(seconds: 1))
        #expect(Timestamp(milliseconds: 2500) - Timestamp(seconds: 1) == 1)
        #expect(Timestamp(seconds: 1) - Timestamp(milliseconds: 2500) == -2)
        #expect(Timestamp(seconds: 10) + 5 == Timestamp(seconds: 15))
        #expect(Timestamp(seconds: 10) + -15 == Timestamp(seconds: -5))
        #expect(Timestamp(milliseconds: 1) < Timestamp(milliseconds: 2))
    }

    @Test("A number of seconds that no clock shows is cut, not wrapped and not a crash")
    func extremes() {
        let (first, last) = (-62_167_219_200_000 as Int64, 253_402_300_799_999 as Int64)
        #expect(Timestamp(seconds: .max).milliseconds == last)
        #expect(Timestamp(seconds: .min).milliseconds == first)
        #expect((Timestamp(seconds: .max) + 1).milliseconds == last)
        #expect((Timestamp(seconds: .min) + -1).milliseconds == first)
        #expect((Timestamp(seconds: 0) + .max).milliseconds == last)
        #expect(Timestamp(seconds: .max) - Timestamp(seconds: .min) == (last - first) / 1000)
        #expect(Timestamp(seconds: .min) - Timestamp(seconds: .max) == -(last - first) / 1000 - 1)
        for time in [Timestamp(seconds: .max), Timestamp(seconds: .min)] {
            #expect(time.description.hasSuffix("Z"))
            #expect(time.local.month > 0)
        }
    }

    @Test(
        "Whatever moment a server or a store names, it is read as it was written",
        arguments: [
            253_402_300_799_999, 253_402_300_800_000, 999_999_999_999_000, .max, -62_167_219_200_000, -62_167_219_200_001, .min,
        ] as [Int64])
    func farAway(_ milliseconds: Int64) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(Timestamp(time.description) == time, "\(time)")
    }

    @Test(
        "An offset does not lead out of the years that can be written",
        arguments: [
            ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999Z"), ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z"),
        ])
    func offsetAtTheEnd(_ text: String, _ written: String) { #expect(Timestamp(text)?.description == written) }
}
