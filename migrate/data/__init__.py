"""Items in bulk: the lean transport, parallel scan, the copy. Imports `core` only, so that Spark workers can carry it.

The transport speaks DynamoDB's JSON protocol itself, because the AWS client spends ten times the CPU of everything else
here on turning wire JSON into validated Python values, which this tool would turn straight back.

Both jobs have a `foreman` who deals segments to a `crew` of processes (`pipeworker`) and holds the `rates`.
A copy, from the outside in: `copy` (the public functions), `coordinator` (keeps the `books`), `worker` (threads around
a `mixer` and a `writing.BatchWriter`), `rawitems` (the port), `transport` (retries), `wire` (one signed
request). Reading, to compare: `reading`, `reader`, `pagedigest`.
Items changed on their way, in both: `transform` (compiled steps, standard library only), `rewriting` (raw pages).
"""
