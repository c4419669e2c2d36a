"""Asks the agent through the `varlink` package from PyPI, which knows nothing of this program but what the agent says of itself.

Usage: varlink_client.py SOCKET METHOD [JSON parameters] — prints the answer, or the error, as one JSON document.
With METHOD `describe` it prints what the package understood of the interface's description.
With METHOD `watch` it prints the first answer of WatchUsage and hangs up.
"""
import json
import sys

import varlink

INTERFACE = "io.aiusage.Agent"


def main() -> None:
    address, method = f"unix:{sys.argv[1]}", sys.argv[2]
    parameters = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    with varlink.Client(address) as client:
        if method == "describe":
            interface = client.get_interface(INTERFACE)
            print(json.dumps({
                "interfaces": client.get_interfaces(), "info": client.info,
                "methods": sorted(name for name, member in interface.members.items() if isinstance(member, varlink.scanner._Method)),
                "errors": sorted(name for name, member in interface.members.items() if isinstance(member, varlink.scanner._Error)),
            }))
            return
        with client.open(INTERFACE) as agent:
            try:
                if method == "watch":
                    print(json.dumps(next(agent.WatchUsage(_more=True))))
                    return
                print(json.dumps({"answer": getattr(agent, method)(**parameters)}))
            except varlink.VarlinkError as error:
                print(json.dumps({"error": error.error(), "parameters": error.parameters()}))


main()
