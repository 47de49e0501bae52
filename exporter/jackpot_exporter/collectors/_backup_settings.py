"""Settings of the backups that are watched."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from ..config import Schedule, Seconds, Section


class PgBackRestSettings(Section):
    """Where pgBackRest's word comes from."""

    stanza: str | None = Field(None, description="the stanza; not needed when there is only one")
    command: tuple[str, ...] = Field(
        ("pgbackrest", "info", "--output=json"), min_length=1, description="the program that says it"
    )
    file: Path | None = Field(None, description="file with its output, in place of the program")
    refresh: Seconds = Field(300.0, description="time between two runs of the program")


class BackupSettings(Schedule):
    """Backups of one kind: files in a folder, or a repository of pgBackRest."""

    name: str = Field(pattern=r"^[\w.-]{1,64}$", description="its name, the label `backup`")
    path: Path | None = Field(None, description="folder that holds the backups")
    pattern: str = Field("*", description="which files of the folder are backups, as */*.dump")
    verify: bool = Field(True, description="read each new backup as pg_restore would")
    verify_timeout: Seconds = Field(600.0, description="limit for reading one backup")
    verify_whole_bytes: int = Field(
        1024**3, ge=0, description="backups up to this size are read to their end, larger ones only their contents list"
    )
    pg_restore: str | None = Field(None, description="the program; default: the newest that is installed")
    max_age: Seconds = Field(26 * 3600.0, description="age at which the newest backup counts as old")
    settle: Seconds = Field(
        120.0, description="a file changed less than this ago is still being written and not judged"
    )
    max_files: int = Field(10_000, ge=1, description="files beyond are not looked at")
    pgbackrest: PgBackRestSettings | None = Field(None, description="ask pgBackRest in place of looking at files")

    @field_validator("pattern")
    @classmethod
    def _relative(cls, value: str) -> str:
        if not value or Path(value).is_absolute() or ".." in Path(value).parts:
            raise ValueError("a pattern is relative to `path` and stays in it, as */*.dump")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.pgbackrest is None):
            raise ValueError("give either path or pgbackrest")
        return self

    @property
    def place(self) -> str:
        return str(self.path / self.pattern) if self.path else "pgBackRest's repository"
