"""What packs bring to the settings, and what a site says on top."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackpot_exporter.collectors import discover
from jackpot_exporter.config import Settings
from jackpot_exporter.errors import InvalidInputError
from jackpot_exporter.settings import load_settings

SECTIONS = [kind.section for kind in discover()]

PACK = """
namespace: shop
pools: {enabled: false}
postgres: {locks: {enabled: false}}
queries:
  orders:
    sql: select count(*) as orders from orders
    interval: 30s
    metrics: {shop_orders: {help: Orders.}}
  stock:
    file: stock.sql
    metrics: {shop_stock: {help: Stock.}}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "settings.yaml").write_text(PACK)
    (folder / "stock.sql").write_text("select 1 as stock")
    return folder


def load(pack: Path, text: str) -> Settings:
    file = pack.parent / "settings.yaml"
    file.write_text(text)
    return load_settings(file, SECTIONS, {})


def problems(pack: Path, text: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        load(pack, text)
    return str(caught.value)


def test_a_pack_brings_its_settings(pack: Path) -> None:
    main = load(pack, "packs: [./shop]").main

    assert main.namespace == "shop"
    assert main.queries["orders"].interval == 30  # type: ignore[attr-defined]
    assert main.queries["stock"].sql == "select 1 as stock"  # type: ignore[attr-defined]
    assert not main.pools.enabled  # type: ignore[attr-defined]


def test_the_sites_own_word_counts(pack: Path) -> None:
    main = load(pack, "{packs: [./shop], namespace: kiosk, queries: {orders: {interval: 5m}}}").main

    assert main.namespace == "kiosk"
    assert main.queries["orders"].interval == 300  # type: ignore[attr-defined]
    assert "stock" in main.queries  # type: ignore[attr-defined]


def test_a_site_replaces_the_file_of_a_query(pack: Path) -> None:
    main = load(pack, "{packs: [./shop], queries: {stock: {sql: select 9 as stock}}}").main

    assert main.queries["stock"].sql == "select 9 as stock"  # type: ignore[attr-defined]


def test_a_site_replaces_the_sql_of_a_query(pack: Path) -> None:
    main = load(pack, "{packs: [./shop], queries: {orders: {sql: select 9 as orders}}}").main

    assert main.queries["orders"].sql == "select 9 as orders"  # type: ignore[attr-defined]


def test_a_pack_names_no_source(pack: Path) -> None:
    assert getattr(load(pack, "packs: [./shop]").main, "postgres", None) is None
    assert load(pack, "{packs: [./shop], postgres: {}}").main.postgres.locks.enabled is False  # type: ignore[attr-defined]


def test_targets_have_packs_of_their_own(pack: Path) -> None:
    settings = load(pack, "targets: {b: {packs: [./shop]}}")

    assert settings.main.namespace == "jackpot"
    assert settings.targets["b"].namespace == "shop"


def test_a_mistake_of_the_pack_is_placed_in_the_pack(pack: Path) -> None:
    (pack / "settings.yaml").write_text(PACK.replace("sql: select", "sql: delete", 1))

    found = problems(pack, "packs: [./shop]")

    assert "shop/settings.yaml:" in found
    assert "only reads" in found


def test_a_mistake_of_the_site_is_placed_in_the_site(pack: Path) -> None:
    found = problems(pack, "packs: [./shop]\nqueries:\n  orders: {interval: soon}\n")

    assert "settings.yaml:3:" in found


@pytest.mark.parametrize("name", ["./nowhere", "nobody"])
def test_a_pack_that_is_not_there(pack: Path, name: str) -> None:
    assert name in problems(pack, f"packs: [{name}]")


def test_a_file_that_is_not_there(pack: Path) -> None:
    (pack / "stock.sql").unlink()

    assert "stock.sql" in problems(pack, "packs: [./shop]")
