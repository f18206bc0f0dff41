"""Plan, apply, resume and verify moves of DynamoDB tables between AWS accounts."""

__version__ = "0.1.0"
