import Platform

/// Times as people say them.
enum Moments {
    typealias Calendar = @Sendable (Timestamp) -> Timestamp.Parts

    /// The calendar of the machine's time zone.
    static let localCalendar: Calendar = { $0.local }

    /// "2 h 10 m", "3 d 4 h", "40 s".
    static func length(_ seconds: Int) -> String {
        switch seconds {
        case ..<0: "0 s"
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) m"
        case ..<86400: "\(seconds / 3600) h" + (seconds % 3600 >= 60 ? " \(seconds % 3600 / 60) m" : "")
        default: "\(seconds / 86400) d" + (seconds % 86400 >= 3600 ? " \(seconds % 86400 / 3600) h" : "")
        }
    }

    /// "in 2 h 10 m (14:30)", with the weekday when it is not today and the date when it is not this week; "due" when it is over.
    static func until(_ moment: Timestamp, now: Timestamp, _ calendar: Calendar = localCalendar) -> String {
        let left = moment - now
        if left <= 0 { return "due" }
        return "in \(length(left)) (\(clock(moment, now: now, calendar)))"
    }

    static func clock(_ moment: Timestamp, now: Timestamp, _ calendar: Calendar = localCalendar) -> String {
        let parts = calendar(moment)
        let today = calendar(now)
        let time = "\(Timestamp.pad(parts.hour, 2)):\(Timestamp.pad(parts.minute, 2))"
        if parts.year == today.year, parts.month == today.month, parts.day == today.day { return time }
        if moment - now < 6 * 86400 { return "\(weekdays[parts.weekday]) \(time)" }
        // So far away the hour says nothing.
        if moment - now < 300 * 86400 { return "\(parts.day) \(months[parts.month - 1])" }
        return "\(Timestamp.pad(parts.year, 4))-\(Timestamp.pad(parts.month, 2))-\(Timestamp.pad(parts.day, 2))"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
}
