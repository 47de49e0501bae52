"""A standby that follows a PostgreSQL of ours through a replication slot."""

from __future__ import annotations

from jackpot_exporter.demo.process import hand_over, run_as
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.tools import find


class StandbyServer(PostgresServer):
    """Copied from its primary when it starts for the first time."""

    def __init__(self, primary: PostgresServer, slot: str) -> None:
        super().__init__(version=primary.version)
        self.primary = primary
        self.slot = slot

    def prepare(self) -> None:
        if self.data_folder.exists():
            return
        hand_over(self.folder, self.account)
        options = ("-R", "-X", "stream", "-c", "fast", "-C", "-S", self.slot, "-d", self.primary.dsn)
        run_as(self.account, self.folder, str(find("pg_basebackup")), "-D", str(self.data_folder), *options)
        with (self.data_folder / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")
