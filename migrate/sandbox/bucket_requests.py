"""Which IAM action an S3 request needs, on which resource.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
(moto's own table misses several subresources and takes them for ListBucket, CreateBucket or DeleteBucket.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_BUCKET_SUBRESOURCES = {
    "uploads": "BucketMultipartUploads",
    "location": "BucketLocation",
    "lifecycle": "LifecycleConfiguration",
    "versioning": "BucketVersioning",
    "policyStatus": "BucketPolicyStatus",
    "policy": "BucketPolicy",
    "website": "BucketWebsite",
    "acl": "BucketAcl",
    "tagging": "BucketTagging",
    "logging": "BucketLogging",
    "cors": "BucketCORS",
    "notification": "BucketNotification",
    "accelerate": "AccelerateConfiguration",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "encryption": "EncryptionConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "replication": "ReplicationConfiguration",
    "object-lock": "BucketObjectLockConfiguration",
    "inventory": "InventoryConfiguration",
}
_OBJECT_SUBRESOURCES = {
    "acl": "Acl",
    "tagging": "Tagging",
    "retention": "Retention",
    "legal-hold": "LegalHold",
    "attributes": "Attributes",
}
_DELETED_BY_NAME = {"policy": "DeleteBucketPolicy", "website": "DeleteBucketWebsite"}

BUCKET_LEVEL = frozenset(
    {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:DeleteBucket"}
    | {f"s3:Get{name}" for name in _BUCKET_SUBRESOURCES.values()}
    | {f"s3:Put{name}" for name in _BUCKET_SUBRESOURCES.values()}
)
OBJECT_LEVEL = frozenset(
    {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl", "s3:GetObjectAcl", "s3:DeleteObject"}
    | {"s3:DeleteObjectVersion", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
    | {"s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObjectTagging"}
)


def bucket_action(method: str, query: Iterable[str]) -> str:
    """The IAM action of a request for a bucket, "" for CreateBucket, which no bucket policy covers."""
    asked = set(query)
    subresource = next((name for name in _BUCKET_SUBRESOURCES if name in asked), None)
    if method in ("GET", "HEAD"):
        return _read_action(subresource, asked)
    if method == "POST":
        return "s3:DeleteObject" if "delete" in asked else "s3:PutObject"
    if subresource is None:
        return "s3:DeleteBucket" if method == "DELETE" else ""
    if method == "DELETE" and subresource in _DELETED_BY_NAME:
        return f"s3:{_DELETED_BY_NAME[subresource]}"
    return f"s3:Put{_BUCKET_SUBRESOURCES[subresource]}"


def _read_action(subresource: str | None, asked: set[str]) -> str:
    if subresource == "uploads":
        return "s3:ListBucketMultipartUploads"
    if subresource is not None:
        return f"s3:Get{_BUCKET_SUBRESOURCES[subresource]}"
    return "s3:ListBucketVersions" if "versions" in asked else "s3:ListBucket"


def object_action(method: str, query: Mapping[str, object]) -> str:
    """The IAM action of a request for an object."""
    verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
    if "uploadId" in query and verb == "Get":
        return "s3:ListMultipartUploadParts"
    if "uploadId" in query and verb == "Delete":
        return "s3:AbortMultipartUpload"
    for name, suffix in _OBJECT_SUBRESOURCES.items():
        if name in query:
            return f"s3:{verb}Object{suffix}"
    versioned = "Version" if "versionId" in query and verb in ("Get", "Delete") else ""
    return f"s3:{verb}Object{versioned}"
