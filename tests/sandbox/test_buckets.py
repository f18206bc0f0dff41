from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from migrate.sandbox.server import Sandbox
from migrate.sandbox.settings import REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT
from tests.sandbox.transfer_world import World, allow, document, refused

SOURCE_ROLE = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/MigrateSandbox"


@pytest.fixture
def aws(sandbox: Sandbox) -> World:
    return World(sandbox)


def test_another_account_is_refused_without_a_policy(aws: World) -> None:
    bucket = aws.bucket()
    aws.target("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    foreign = aws.source("s3")
    with refused("AccessDenied"):
        foreign.put_object(Bucket=bucket, Key="other", Body=b"x")
    with refused("AccessDenied"):
        foreign.get_object(Bucket=bucket, Key="k")
    with refused("AccessDenied"):
        foreign.list_objects_v2(Bucket=bucket)
    with refused("AccessDenied"):
        foreign.get_bucket_policy(Bucket=bucket)
    with refused("AccessDenied"):
        foreign.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": []})
    with refused("AccessDenied"):
        foreign.delete_object(Bucket=bucket, Key="k")
    with refused("403"):
        foreign.head_object(Bucket=bucket, Key="k")
    with refused("403"):
        foreign.head_bucket(Bucket=bucket)
    assert aws.target("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": SOURCE_ROLE},
        {"AWS": SOURCE_ACCOUNT},
        {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"},
        {"AWS": [f"arn:aws:iam::{TARGET_ACCOUNT}:root", SOURCE_ROLE]},
        {"AWS": f"arn:aws:sts::{SOURCE_ACCOUNT}:assumed-role/MigrateSandbox/session"},
    ],
)
def test_a_policy_opens_the_bucket_for_each_form_of_principal(aws: World, principal: Any) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow(principal, "s3:Put*"))
    aws.source("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("AccessDenied"):
        aws.source("s3").get_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize(
    "principal",
    [{"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:role/Other"}, {"AWS": "333333333333"}, {"Service": "s3.amazonaws.com"}],
)
def test_a_policy_for_somebody_else_opens_nothing(aws: World, principal: Any) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow(principal, "s3:PutObject"))
    with refused("AccessDenied"):
        aws.source("s3").put_object(Bucket=bucket, Key="k", Body=b"x")


def test_a_policy_is_limited_to_its_prefix(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ACCOUNT}, "s3:PutObject", resource="BUCKET/in/*"))
    aws.source("s3").put_object(Bucket=bucket, Key="in/k", Body=b"x")
    with refused("AccessDenied"):
        aws.source("s3").put_object(Bucket=bucket, Key="out/k", Body=b"x")


def test_a_deny_wins_even_over_the_owner(aws: World) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "BUCKET/secret/*"}
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ACCOUNT}, "s3:GetObject"), deny)
    for key in ("secret/a", "open/a"):
        aws.target("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    for side in (aws.source("s3"), aws.target("s3")):
        assert side.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"x"
        with refused("AccessDenied"):
            side.get_object(Bucket=bucket, Key="secret/a")


def test_conditions_are_evaluated(aws: World) -> None:
    listing = allow(
        {"AWS": SOURCE_ACCOUNT}, "s3:ListBucket", resource="BUCKET", Condition={"StringLike": {"s3:prefix": "in/*"}}
    )
    writing = allow(
        {"AWS": SOURCE_ACCOUNT},
        "s3:PutObject",
        Condition={"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    )
    reading = allow({"AWS": SOURCE_ACCOUNT}, "s3:GetObject", Condition={"StringEquals": {"x:unheard-of": "1"}})
    bucket = aws.bucket(TARGET_ACCOUNT, listing, writing, reading)
    aws.target("s3").put_object(Bucket=bucket, Key="in/k", Body=b"x")
    foreign = aws.source("s3")
    assert foreign.list_objects_v2(Bucket=bucket, Prefix="in/")["KeyCount"] == 1
    with refused("AccessDenied"):
        foreign.list_objects_v2(Bucket=bucket)
    foreign.put_object(Bucket=bucket, Key="in/2", Body=b"x", ServerSideEncryption="aws:kms")
    with refused("AccessDenied"):
        foreign.put_object(Bucket=bucket, Key="in/3", Body=b"x")
    with refused("AccessDenied"):
        foreign.get_object(Bucket=bucket, Key="in/k")


def test_an_unknown_condition_fulfils_a_deny(aws: World) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "BUCKET/*"}
    deny["Condition"] = {"DateLessThan": {"aws:CurrentTime": "2000-01-01T00:00:00Z"}}  # type: ignore[assignment]
    bucket = aws.bucket(TARGET_ACCOUNT, deny)
    with refused("AccessDenied"):
        aws.target("s3").put_object(Bucket=bucket, Key="k", Body=b"x")


def test_a_policy_that_insists_on_tls_lets_requests_pass(aws: World) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["BUCKET", "BUCKET/*"]}
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}  # type: ignore[assignment]
    bucket = aws.bucket(TARGET_ACCOUNT, deny)
    aws.target("s3").put_object(Bucket=bucket, Key="k", Body=b"x")


