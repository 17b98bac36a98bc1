"""A real PgBouncer in transaction mode, before a server of the tests: Debian's package.

Where it is not installed its tests are left out, and a line says so; with CI set they fail instead.
"""

from __future__ import annotations

from typing import Any

import psycopg

from tests.fast.test_proxies import installed, replaced
from tests.support.postgres import USER, give_away, unprivileged
from tests.support.servers import ServerProcess

#: Of its connections to the server for each database.
POOL = 4
#: What only these tests add: everybody is let in, and of its connections to the server the next
#: transaction gets the one that was idle for longest, so that hardly two in turn are on the same.
CONFIG = """
{block}
auth_type = trust
auth_file = {folder}/users
unix_socket_dir =
server_round_robin = 1
server_login_retry = 0.1
{more}
"""


class PgBouncer(ServerProcess):
    """It leads to every database of one server; `target` is that server's port, or a proxy's."""

    name = "pgbouncer"

    def __init__(self, block: str, target: int, **settings: str) -> None:
        super().__init__()
        (self.folder / "users").write_text(f'"{USER}" ""\n')
        changes = {
            "app = host=db port=5432": f"* = host=127.0.0.1 port={target}",
            "listen_addr = *": "listen_addr = 127.0.0.1",
            "listen_port = 6432": f"listen_port = {self.port}",
            "auth_type = scram-sha-256": "",
            "auth_file = /etc/pgbouncer/userlist.txt": "",
            "default_pool_size = 20": f"default_pool_size = {POOL}",
        }
        more = "\n".join(f"{name} = {value}" for name, value in settings.items())
        text = CONFIG.format(block=replaced(block, changes), folder=self.folder, more=more)
        (self.folder / "pgbouncer.ini").write_text(text)
        give_away(self.folder)

    def command(self) -> list[str]:
        binary = installed("pgbouncer")
        assert binary, "pgbouncer is not installed, and CI demands it: apt-get install pgbouncer"
        return [binary, str(self.folder / "pgbouncer.ini")]

    def run_as(self) -> dict[str, Any]:
        return unprivileged()

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """Where a database of the server is."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
