"""Items in bulk: the lean transport and parallel scan. Imports `core` only, so that Spark workers can carry it.

The transport speaks DynamoDB's JSON protocol itself, because the AWS client spends ten times the CPU of everything else
here on turning wire JSON into validated Python values, which this tool would turn straight back.
"""
