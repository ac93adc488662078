"""``python -m tests.simulation --universes N`` runs a campaign; ``--seed N`` shows one universe."""

import argparse
import sys
import time

from tests.simulation.mutations import ALL, Mutation
from tests.simulation.run import explain, failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--universes", type=int, default=10_000, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="run this one alone, and print what happened in it")
    parser.add_argument("--trace", action="store_true", help="with --seed: also where everything holds")
    parser.add_argument("--without", choices=[kind.name for kind in ALL], help="take this out of the system")
    asked = parser.parse_args()
    mutation = next((kind() for kind in ALL if kind.name == asked.without), Mutation())
    if asked.seed is not None:
        print(explain(asked.seed, mutation, always=asked.trace))
        return 0
    begun, failed = time.perf_counter(), 0
    for failure in failures(range(asked.first, asked.first + asked.universes), mutation):
        failed += 1
        print(f"seed {failure.seed}: " + "; ".join(f"{v.rule}: {v.detail}" for v in failure.violations[:3]))
    took = time.perf_counter() - begun
    print(
        f"{asked.universes} universes in {took:.1f} s ({took / asked.universes * 1000:.1f} ms each), {failed} failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