def test_an_acl_needs_its_own_permission(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ACCOUNT}, "s3:PutObject"))
    with refused("AccessDenied"):
        aws.source("s3").put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")


def test_copying_needs_the_right_to_read(aws: World) -> None:
    mine = aws.bucket(SOURCE_ACCOUNT)
    theirs = aws.bucket(TARGET_ACCOUNT)
    aws.target("s3").put_object(Bucket=theirs, Key="k", Body=b"x")
    with refused("AccessDenied"):
        aws.source("s3").copy_object(Bucket=mine, Key="k", CopySource={"Bucket": theirs, "Key": "k"})


def test_delete_objects_is_decided_per_object(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT, allow({"AWS": SOURCE_ACCOUNT}, "s3:DeleteObject", resource="BUCKET/tmp/*"))
    for key in ("tmp/a", "keep/a"):
        aws.target("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = aws.source("s3").delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "tmp/a"}, {"Key": "keep/a"}]})
    assert [entry["Key"] for entry in answer["Deleted"]] == ["tmp/a"]
    assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [("keep/a", "AccessDenied")]


def test_the_wrong_expected_owner_is_refused(aws: World) -> None:
    bucket = aws.bucket()
    own = aws.target("s3")
    own.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=TARGET_ACCOUNT)
    with refused("AccessDenied"):
        own.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=SOURCE_ACCOUNT)
    with refused("403"):
        own.head_bucket(Bucket=bucket, ExpectedBucketOwner=SOURCE_ACCOUNT)
    with refused("AccessDenied"):
        own.get_bucket_policy(Bucket=bucket, ExpectedBucketOwner=SOURCE_ACCOUNT)


GOOD = allow({"AWS": SOURCE_ACCOUNT}, "s3:GetObject")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("{not json", "valid JSON"),
        ("[]", "valid JSON"),
        (json.dumps({"Version": "2012-10-17"}), "Statement"),
        (document("BUCKET", {**GOOD, "Effect": "Maybe"}), "ffect"),
        (document("BUCKET", {name: value for name, value in GOOD.items() if name != "Principal"}), "Principal"),
        (document("BUCKET", {**GOOD, "Principal": {"AWS": "somebody"}}), "Invalid principal"),
        (document("BUCKET", {**GOOD, "Action": "dynamodb:Scan"}), "invalid action"),
        (document("BUCKET", {**GOOD, "Resource": "arn:aws:s3:::somewhere-else/*"}), "invalid resource"),
        (document("BUCKET", {**GOOD, "Action": ["s3:GetObject", "s3:ListBucket"]}), "does not apply"),
        (document("BUCKET", {**GOOD, "Resource": "BUCKET"}), "does not apply"),
    ],
)
def test_malformed_policies_are_refused(aws: World, policy: str, reason: str) -> None:
    bucket = aws.bucket()
    with refused("MalformedPolicy", reason):
        aws.target("s3").put_bucket_policy(
            Bucket=bucket, Policy=policy.replace("arn:aws:s3:::BUCKET", f"arn:aws:s3:::{bucket}")
        )
    with refused("NoSuchBucketPolicy"):
        aws.target("s3").get_bucket_policy(Bucket=bucket)


