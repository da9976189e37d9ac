"""Puts many models into the store of a stopped server: seed_models.py STORE COUNT.

One commit for all of them; through the API each would be a commit of its own. All are tagged
`production`, and those whose names come last hold a word that a walk by name meets late.
"""

import json
import sqlite3
import sys
import time
import uuid

store, count = sys.argv[1], int(sys.argv[2])
connection = sqlite3.connect(store)
account = connection.execute("SELECT id FROM accounts ORDER BY created_at LIMIT 1").fetchone()[0]
now = int(time.time() * 1e6) - count
models = []
for n in range(count):
    place = n % (count // 10)
    name, held = f"model-{place:05d}", [f"team-{n % 97}", "production"]
    key = str(uuid.uuid4())
    description = f"Number {n} of many, trained on data set {n % 1009}"
    description += ", kept behind" if place * 10 >= count // 10 * 7 else ""
    models.append((
        key, account, name, n // (count // 10) + 1, f"https://models.example/{n}.onnx",
        "application/octet-stream", description, json.dumps(held, separators=(",", ":")), now + n,
        "\n".join([name, description.lower(), *held]),
    ))
with connection:
    connection.executemany(
        "INSERT INTO models (id, account_id, name, version, url, mime_type, description, tags,"
        " created_at, search) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", models)
    connection.execute(
        "INSERT INTO name_versions (account_id, kind, name, last_version)"
        " SELECT account_id, 'model', name, max(version) FROM models WHERE account_id = ?"
        " GROUP BY account_id, name"
        " ON CONFLICT (account_id, kind, name) DO UPDATE SET last_version = excluded.last_version",
        (account,))
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
connection.close()
