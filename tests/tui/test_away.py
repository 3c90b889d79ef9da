"""The database goes away and comes back while somebody looks at it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from sqlalchemy import make_url

from datapulse_tui.data.addresses import Addresses
from datapulse_tui.tui import watch
from datapulse_tui.tui.screens.dashboards import DashboardsScreen
from tests.tui.conftest import ANA, World, screen_text, see, until

pytestmark = pytest.mark.usefixtures("dashboards_first")


class Line:
    """A unix socket between the desk and PostgreSQL that can be cut and mended."""

    def __init__(self, path: Path, target: str) -> None:
        self.path, self._target = path, target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self.path.unlink(missing_ok=True)
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()
        self._open.discard(sink)


async def test_a_lost_database_keeps_the_screen_and_comes_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "BACK_OFF", (0.1,))
    url = make_url(world.addresses.app)
    host = str(url.query.get("host", ""))
    if not host.startswith("/"):
        pytest.skip("needs a server on a unix socket")
    port = url.port or 5432
    line = Line(tmp_path / f".s.PGSQL.{port}", f"{host}/.s.PGSQL.{port}")
    await line.mend()
    through = url.update_query_dict({"host": str(tmp_path)}).render_as_string(hide_password=False)
    app = World(world.settings, Addresses(through, through, world.addresses.owner)).desk(as_email=ANA)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await see(pilot, "Sales")
        await see(pilot, "● live")
        await line.cut()
        await see(pilot, "The database does not answer. What you see is kept")
        await see(pilot, "▲ away")
        assert "Sales" in screen_text(app)
        await pilot.press("s")
        await see(pilot, "does not answer", timeout=20)
        await line.mend()
        await until(pilot, lambda: not app.watch_over.away, timeout=20)
        await until(pilot, lambda: "What you see is kept" not in screen_text(app))
        assert isinstance(app.screen, DashboardsScreen)
        assert "★" not in screen_text(app)  # what was not saved is not shown as saved
        await pilot.press("s")
        assert await app.writes.finished(10)
        await see(pilot, "★")
    await line.cut()
