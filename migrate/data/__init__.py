"""Items in bulk: the lean transport, parallel scan, the copy. Imports `core` only, so that Spark workers can carry it.

The transport speaks DynamoDB's JSON protocol itself, because the AWS client spends ten times the CPU of everything else
here on turning wire JSON into validated Python values, which this tool would turn straight back.

A copy, from the outside in: `copy` (the public functions), `coordinator` (deals segments, keeps `books` and `rates`),
`crew` (worker processes), `worker` (threads around a `mixer` and a `writing.BatchWriter`), `rawitems` (the port).
"""
