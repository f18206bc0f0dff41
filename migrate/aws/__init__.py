"""The only door to boto3: sessions, one thin module per service, error classes, pacing, the read-only guard.

Each module has plain functions whose first argument is the `Account`; they return the API's own dicts, and None where
AWS says that the resource does not exist. All of them go through `errors.call`, so that every call is counted, paced
and every failure has one of the classes of `core/errors.py`. boto3 and botocore are imported when first needed. Six
small reads of DynamoDB take a shorter way to the wire (`quick`), and boto3's whenever that does not get a plain answer.
"""
