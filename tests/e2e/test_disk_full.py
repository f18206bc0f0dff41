"""A disk that fills up while the state is written: the run stops, says so, and goes on when there is room again."""

from __future__ import annotations

import resource

from tests.e2e.world import TARGET, World


def test_it_stops_and_goes_on_later(world: World) -> None:
    world.table("orders")
    world.manifest()
    world.ok("plan", "m.yaml")

    def little_room() -> None:  # a file of the state outgrows this during the migration, and the plan does not fit
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))

    full = world.process("apply", "m.yaml", "--auto-approve", preexec_fn=little_room)
    assert full.returncode == 1
    text = full.stdout + full.stderr
    assert "the state could not be saved" in text
    assert "free some space" in text
    assert "Traceback" not in text
    world.ok("apply", "m.yaml", "--auto-approve")
    assert len(world.items(TARGET, "orders")) == 5
    assert world.run("plan", "m.yaml", "--detailed-exitcode").code == 0
