"""Machine keys that were found before: believed for as long as nobody can have revoked them."""

from __future__ import annotations

from genba_cloud.core.viewer import Scope
from genba_cloud.store.accounts import MachineKey
from genba_cloud.store.key_memory import KeyMemory

KEY = MachineKey(id="abc", name="erp", scopes=frozenset({Scope.READ}), created_at=0.0)


def test_a_key_is_recalled_by_its_whole_text() -> None:
    memory = KeyMemory()
    memory.remember("genba_abc_secret", KEY, generation=0)
    assert memory.recall("genba_abc_secret") == KEY
    assert memory.recall("genba_abc_other") is None


def test_a_revocation_forgets_every_key_and_what_is_just_being_looked_up() -> None:
    memory = KeyMemory()
    memory.remember("genba_abc_secret", KEY, generation=0)
    before = memory.generation
    memory.forget()
    assert memory.recall("genba_abc_secret") is None
    memory.remember("genba_abc_secret", KEY, generation=before)
    assert memory.recall("genba_abc_secret") is None


def test_beside_other_processes_a_key_is_believed_for_a_second() -> None:
    wall = [0.0]
    memory = KeyMemory(kept_s=1.0, clock=lambda: wall[0])
    memory.remember("genba_abc_secret", KEY, generation=0)
    wall[0] = 0.9
    assert memory.recall("genba_abc_secret") == KEY
    wall[0] = 1.0
    assert memory.recall("genba_abc_secret") is None
