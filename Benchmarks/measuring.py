"""How the benchmarks time things and print them."""
import os
import statistics
import subprocess
import sys
import time


def spawn(arguments: list[str], environment: dict[str, str], stdin: str = "/dev/null") -> tuple[int, int]:
    """Runs a program with its outputs at /dev/null; when it began and when it had ended, in nanoseconds."""
    null = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0)]
    null += [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (1, 2)]
    begun = time.perf_counter_ns()
    pid = os.posix_spawn(arguments[0], arguments, environment, file_actions=null)
    _, status = os.waitpid(pid, 0)
    ended = time.perf_counter_ns()
    if status != 0:
        sys.exit(f"{' '.join(arguments)}: status {status}")
    return begun, ended


def process(arguments: list[str], environment: dict[str, str], stdin: str = "/dev/null"):
    """An action: a whole process, from its start to its end as its parent sees it."""
    def run() -> float:
        begun, ended = spawn(arguments, environment, stdin)
        return (ended - begun) / 1e6
    return run


def alternating(actions: list, runs: int) -> list[list[float]]:
    """The milliseconds of each action, in turn, so that whatever else the machine does meets all of them alike."""
    times: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(runs):
        for index, action in enumerate(actions):
            times[index].append(action())
    return times


class Table:
    def __init__(self, title: str, *columns: str):
        print(f"\n## {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)

    def row(self, *cells) -> None:
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def ms(times: list[float]) -> str:
    return f"{statistics.median(times):.2f}"


def tail(times: list[float]) -> str:
    return f"{statistics.quantiles(times, n=10)[8]:.2f}"


def verdict(value: float, limit: float, at_least: bool = False) -> str:
    return f"{value:.2f}: {'holds' if (value >= limit if at_least else value <= limit) else '**does not hold**'}"


def describe_machine(title: str, folder) -> None:
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    system = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    print(f"# {title}\n\n{os.uname().sysname} {os.uname().release}, {os.cpu_count()} × {model}, {system}; "
          f"load {os.getloadavg()[0]:.1f} at the beginning")
