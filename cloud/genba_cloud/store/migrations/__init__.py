"""Revisions of the database's form, one file each under ``versions/``; `store.migrate` runs them with Alembic."""
