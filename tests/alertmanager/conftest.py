"""Chains that several tests look at: each begins its stories at once, and every test waits for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.alerting import Chain, run_alerts, running_chain
from jackpot_exporter.bundle import PackSet, compile_bundle, generate, load_packs

DOWN = "escalating", "taken", "passing"
"""Services whose health endpoint does not answer from the beginning."""


@pytest.fixture(scope="session")
def packs() -> PackSet:
    return load_packs()


@pytest.fixture(scope="session")
def written(packs: PackSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle as files."""
    root = tmp_path_factory.mktemp("shipped")
    generate(compile_bundle(packs), root, check=False)
    return root


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One chain on which many services are in trouble, each in its own way."""
    with running_chain(tmp_path_factory.mktemp("story")) as chain:
        signals = chain.signals
        signals['jackpot_up{service="healthy"}'] = 1
        for service in DOWN:
            signals[f'jackpot_up{{service="{service}"}}'] = 0
        signals['jackpot_process_memory_limit_bytes{service="full"}'] = 100
        signals['jackpot_process_resident_memory_bytes{service="full"}'] = 99
        signals['jackpot_dependency_up{service="dependent",dependency="database"}'] = 0
        signals['jackpot_up{service="dependent"}'] = 0
        chain.page("taken", to="#jackpot-ops")
        run_alerts(chain, "ack", "JackpotServiceDown", "--service", "taken", "--comment", "on it", "--for", "10m")
        yield chain


@pytest.fixture(scope="session")
def tellers(
    story: Chain,  # begins with the others, whichever test comes first
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Callable[[Path], None]], Future[None]]]:
    """Begins a story in the background, once, and gives its end."""
    begun: dict[Callable[[Path], None], Future[None]] = {}
    with ThreadPoolExecutor() as pool:

        def begin(story: Callable[[Path], None]) -> Future[None]:
            if story not in begun:
                begun[story] = pool.submit(story, tmp_path_factory.mktemp(story.__name__))
            return begun[story]

        yield begin
