"""Floor 1: transactions over named SQL, on SQLite and PostgreSQL. The only floor that holds SQL.

`store.py` is the interface and the place to start; `sqlite.py` and `postgres.py` are the two databases."""

from stagedoor.store.news import Listener
from stagedoor.store.statements import Schema
from stagedoor.store.store import Row, ScanLimits, Store, Transaction

__all__ = ["Listener", "Row", "ScanLimits", "Schema", "Store", "Transaction"]
