"""What the platform's programs do and count: the API, the bot, the mini-app and the engine. Nothing here is stored."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from random import Random

from ...pace import Pace
from ...systemlog import SystemLog
from .faults import (
    CONFIG_CHANGED,
    CONNECTIONS_EXHAUSTED,
    ENGINE_ERRORS,
    REQUESTS_FAILING,
    REQUESTS_SLOW,
    SLOW_HANDS,
    WEBHOOK_FAILING,
    WEBSOCKETS_BREAKING,
)
from .instruments import Instruments

CLIENTS = ("api", "bot", "miniapp")
_ROUTES = ("/auth", "/hands/{id}", "/lobby", "/profile", "/tables/{id}/join")
_COMMANDS = ("balance", "join", "start", "tournaments")
_CHANNELS = ("bot_webhook", "email", "in_app", "telegram")
_ACTIONS = ("all_in", "bet", "call", "check", "fold", "raise")
_STATES = ("dealt", "flop", "turn", "river", "showdown", "settled")
_FEATURES = ("chat", "leaderboard", "replay", "tournament")
_MONEY = ("buy_in", "cash_out", "deposit", "withdrawal")
_OUTCOMES = ("success", "error")
_OPERATIONS = ("hand", "login", "buy_in", "command")


class Service:
    """Lives by the tick."""

    def __init__(self, at: Instruments, log: SystemLog, random: Random) -> None:
        self._at = at
        self._log = log
        self._random = random
        self._pace = Pace()
        self._configuration = 0x5EED_C0FF_EE00
        self._know()

    def _know(self) -> None:
        know = self._at.know
        know("http_requests_total", _ROUTES, CLIENTS, ("200", "500"))
        know("authentications_total", ("password", "telegram"), ("denied", "failed", "success"))
        know("websocket_closed_total", ("error", "normal", "timeout"))
        know("bot_updates_total", _OUTCOMES)
        know("bot_commands_total", _COMMANDS, _OUTCOMES)
        know("bot_errors_total", ("exception", "messenger", "timeout"))
        know("deliveries_total", _CHANNELS, _OUTCOMES)
        know("asset_requests_total", ("200", "304", "404"))
        know("client_errors_total", ("asset", "network", "script"))
        know("engine_errors_total", ("exception", "invalid_state", "persist_failed"))
        know("game_transitions_total", _STATES)
        know("player_actions_total", _ACTIONS, ("accepted", "rejected"))
        know("state_saves_total", _OUTCOMES)
        know("transactions_total", _MONEY, _OUTCOMES)
        know("feature_uses_total", _FEATURES)

    def live(self, seconds: float, active: AbstractSet[str]) -> None:
        self._answer(seconds, active)
        self._keep_sockets(seconds, active)
        self._work_as_bot(seconds, active)
        self._show(seconds)
        self._play(seconds, active)
        self._connect(seconds, active)
        self._write_log(seconds)
        if CONFIG_CHANGED in active:
            self._configuration += self._pace.due("configuration", 1, seconds)
        self._at.set("config_hash", self._configuration)

    def _answer(self, seconds: float, active: AbstractSet[str]) -> None:
        for _ in range(self._pace.due("requests", 25, seconds)):
            route, client = self._random.choice(_ROUTES), self._random.choice(CLIENTS)
            fails = REQUESTS_FAILING in active and self._random.random() < 0.1
            self._at.count("http_requests_total", route, client, "500" if fails else "200")
            took = self._random.uniform(0.7, 1.4) if REQUESTS_SLOW in active else self._span(0.03)
            self._at.observe("http_request_duration_seconds", took, route)
            self._at.observe("request_queue_seconds", self._span(0.002))
        for _ in range(self._pace.due("logins", 2, seconds)):
            outcome = self._random.choices(("success", "failed", "denied"), (95, 4, 1))[0]
            self._at.count("authentications_total", self._random.choice(("password", "telegram")), outcome)
        self._at.set("http_requests_in_flight", self._random.randint(1, 6))
        self._at.set("request_queue_length", self._random.choice((0, 0, 0, 1)))

    def _keep_sockets(self, seconds: float, active: AbstractSet[str]) -> None:
        for _ in range(self._pace.due("sockets", 5, seconds)):
            broken = 0.4 if WEBSOCKETS_BREAKING in active else 0.0
            reason = "normal" if self._random.random() >= broken else self._random.choice(("error", "timeout"))
            self._at.count("websocket_closed_total", reason)
        self._at.set("websocket_connections", 110 + self._random.randint(0, 10))

    def _work_as_bot(self, seconds: float, active: AbstractSet[str]) -> None:
        for _ in range(self._pace.due("updates", 6, seconds)):
            self._at.count("bot_updates_total", "success")
            self._at.observe("bot_update_seconds", self._span(0.05))
            self._at.count("bot_commands_total", self._random.choice(_COMMANDS), "success")
        for channel in _CHANNELS:
            for _ in range(self._pace.due(channel, 4, seconds)):
                fails = channel == "bot_webhook" and WEBHOOK_FAILING in active and self._random.random() < 0.5
                self._at.count("deliveries_total", channel, "error" if fails else "success")
        self._at.count("bot_errors_total", "messenger", times=self._pace.due("bot errors", 0.05, seconds))
        self._at.set("bot_sessions", 40 + self._random.randint(0, 5))

    def _show(self, seconds: float) -> None:
        """The mini-app on the players' devices."""
        for _ in range(self._pace.due("views", 5, seconds)):
            self._at.count("asset_requests_total", self._random.choices(("200", "304", "404"), (60, 39, 1))[0])
            for phase, usual in (("first_byte", 0.08), ("first_paint", 0.4), ("interactive", 0.9)):
                self._at.observe("client_timing_seconds", self._span(usual), phase)
        self._at.count("client_errors_total", "network", times=self._pace.due("client errors", 0.1, seconds))
        for _ in range(self._pace.due("features", 4, seconds)):
            self._at.count("feature_uses_total", self._random.choice(_FEATURES))

    def _play(self, seconds: float, active: AbstractSet[str]) -> None:
        for _ in range(self._pace.due("hands", 5, seconds)):
            took = self._random.uniform(1.6, 2.3) if SLOW_HANDS in active else self._span(0.08)
            self._at.observe("hand_processing_seconds", took)
            for state in _STATES:
                self._at.count("game_transitions_total", state)
            for _ in range(4):
                outcome = "rejected" if self._random.random() < 0.02 else "accepted"
                self._at.count("player_actions_total", self._random.choice(_ACTIONS), outcome)
            self._at.count("state_saves_total", "success", times=6)
        if ENGINE_ERRORS in active:
            times = self._pace.due("engine errors", 1, seconds)
            self._at.count("engine_errors_total", "exception", times=times)
        for _ in range(self._pace.due("money", 2, seconds)):
            self._at.count("transactions_total", self._random.choice(_MONEY), "success")

    def _connect(self, seconds: float, active: AbstractSet[str]) -> None:
        is_exhausted = CONNECTIONS_EXHAUSTED in active
        for _ in range(self._pace.due("connections", 10, seconds)):
            self._at.observe("database_pool_wait_seconds", 2.0 if is_exhausted else self._span(0.002))
        times = self._pace.due("exhausted", 2, seconds) if is_exhausted else 0
        self._at.count("database_pool_exhausted_total", times=times)
        self._at.count("database_pool_timeouts_total", times=times // 2)

    def _write_log(self, seconds: float) -> None:
        for _ in range(self._pace.due("log", 4, seconds)):
            trace = f"{self._random.getrandbits(64):016x}"
            self._log.operation(self._random.choice(_OPERATIONS), "SUCCESS", self._span(0.05), trace=trace)
        for _ in range(self._pace.due("log errors", 0.1, seconds)):
            self._log.operation("login", "ERROR", self._span(0.05), error="wrong_password")

    def _span(self, usual: float) -> float:
        """About as long as usual, seldom twice as long."""
        return usual * self._random.lognormvariate(0, 0.3)
