"""Universes by their seeds: one, many, and a failing one made as small as it goes."""

import gc
from collections.abc import Iterable, Iterator

import msgspec

from tests.simulation.determinism import determined
from tests.simulation.mutations import Mutation
from tests.simulation.oracle import Violation
from tests.simulation.plan import Plan, plan_of
from tests.simulation.world import World, missions

COLLECT_EVERY = 25  # universes: they are full of cycles, and the collector is off while they run


class Failure(msgspec.Struct, frozen=True):
    seed: int
    violations: tuple[Violation, ...]


def universe(plan: Plan, mutation: Mutation | None = None, *, tracing: bool = False) -> tuple[World, list[Violation]]:
    world = World(plan, mutation or Mutation(), tracing=tracing)
    return world, world.run()


def failures(seeds: Iterable[int], mutation: Mutation | None = None) -> Iterator[Failure]:
    """Run a universe for each seed; those in which something did not hold."""
    codes = missions()
    with determined():
        gc.freeze()
        gc.disable()
        try:
            for count, seed in enumerate(seeds, 1):
                _, violations = universe(plan_of(seed, codes), mutation)
                if count % COLLECT_EVERY == 0:
                    gc.collect()
                if violations:
                    yield Failure(seed, tuple(violations))
        finally:
            gc.enable()
            gc.unfreeze()


def explain(seed: int, mutation: Mutation | None = None, *, always: bool = False) -> str:
    """A failing universe without the faults that it does not need, with its trace. ``always``: a sound one's too."""
    with determined():
        plan = plan_of(seed, missions())
        rule = {violation.rule for violation in universe(plan, mutation)[1]}
        if not rule and not always:
            return f"seed {seed}: everything holds"
        for fault in plan.faults:
            less = msgspec.structs.replace(plan, faults=tuple(f for f in plan.faults if f is not fault))
            if rule & {violation.rule for violation in universe(less, mutation)[1]}:
                plan = less
        world, violations = universe(plan, mutation, tracing=True)
    lines = [f"seed {seed}: {plan}", "", *(world.trace or ()), ""]
    return "\n".join([*lines, *(f"{violation.rule}: {violation.detail}" for violation in violations)])
