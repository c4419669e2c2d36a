import Platform

extension Provider {
    /// /demo/…: what the tests ask and tell the provider. Only under a name of this machine, never through a rebound one.
    func control(_ request: Request) -> Reply {
        guard let host = request.header("host"), WebAddress("http://" + host)?.isLoopback == true else { return Reply(status: 421) }
        switch (request.method, request.path) {
        case ("GET", "/demo/stats"): return .json(statistics.json)
        case ("GET", "/demo/tokens"): return .json(.strings(families.everything))
        case ("GET", "/demo/families"):
            // What was sent before this question is part of the answer, also of clients that are gone.
            guard traffic.settle(within: .seconds(20)) else { return .json(503, ["detail": "there is always somebody"]) }
            return .json(families.json)
        case ("GET", "/demo/mode"): return .json(misbehaviours.json)
        case ("POST", "/demo/mode"): return changeMode(request)
        case ("POST", "/demo/device"): return decideDevice(request)
        case ("POST", "/demo/expire-access"):
            families.expireAccess()
            return .json([:])
        case ("POST", "/demo/revoke-all"):
            families.revokeAll()
            return .json([:])
        default: return .json(404, ["detail": "Not Found"])
        }
    }

    /// The person at the page of a device login: user_code, and demo_user unless it is to be denied.
    private func decideDevice(_ request: Request) -> Reply {
        guard let fields = request.fields, let code = fields["user_code"] else { return .json(400, ["detail": "user_code is missing"]) }
        let person = fields["demo_user"].flatMap { Person(hint: $0) }
        return devices.decide(code, approvedBy: person) ? .json([:]) : .json(404, ["detail": "nobody waits with that code"])
    }

    private func changeMode(_ request: Request) -> Reply {
        guard let fields = request.fields, let name = fields["mode"] else {
            return .oauthError(400, "invalid_request", "mode is missing")
        }
        if name == "none" {
            misbehaviours.clear()
        } else {
            guard let misbehaviour = Misbehaviour(fields: fields) else {
                return .oauthError(400, "invalid_request", "unknown mode or field; the modes are none \(Misbehaviour.Mode.list)")
            }
            misbehaviours.add(misbehaviour)
        }
        return .json(misbehaviours.json)
    }
}