def test_public_policies_are_blocked_until_the_block_is_lifted(aws: World) -> None:
    bucket = aws.bucket()
    own = aws.target("s3")
    public = document(bucket, allow("*", "s3:GetObject"))
    with refused("AccessDenied", "BlockPublicPolicy"):
        own.put_bucket_policy(Bucket=bucket, Policy=public)
    own.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False},
    )
    own.put_bucket_policy(Bucket=bucket, Policy=public)
    own.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert aws.source("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    own.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    with refused("AccessDenied"):
        aws.source("s3").get_object(Bucket=bucket, Key="k")


def test_a_new_bucket_has_the_settings_that_aws_gives_it(aws: World) -> None:
    bucket = aws.bucket()
    own = aws.target("s3")
    block = own.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert len(block) == 4
    controls = own.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert _encryption(own, bucket) == {"SSEAlgorithm": "AES256"}
    assert "Status" not in own.get_bucket_versioning(Bucket=bucket)
    with refused("NoSuchTagSet"):
        own.get_bucket_tagging(Bucket=bucket)
    with refused("NoSuchLifecycleConfiguration"):
        own.get_bucket_lifecycle_configuration(Bucket=bucket)


def test_bucket_settings_are_kept(aws: World) -> None:
    bucket = aws.bucket()
    own = aws.target("s3")
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:eu-west-1:222222222222:key/k"}
    own.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    assert _encryption(own, bucket) == rule
    own.delete_bucket_encryption(Bucket=bucket)
    assert _encryption(own, bucket) == {"SSEAlgorithm": "AES256"}
    own.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert own.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    own.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert own.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    expire = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 7}}
    own.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expire]})
    kept = own.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [(entry["ID"], entry["Expiration"]["Days"]) for entry in kept] == [("old", 7)]


def _encryption(client: Any, bucket: str) -> Any:
    rules = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return rules[0]["ApplyServerSideEncryptionByDefault"]


def test_a_bucket_name_exists_once_in_the_world(aws: World) -> None:
    bucket = aws.bucket(TARGET_ACCOUNT)
    here = {"LocationConstraint": REGION}
    with refused("BucketAlreadyOwnedByYou"):
        aws.target("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=here)
    with refused("BucketAlreadyExists"):
        aws.source("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=here)
    with refused("NoSuchBucket"):
        aws.source("s3").list_objects_v2(Bucket="nobody-has-this-one")


def test_conditional_writes(aws: World) -> None:
    bucket = aws.bucket()
    own = aws.target("s3")
    etag = own.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with refused("PreconditionFailed"):
        own.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    own.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    with refused("PreconditionFailed"):
        own.put_object(Bucket=bucket, Key="k", Body=b"4", IfMatch=etag)
    assert own.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_a_foreign_role_lists_and_reads_with_a_policy(aws: World) -> None:
    statement = allow({"AWS": SOURCE_ROLE}, "s3:GetObject", "s3:ListBucket", resource=["BUCKET", "BUCKET/*"])
    bucket = aws.bucket(TARGET_ACCOUNT, statement)
    aws.target("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    listed = aws.source("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == ["k"]
    trust = {"Effect": "Allow", "Principal": {"AWS": SOURCE_ACCOUNT}, "Action": "sts:AssumeRole"}
    aws.source("iam").create_role(RoleName="SomebodyElse", AssumeRolePolicyDocument=document("", trust))
    other_role = aws.client("s3", SOURCE_ACCOUNT, "SomebodyElse")
    with refused("AccessDenied"):
        other_role.list_objects_v2(Bucket=bucket)


def test_a_presigned_url_acts_for_who_signed_it_and_no_signature_for_nobody(aws: World) -> None:
    bucket = aws.bucket()
    aws.target("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    where = {"Bucket": bucket, "Key": "k"}
    assert _get(aws.target("s3").generate_presigned_url("get_object", Params=where)) == 200
    assert _get(aws.source("s3").generate_presigned_url("get_object", Params=where)) == 403
    assert _get(f"{aws.endpoint_url}/{bucket}/k") == 403


def _get(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
