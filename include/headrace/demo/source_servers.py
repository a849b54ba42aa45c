"""The demo's sources: the servers and files that it loads from, started and filled side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from include.headrace.demo.api.server import DemoApi
from include.headrace.demo.mariadb_server import MariadbServer
from include.headrace.demo.mongo_server import MongoServer
from include.headrace.demo.postgres_server import PostgresServer
from include.headrace.demo.seeding import flights, planes, weather_ewr, weather_jfk


class SourceServers:
    """PostgreSQL, MariaDB, MongoDB, the API and the files of the demo, all below ``home``."""

    def __init__(self, home: Path) -> None:
        self.postgres = PostgresServer(home / "postgres")
        self._mariadb = MariadbServer(home / "mariadb")
        self._mongo = MongoServer(home / "mongo")
        self._api = DemoApi(home / "api")
        self._files = home / "sources"

    def start(self) -> bool:
        """Start every server and fill every source. Returns False when all were filled before.

        Raises ServerError when one does not start. PostgreSQL may have been started already: Airflow
        keeps its metadata there and cannot wait for the others.
        """
        work: tuple[Callable[[], bool], ...] = (
            self._start_postgres,
            self._start_mariadb,
            self._start_mongo,
            self._start_api,
            self._fill_files,
        )
        with ThreadPoolExecutor(len(work)) as pool:
            done = [pool.submit(part) for part in work]
        filled = [part.result() for part in done]
        return any(filled)

    def connections(self) -> dict[str, str]:
        """The Airflow connections to the started servers: JSON by connection id, passwords included."""
        return {
            "operations_postgres": self.postgres.connection_json(flights.DATABASE),
            "fleet_mysql": self._mariadb.connection_json(planes.DATABASE),
            "weather_ewr_mongo": self._mongo.connection_json(weather_ewr.DATABASE),
            **self._api.connections(),
        }

    def stop(self) -> None:
        """Stop every server, also those that an earlier process left running; data stays."""
        for server in (self._api, self._mongo, self._mariadb, self.postgres):
            server.stop()

    def _start_postgres(self) -> bool:
        if not self.postgres.is_running:
            self.postgres.start()
        return flights.seed_postgres(self.postgres)

    def _start_mariadb(self) -> bool:
        self._mariadb.start()
        return planes.seed_planes(self._mariadb)

    def _start_mongo(self) -> bool:
        self._mongo.start()
        return weather_ewr.seed_weather_ewr(self._mongo)

    def _start_api(self) -> bool:
        self._api.start()
        return False

    def _fill_files(self) -> bool:
        done = flights.seed_files(self._files), weather_jfk.seed_weather_jfk(self._files / "weather_jfk")
        return any(done)
