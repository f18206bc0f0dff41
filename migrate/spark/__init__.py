"""The one job that runs unchanged on Glue, EMR, EMR Serverless and local Spark, and carries `data` and `core` with it.

**Files.** `job.py` is the script: uploaded as it is. `archive.build()` is the zip that ships beside it (`--py-files`,
`--extra-py-files`): same sources, same bytes, and its digest names it. Python 3.10 or later (Glue 5 has 3.11; on EMR 7
set PYSPARK_PYTHON to python3.11), Spark 3.5 or 4, boto3. msgspec and xxhash make it faster where they are installed;
without them it does the same. No Hadoop file system, no jar, no awsglue.

**Arguments.** `arguments.JobSpec` is everything that can be said; `arguments.of(spec)` are the pairs that Glue takes as
they are, `arguments.as_list(spec)` what spark-submit takes behind the script. Anything else is ignored, so Glue may add
its own, and `--migrate-token` is for whoever looks for an earlier run.

**Modes.** `copy`: the source's scan segments into the target. `load-export`: the data files of a full export (DynamoDB
JSON), each only after its md5 was right. `repair`: the keys in the files below `keys_from` (JSON lines `{"key":
{...}}`: `differences/` of a verification, `dead-letters/` of a copy) read from the source and put again; a key that the
source has no more is counted as `absent`, and nothing is deleted. `verify`: both tables digested per bucket of the key
digest; what differs is named.

**Transforms.** `transform` names an object that `transforming.written(TransformSpec)` made; items pass through it on
their way in every mode, and `verify` compares with what it makes of the source. Items it fails on are dead letters,
under the key that they have in the source; in `verify` they are errors, as is a key that several items have got.

**Roles.** Both tables are reached by `role` of their side, assumed with the job's own credentials and renewed while it
runs; without one, by the job's own. Work folder and export are reached by the job's own credentials: it needs
s3:GetObject, s3:PutObject and s3:ListBucket there.

**The work folder** (`work`: `s3://bucket/prefix`) belongs to one piece of work (one table, one mode, one attempt of a
verification). The same work in the same folder goes on where it stood; other work there is refused.

    job.json                            what work this is: the arguments that decide what is read and written
    runs/<run>.json                     every 5 s by the driver: items, units used and throttles of that run
    units/<unit>/<attempt>.json         a segment, file or key file as far as that attempt of its task came
    dead-letters/<unit>/<attempt>-<page>.jsonl    refused items, as in a copy's `dead-letters.jsonl`
    sums/<unit>/<attempt>               what a `verify` has added up, per bucket (`sums.unpacked`)
    differences/<run>/<number>.jsonl    by `verify`: {"mark": "*|+|-|!", "key": {...}}; `keys_from` of a repair
    result.json                         written last, and only by a run that came to its end: look at its `token`

Counts are cumulative, so no attempt, retried or doubled, can spoil another's: the furthest attempt of a unit counts.

**The result** (`books.Result`) has `format_version` 1, `mode`, `token`, `run`, `balanced`, `units`, `units_done`,
`read`, `written`, `kept`, `rejected`, `filtered`, `extra`, `absent`, `bytes`, `read_units`, `write_units` (of all
runs), `seconds` (of this one), `digest` of all items read (as `SegmentBook.digest`; null where unknown) and
`dead_letters` (keys of objects). `verify` reads only (`kept` = `read`) and adds `comparison`: `source_items`,
`target_items`, `same`, `differs`, `missing` (in the target), `extra`, `errors`, `named` (the first 100), `differences`
(a folder of the work folder, or null) and `buckets`: per side the count and sum of each bucket, packed (`sums.unpacked`
of the base64).

**Exit.** 0 after a result that is balanced and complete (for `verify`: compared, whatever was found). Otherwise the
script ends with `SystemExit("migrate: what | why | what next")`: status 1, which is FAILED on every engine. The same
arguments again go on, also with other rates, roles or endpoints (`JobSpec.identity` says what makes it other work), and
while an earlier run still lives: both count right. Nothing else is started or left behind. A dead letter is no failure
(`rejected` says how many), more than `max_rejected` are.
"""
