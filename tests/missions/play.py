"""A mission played by a program, for reading.

``python -m tests.missions.play TEMPLATE_CODE good|bad|curt|rude [seed]``   the transcript; without a seed, of five
``python -m tests.missions.play TEMPLATE_CODE edges``                  the edges that nothing takes
``python -m tests.missions.play TEMPLATE_CODE aims``                   a good talker who aims at something else
``python -m tests.missions.play TEMPLATE_CODE say "line" "line" ...``  the mission with lines of your own
"""

import sys
from collections import Counter
from collections.abc import Sequence

from tests.missions.astray import AIMS, with_aim
from tests.missions.exploring import all_edges, explore, fewest_turns
from tests.missions.players import PLAYERS
from tests.missions.stage import Mission, codes, play, read_mission, transcript

SEEDS = range(1, 6)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2 or arguments[1] not in (*PLAYERS, "edges", "aims", "say"):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments[0] not in codes():
        print(f"There is no template {arguments[0]}. There are: {', '.join(codes())}", file=sys.stderr)
        return 2
    mission, how = read_mission(arguments[0]), arguments[1]
    if how == "edges":
        return _edges(mission)
    if how == "aims":
        return _aims(mission)
    if how == "say":
        print(transcript(mission, arguments[2:]))
        return 0
    for seed in [int(arguments[2])] if len(arguments) == 3 else SEEDS:
        print(play(mission, PLAYERS[how](mission.task, seed), seed).text(), end="\n\n")
    return 0


def _edges(mission: Mission) -> int:
    everything = all_edges(mission.template.graph)
    left = sorted(everything - explore(mission, played_edges(mission)))
    for node, place in left:
        edge = mission.walk.node(node).edges[place]
        print(f"{node} edges[{place}] -> {edge.to}: {edge.when}")
    fewest = fewest_turns(mission.walk, mission.template.graph)
    print(f"{len(everything) - len(left)} of {len(everything)} edges taken; fewest turns to 100: {fewest}")
    return 1 if left else 0


def _aims(mission: Mission) -> int:
    """A mission that waits for what it is about lets few of these succeed."""
    for category, goal in AIMS:
        ends = [with_aim(mission, category, goal, seed) for seed in SEEDS]
        told = Counter(f"{end.ending.end_reason_code} at {end.turns[-1].progress}%" for end in ends)
        print(f"{goal:10} mean {sum(end.mean for end in ends) / len(ends):.0f}  {dict(told)}")
    return 0


def played_edges(mission: Mission) -> set[tuple[str, int]]:
    """The edges that the players take."""
    return {
        edge
        for make in PLAYERS.values()
        for seed in SEEDS
        for edge in play(mission, make(mission.task, seed), seed).edges()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
