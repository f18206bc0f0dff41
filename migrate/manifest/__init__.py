"""The wish: YAML text -> Manifest, with every problem of a file reported in one run, each with its line and column.

`load` is the door (`load_manifest`, `load_text`), `model` the result, `tables` applies the table rules to the tables
that an account really has, `scaffold` writes a first manifest. Nothing here calls AWS or reads the environment: the
variables that `${env:NAME}` may use are handed in.
"""
